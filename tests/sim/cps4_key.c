/*
 * Files and keys of the simulated CPS4 (fact sheet cps3, sections 4 and 6).
 */
#include <string.h>

#include "card/error.h"
#include "tests/sim/cps4_int.h"
#include "tests/sim/template.h"

enum { KEY_SIGN = 0x10, KEY_AUTH = 0x20, OF_HASH = 0x80, MODULUS = 256 };

/* ---- files --------------------------------------------------------------- */

/*
 * $0 AID, $1 serial number with issuer, $2 logical id, $3 $4 certificates. No
 * dump of a CPS4 is known: these are a CPS3's, with the label and the key ids
 * of the sheet.
 */
static const struct cps4_file {
    enum cps4_where where;
    uint16_t fid;
    const char *content;
} files[] = {
    {CPS4_MF, 0x2F00, "61(4F($0) 50('CPX IAS') 73(30(04(5031)) 4F($0)))"},
    {CPS4_MF, 0xD003, "5A($1)"},
    {CPS4_DF, 0x5031, "A0(30(04(7002))) A4(30(04(7005))) A8(30(04(7001)))"},
    {CPS4_DF, 0x5032,
     "30(020100 04($1) 0C('ASIP SANTE') 80('CPS4v1-' $2) 030206C0"
     "A5(180F'20200316110000Z'))"},
    {CPS4_DF, 0x7001,
     "30(30(0C('Code porteur de la carte CPS') 030108 040102)"
     "  30(040101)"
     "  A1(30(0303040C10 0A0101 020104 020108 020104 800101 0401FF)))"
     "30(30(0C('Code de d'C3A9'blocage de la carte CPS') 030108)"
     "  30(040104)"
     "  A1(30(0303041D10 0A0101 020108 020108 020108 800102)))"},
    {CPS4_DF, 0x7002,
     "30(30(0C('CPS_PRIV_SIG') 03020780 040101)"
     "  30(04($0 10) 0303060040 0101FF 030204B0 020110)"
     "  A1(30(30(0400) 02020800)))"
     "30(30(0C('CPS_PRIV_AUT') 030205E0 040101)"
     "  30(04($0 20) 03020560 0101FF 030204B0 020120)"
     "  A1(30(30(0400) 02020800)))"},
    {CPS4_DF, 0x7005,
     "30(30(0C('Certificat de Signature CPS') 03020800)"
     "  30(04($0 10)) A1(30(30(04(7101)))))"
     "30(30(0C('Certificat d' 27 'Authentification CPS') 03020800)"
     "  30(04($0 20)) A1(30(30(04(7102)))))"},
    {CPS4_DF, 0x7101, "$3"},
    {CPS4_DF, 0x7102, "$4"},
};

unsigned cps4_put_file(const struct cps4_sim *c, enum cps4_where where,
                       uint16_t fid, struct buf *out)
{
    static const uint8_t aid[] = {0xE8, 0x28, 0xBD, 0x08, 0x0F, 0x80, 0x25,
                                  0x00, 0x00, 0x01, 0xFF, 0x00, 0x10};
    uint8_t number[10];
    struct buf serial = BUF_ON(number);
    const struct bytes args[] = {
        BYTES_OF(aid), BYTES_OF(number), bytes_of_string(c->logical_id),
        buf_view(&c->keys.cert[CPS4_SIGN]), buf_view(&c->keys.cert[CPS4_AUTH])};

    /* The check digit covers what is unknown; nobody looks at it. */
    if (bytes_from_hex("8025000001", &serial) < 0 ||
        bytes_from_hex(c->serial, &serial) < 0 ||
        buf_put_u8(&serial, 0x0F) < 0)
        return SIM_SW_ERROR;
    for (size_t i = 0; i < nitems(files); i++)
        if (files[i].where == where && files[i].fid == fid)
            return template_put(out, files[i].content, args) < 0
                       ? SIM_SW_ERROR
                       : SIM_SW_OK;
    return SIM_SW_NOT_FOUND;
}

