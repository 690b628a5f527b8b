/*
 * The files of the simulated CPS3 (fact sheet cps3, sections 3 to 5 and 8):
 * real bytes where the sheet has them; what is ours is said. Other makers'
 * cards have the same ones but EF.DIR, EF.ATR and EF.SN.
 */
#include "tests/sim/cps3_int.h"

#include <stdlib.h>
#include <string.h>

#include "card/error.h"
#include "tests/sim/pki.h"
#include "tests/sim/template.h"

static const uint8_t aid_contactless[] = {0xE8, 0x28, 0xBD, 0x08, 0x0F,
                                          0x80, 0x25, 0x00, 0x00, 0x01,
                                          0xFF, 0x00, 0x20};
const struct bytes cps3_aid_contactless = {aid_contactless,
                                           sizeof(aid_contactless)};

static const char ef_actualisation[] =
    "EC(81 07 20200101000000 82 07 20200101000500)";

static const char ef_odf[] =
    "A0(30(04(7002))) A4(30(04(7005))) A8(30(04(7001)))";

static const char ef_token_info[] =
    "30(020100 04($3) 0C('ASIP SANTE') 80('CPS3v3-' $4) 030206C0"
    "A2(30(020101 02020220 0500 03020102 06052B0E03021A 020110)"
    "  30(020102 02020250 0500 03020102 0609608648016503040201 020140)"
    "  30(020103 020106 0500 03020640 06092A864886F70D010105 020112)"
    "  30(020104 020140 0500 03020640 06092A864886F70D01010B 020142)"
    "  30(020105 020101 0500 03020640 06092A864886F70D010101 020102)"
    "  30(020106 020101 0500 03020204 06092A864886F70D010101 02011A))"
    "A5(180F'20100316110000Z'))";

/* The flags' BIT STRING of each is malformed on real cards too. */
static const char ef_aodf[] =
    "30(30(0C('Code porteur de la carte CPS') 030108 040102"
    "     30(30(03020520 0500) 30(03020640 0500) 30(03020308 040104)))"
    "  30(040101)"
    "  A1(30(0303040C10 0A0101 020104 020108 020104 8001$9 0401FF)))"
    "30(30(0C('Code de d'C3A9'blocage de la carte CPS') 030108"
    "     30(30(03020520 0500) 30(03020640 0500)))"
    "  30(040104)"
    "  A1(30(0303041D10 0A0101 020108 020108 020108 800102)))";

/* The signature key comes first, as its certificate does in the CDF. */
static const char ef_prkdf[] =
    "30(30(0C('CPS_PRIV_SIG') 03020780 040101 30(30(03020204 040101)))"
    "  30(04($0 01) $5 0101FF 030204B0 02020081) A1(30(30(0400) 02020800)))"
    "30(30(0C('CPS_PRIV_AUT') 030205E0 040101"
    "     30(30(03020001 040101) 30(0303060040 040101)))"
    "  30(04($0 02) $6 0101FF 030204B0 02020082) A1(30(30(0400) 02020800)))";

static const char ef_cdf[] =
    "30(30(0C('Certificat de Signature CPS') 03020800"
    "     30(30(03020780 0500) 30(03020640 040101)))"
    "  30(04($0 01)) A1(30(30(04(7101)))))"
    "30(30(0C('Certificat d' 27 'Authentification CPS') 03020800"
    "     30(30(03020780 0500) 30(03020640 040101)))"
    "  30(04($0 02)) A1(30(30(04(7102)))))";

/*
 * CPS_DATA and two activity situations. What the first's bytes mean nobody
 * knows: these are ours. Of an activity the three tags are known.
 */
static const char ef_cps_data[] =
    "E0(81(80) 82('CPS') 83(20 09 04 01)) E1(84(01 02 03))";

static const char ef_activity_1[] =
    "EE(84('CABINET DENTAIRE DU PORT') 85('10B0307377') 86('SA07'))";

static const char ef_activity_2[] =
    "EE(84('CENTRE DENTAIRE DE LA GARE') 85('10B0307385') 86('SA08'))";

/*
 * Contactless: no real directory is known but the key's label, that it has no
 * PIN, and that what is in contact's 7001 cannot be read.
 */
static const char ef_prkdf_contactless[] =
    "30(30(0C('CPS_PRIV_TECH_AUT') 030205A0)"
    "  30(04($0 03) $6 0101FF 030204B0 02020083) A1(30(30(0400) 02020800)))";