/* ---- keys ---------------------------------------------------------------- */

/* The algorithms the issuer's software uses. */
static const struct algorithm {
    uint8_t ref;
    bool pss;
    size_t hash_len;
    const char *prefix; /* of a DigestInfo */
} algorithms[] = {
    {0x0A, false, 20, "3021300906052B0E03021A05000414"},
    {0x28, false, 32, "3031300D060960864801650304020105000420"},
    {0x15, true, 20, ""},
    {0x2C, true, 32, ""},
};

static const struct algorithm *find_algorithm(uint8_t ref)
{
    for (size_t i = 0; i < nitems(algorithms); i++)
        if (algorithms[i].ref == ref)
            return &algorithms[i];
    return NULL;
}

static unsigned set_sign(struct cps4_sim *c, struct bytes body)
{
    struct bytes value;
    unsigned tag;

    if (!template_take_tlv(&body, &tag, &value) || tag != 0x91 ||
        value.len != 2 || body.len != 0 ||
        find_algorithm(value.data[0]) == NULL)
        return SIM_SW_DATA;
    if (value.data[1] != (KEY_SIGN | OF_HASH))
        return SIM_SW_NO_REFERENCE;
    c->sign_alg = value.data[0];
    return SIM_SW_OK;
}

static unsigned set_decipher(struct cps4_sim *c, struct bytes body)
{
    struct bytes value;
    unsigned tag;

    if (!template_take_tlv(&body, &tag, &value) || tag != 0x83 ||
        value.len != 1 || body.len != 0)
        return SIM_SW_DATA;
    if (value.data[0] != KEY_AUTH)
        return SIM_SW_NO_REFERENCE;
    c->decipher = true;
    return SIM_SW_OK;
}

unsigned cps4_mse(struct cps4_sim *c, const struct sim_command *cmd)
{
    if (c->where != CPS4_DF)
        return SIM_SW_CONDITIONS;
    switch (cmd->p1 << 8 | cmd->p2) {
    case 0x81B6:
        return set_sign(c, cmd->body);
    case 0x41B8:
        return set_decipher(c, cmd->body);
    default:
        return SIM_SW_P1P2;
    }
}

static unsigned sign(struct cps4_sim *c, struct bytes hash, struct buf *out)
{
    const struct algorithm *a = find_algorithm(c->sign_alg);
    uint8_t space[64];
    struct buf info = BUF_ON(space);

    if (a == NULL)
        return SIM_SW_CONDITIONS;
    if (hash.len != a->hash_len)
        return SIM_SW_LENGTH;
    if (a->pss)
        return sim_sign_pss(&c->keys, CPS4_SIGN, hash, out);
    if (bytes_from_hex(a->prefix, &info) < 0 || buf_put(&info, hash) < 0)
        return SIM_SW_ERROR;
    return sim_sign_pkcs1(&c->keys, CPS4_SIGN, buf_view(&info), out);
}

/* The one operation of the key: what it signs, and what it deciphers. */
static unsigned exponentiate(struct cps4_sim *c, struct bytes block,
                             struct buf *out)
{
    if (!c->decipher)
        return SIM_SW_CONDITIONS;
    if (block.len != MODULUS)
        return SIM_SW_LENGTH;
    return sim_sign_raw(&c->keys, CPS4_AUTH, block, out);
}

unsigned cps4_pso(struct cps4_sim *c, const struct sim_command *cmd,
                  struct buf *out)
{
    unsigned operation = (unsigned)(cmd->p1 << 8 | cmd->p2);

    if (operation != 0x9E9A && operation != 0x8086)
        return SIM_SW_P1P2;
    if (!c->pins.pin[CPS4_PIN].verified)
        return SIM_SW_SECURITY;
    return operation == 0x9E9A ? sign(c, cmd->body, out)
                               : exponentiate(c, cmd->body, out);
}