static const char ef_cdf_contactless[] =
    "30(30(0C('Certificat Technique CPS') 03020800"
    "     30(30(03020780 0500) 30(03020640 040101)))"
    "  30(04($0 03)) A1(30(30(04(7102)))))";

enum { SFI_DIR = 0x1E, SFI_ATR = 0x1D, SFI_SN = 0x1C, SFI_SHIFT = 3 };

static const struct layout {
    enum cps3_where where;
    uint16_t fid;
    uint8_t sfi;
    bool free_read;
    const char *content;
} layout[] = {
    {CPS3_DF, 0x5031, 0,       true,  ef_odf       },
    {CPS3_DF, 0x5032, 0,       true,  ef_token_info},
    {CPS3_DF, 0x7001, 0,       true,  ef_aodf      },
    {CPS3_DF, 0x7002, 0,       true,  ef_prkdf     },
    {CPS3_DF, 0x7005, 0,       true,  ef_cdf       },
};

/* Beside them on a CPS; all but the first wait for the PIN. */
static const struct layout personal[] = {
    {CPS3_DF, 0xD107, 0, true,  ef_cps_data  },
    {CPS3_DF, 0xD120, 0, false, ef_activity_1},
    {CPS3_DF, 0xD121, 0, false, ef_activity_2},
};

enum {
    ISSUER = 5,
    SERIAL_BCD = 10,
    SERIAL_BARE = 4,
    SERIAL_SHIFTED = 5,
    USAGE_MAX = 5
};

struct identity {
    uint8_t serial[SERIAL_BCD];
    uint8_t sign_usage[USAGE_MAX], auth_usage[USAGE_MAX];
    uint8_t shifted[SERIAL_SHIFTED];
    uint8_t pin_ref;
    struct bytes args[10]; /* $0 .. $9 of the templates */
};

/*
 * Which digits the check digit covers is unknown; issuer and serial together
 * give the digit of the one real dump we know (99213845, 0).
 */
static uint8_t luhn(const char *digits)
{
    static const uint8_t doubled[] = {0, 2, 4, 6, 8, 1, 3, 5, 7, 9};
    size_t len = strlen(digits);
    unsigned sum = 0;

    for (size_t i = 0; i < len; i++) {
        unsigned digit = (unsigned)(digits[len - 1 - i] - '0');

        sum += i % 2 == 0 ? doubled[digit % 10] : digit;
    }
    return (uint8_t)((10 - sum % 10) % 10);
}

static int make_serial(const char *serial, uint8_t out[SERIAL_BCD])
{
    char digits[19] = "8025000001";
    struct buf b = {out, 0, SERIAL_BCD};
    int rc;

    if (strlen(serial) != 8 || strspn(serial, "0123456789") != 8)
        return card_fail(CARD_E_CONFIG, "cps3: serial is not 8 digits");
    memcpy(digits + 10, serial, 9);
    if ((rc = bytes_from_hex(digits, &b)) < 0)
        return rc;
    return buf_put_u8(&b, (uint8_t)(luhn(digits) << 4 | 0x0F));
}

/* A KeyUsageFlags BIT STRING: bit 0 is the first of the first byte. */
static struct bytes make_usage(uint16_t flags, uint8_t out[USAGE_MAX])
{
    unsigned last = 0;
    uint8_t len;

    for (unsigned bit = 0; bit < 16; bit++)
        if (flags >> bit & 1)
            last = bit;
    len = last < 8 ? 1 : 2;
    memset(out, 0, USAGE_MAX);
    out[0] = 0x03;
    out[1] = (uint8_t)(len + 1);
    out[2] = (uint8_t)(len * 8U - 1 - last);
    for (unsigned bit = 0; bit <= last; bit++)
        if (flags >> bit & 1)
            out[3 + bit / 8] |= (uint8_t)(0x80 >> bit % 8);
    return bytes_from(out, (size_t)len + 3);
}

/* 99 00 27 52 as 09 90 02 75 2F. */
static void shift_serial(const uint8_t *bare, uint8_t out[SERIAL_SHIFTED])
{
    for (size_t i = 0; i < SERIAL_SHIFTED; i++)
        out[i] = (uint8_t)((i == 0 ? 0 : bare[i - 1] << 4) |
                           (i == SERIAL_BARE ? 0x0F : bare[i] >> 4));
}

static int make_identity(const struct cps3 *c, struct identity *id)
{
    enum { DECRYPT_SIGN = 1 << 1 | 1 << 2, NON_REPUDIATION = 1 << 9 };
    const struct cps3_options *o = &c->options;
    const char *logical = o->logical_id != NULL ? o->logical_id : "2300081197";
    uint16_t sign = o->sign_usage != 0 ? o->sign_usage : NON_REPUDIATION;
    uint16_t auth = o->auth_usage != 0 ? o->auth_usage : DECRYPT_SIGN;
    int rc = make_serial(o->serial != NULL ? o->serial : "99002752",
                         id->serial);

    shift_serial(id->serial + ISSUER, id->shifted);
    id->pin_ref = c->maker->local_pin ? 0x81 : 0x01;
    id->args[0] = buf_view(&c->aid);
    id->args[1] = cps3_aid_contactless;
    id->args[2] = buf_view(&c->root);
    id->args[3] = BYTES_OF(id->serial);
    id->args[4] = bytes_of_string(logical);
    id->args[5] = make_usage(sign, id->sign_usage);
    id->args[6] = make_usage(auth, id->auth_usage);
    id->args[7] = bytes_from(id->serial + ISSUER, SERIAL_BARE);
    id->args[8] = BYTES_OF(id->shifted);
    id->args[9] = bytes_from(&id->pin_ref, 1);
    return rc;
}

static int add_file(struct cps3 *c, const struct layout *l,
                    const struct bytes *args)
{
    struct cps3_file *f = &c->files[c->file_count];
    int rc;

    if (c->file_count == CPS3_MAX_FILES)
        return card_fail(CARD_E_CONFIG, "cps3: too many files");
    if ((rc = buf_new(&f->content, CPS3_MAX_FILE)) < 0)
        return rc;
    c->file_count++;
    f->fid = l->fid;
    f->where = l->where;
    f->sfi_byte = (uint8_t)(l->sfi << SFI_SHIFT);
    f->free_read = l->free_read;
    return template_put(&f->content, l->content, args);
}

/* The DER of a certificate in mkcard's folder, with padding behind it. */
static int add_cert(struct cps3 *c, uint16_t fid, const char *name)
{
    static const uint8_t padding[CPS3_MAX_FILE];
    const struct layout l = {CPS3_DF, fid, 0, true, "$0 $1"};
    X509 *cert = pki_load_cert(c->options.dir, name);
    unsigned char *der = NULL;
    int len = cert != NULL ? i2d_X509(cert, &der) : -1;
    int rc = CARD_E_CONFIG;

    if (len > 0 && c->options.cert_padding <= sizeof(padding)) {
        struct bytes args[] = {
            bytes_from(der, (size_t)len),
            bytes_from(padding, c->options.cert_padding),
        };

        rc = add_file(c, &l, args);
    }
    OPENSSL_free(der);
    X509_free(cert);
    return rc;
}

/* Replace an EF's content, or add an EF, for files a test wants malformed. */
static int apply_override(struct cps3 *c, const struct cps3_override *o)
{
    uint8_t path[6];
    struct buf b = BUF_ON(path);
    struct bytes cursor;
    uint16_t fid = 0;
    struct layout l = {CPS3_MF, 0, 0, true, ""};
    struct cps3_file *f;
    int rc;

    if ((rc = bytes_from_hex(o->path, &b)) < 0)
        return rc;
    cursor = buf_view(&b);
    while (bytes_take_u16(&cursor, &fid))
        ;
    l.fid = fid;
    l.where = b.len > 4 ? CPS3_DF : CPS3_MF;
    if ((f = cps3_find_file(c, l.where, fid)) == NULL) {
        if ((rc = add_file(c, &l, NULL)) < 0)
            return rc;
        f = &c->files[c->file_count - 1];
    }
    f->content.len = 0;
    return buf_put(&f->content, o->content);
}

static int add_of_maker(struct cps3 *c, const struct bytes *args)
{
    const struct cps3_maker *m = c->maker;
    const struct layout of_maker[] = {
        {CPS3_MF, 0x2F00, SFI_DIR, true,  m->dir   },
        {CPS3_MF, 0x2F01, SFI_ATR, true,  m->ef_atr},
        {CPS3_MF, 0xD003, SFI_SN,  false, m->sn    },
    };
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < nitems(of_maker); i++)
        if (of_maker[i].content != NULL)
            rc = add_file(c, &of_maker[i], args);
    return rc;
}

static int add_contactless(struct cps3 *c, const struct bytes *args)
{
    static const struct layout contactless[] = {
        {CPS3_DF, 0x5031, 0, true, ef_odf},
        {CPS3_DF, 0x5032, 0, true, ef_token_info},
        {CPS3_DF, 0x7002, 0, true, ef_prkdf_contactless},
        {CPS3_DF, 0x7005, 0, true, ef_cdf_contactless},
        {CPS3_DF, 0x7001, 0, true, ef_aodf},
    };
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < nitems(contactless); i++)
        rc = add_file(c, &contactless[i], args);
    c->files[c->file_count - 1].closed = true;
    return rc;
}

static int add_personal(struct cps3 *c, const struct bytes *args)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < nitems(personal); i++)
        if ((rc = add_file(c, &personal[i], args)) == 0)
            c->files[c->file_count - 1].guarded = !personal[i].free_read;
    return rc;
}

static int add_contact(struct cps3 *c, const struct bytes *args)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < nitems(layout); i++)
        rc = add_file(c, &layout[i], args);
    if (rc < 0 || (rc = add_cert(c, 0x7101, "sign")) < 0 || !c->maker->cps)
        return rc;
    return add_personal(c, args);
}

int cps3_make_files(struct cps3 *c)
{
    static const struct layout actualisation = {CPS3_MF, 0xD010, 0, true,
                                                ef_actualisation};
    struct identity id;
    int rc = make_identity(c, &id);

    if (rc == 0)
        rc = add_of_maker(c, id.args);
    if (rc == 0)
        rc = c->maker->contactless ? add_contactless(c, id.args)
                                   : add_contact(c, id.args);
    if (rc == 0 && c->options.actualisation)
        rc = add_file(c, &actualisation, id.args);
    if (rc == 0)
        rc = add_cert(c, 0x7102, "auth");
    for (size_t i = 0; rc == 0 && i < c->options.override_count; i++)
        rc = apply_override(c, &c->options.overrides[i]);
    return rc;
}

void cps3_free_files(struct cps3 *c)
{
    for (size_t i = 0; i < c->file_count; i++)
        buf_free(&c->files[i].content);
    c->file_count = 0;
}

struct cps3_file *cps3_find_file(struct cps3 *c, enum cps3_where where,
                                 uint16_t fid)
{
    for (size_t i = 0; i < c->file_count; i++)
        if (c->files[i].where == where && c->files[i].fid == fid)
            return &c->files[i];
    return NULL;
}

/* Real layout; tag 88 of files without SFI is left empty as other makers do. */
int cps3_put_fcp(const struct cps3_file *file, struct buf *out)
{
    const uint8_t size[] = {(uint8_t)(file->content.len >> 8),
                            (uint8_t)file->content.len};
    const uint8_t fid[] = {(uint8_t)(file->fid >> 8), (uint8_t)file->fid};
    const struct bytes args[] = {
        BYTES_OF(size), BYTES_OF(fid),
        bytes_from(&file->sfi_byte, file->sfi_byte != 0 ? 1 : 0)};
    const char *text =
        file->guarded /* ours: by the user of SE 1, as the keys */
            ? "62(80($0) 820101 83($1) 88($2) A1(8C077BFFFFFFFFFF11) 8A0105)"
        : file->free_read
            ? "62(80($0) 820101 83($1) 88($2)"
              "  A1(8C077B45FFFFFF4500 9C077BFFFFFFFFFF00) 8A0105)"
            : "62(80($0) 820101 83($1) 88($2)"
              "  A1(8C077BFFFFFFFFFF00 9C077BFFFFFFFFFF00) 8A0105)";

    return template_put(out, text, args);
}

/* No dump of a DF's FCP is known: this one is ours. */
int cps3_put_df_fcp(const struct cps3 *c, struct buf *out)
{
    static const uint8_t fid_mf[] = {0x3F, 0x00};
    static const uint8_t fid_df[] = {0x00, 0x01};
    static const uint8_t fid_df_cl[] = {0x00, 0x02};
    const struct bytes mf[] = {BYTES_OF(fid_mf), buf_view(&c->root)};
    const struct bytes df[] = {BYTES_OF(fid_df), buf_view(&c->aid)};
    const struct bytes df_cl[] = {BYTES_OF(fid_df_cl), cps3_aid_contactless};

    return template_put(
        out, "62(820138 83($0) 84($1) A1(8C077BFFFFFFFFFF00) 8A0105)",
        c->where == CPS3_DF      ? df
        : c->where == CPS3_DF_CL ? df_cl
                                 : mf);
}
