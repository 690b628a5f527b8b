/*
 * Data objects of the simulated OpenPGP card (fact sheet openpgp, sections 2,
 * 3 and 6).
 */
#include <string.h>

#include <openssl/x509.h>

#include "card/error.h"
#include "tests/sim/openpgp_int.h"
#include "tests/sim/template.h"

enum { DATA_MAX = 2048, SALT_LEN = 8, KDF_COUNT = 1000, FINGERPRINT_LEN = 20 };

static const char salts[][SALT_LEN + 1] = {
    [PGP_PW1] = "Salt PW1", [PGP_PW3] = "Salt PW3", [PGP_RC] = "Salt, RC"};

/* ---- 6E ------------------------------------------------------------------ */

/* Card capabilities in the historical bytes: chaining, extended length. */
static uint8_t capabilities(const struct sim_pgp *p)
{
    return (uint8_t)(0x20 | (p->frame.no_chaining ? 0 : 0x80) |
                     (p->frame.extended ? 0x40 : 0));
}

static int put_aid(const struct sim_pgp *p, struct buf *out)
{
    static const char *const makers[] = {
        [PGP_V3] = "0304 0000",
        [PGP_V2] = "0200 0005",
        [PGP_GNUK] = "0304 F517",
        [PGP_YUBIKEY] = "0304 0006",
    };
    struct bytes args[] = {BYTES_OF(p->serial)};
    int rc = template_put(out, "D27600012401", NULL);

    if (rc == 0)
        rc = template_put(out, makers[p->card], NULL);
    return rc < 0 ? rc : template_put(out, "$00000", args);
}

static const char *algorithm_of(const struct sim_pgp *p,
                                enum sim_pgp_slot slot)
{
    const EVP_PKEY *key = p->keys.key[slot];
    bool decrypts = slot == PGP_DEC;

    if (slot == PGP_AUT && p->curve == PGP_CURVE_BRAINPOOL)
        return "13 2B2403030208010107";
    if (slot == PGP_AUT && p->curve == PGP_CURVE_SECP256K1)
        return "13 2B8104000A";
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
        return "01 0800 0011 03";
    case EVP_PKEY_ED25519:
        return "16 2B06010401DA470F01";
    case EVP_PKEY_X25519:
        return "12 2B060104019755010501";
    default:
        if (sim_key_len(key) == 48)
            return decrypts ? "12 2B81040022 FF" : "13 2B81040022 FF";
        return decrypts ? "12 2A8648CE3D030107 FF" : "13 2A8648CE3D030107 FF";
    }
}

static int put_algorithm(const struct sim_pgp *p, enum sim_pgp_slot slot,
                         struct buf *out)
{
    uint8_t space[16];
    struct buf value = BUF_ON(space);
    struct bytes args[2];
    uint8_t tag = (uint8_t)(0xC1 + slot);
    int rc = template_put(&value, algorithm_of(p, slot), NULL);

    args[0] = bytes_from(&tag, 1);
    args[1] = buf_view(&value);
    return rc < 0 ? rc : template_put(out, "$0($1)", args);
}

/* Not OpenPGP's, which hashes a packet, but one that goes with the key. */
static int put_fingerprint(const EVP_PKEY *key, struct buf *out)
{
    uint8_t *der = NULL, hash[FINGERPRINT_LEN];
    int len = i2d_PUBKEY(key, &der);
    bool ok = len > 0 && EVP_Digest(der, (size_t)len, hash, NULL, EVP_sha1(),
                                    NULL) == 1;

    OPENSSL_free(der);
    return ok ? buf_put(out, BYTES_OF(hash)) : CARD_E_CONFIG;
}

static int put_pw_status(const struct sim_pgp *p, struct buf *out)
{
    const uint8_t status[] = {p->several, 0x7F, 0x7F, 0x7F,
                              (uint8_t)p->pins.pin[PGP_PW1].tries,
                              (uint8_t)p->pins.pin[PGP_RC].tries,
                              (uint8_t)p->pins.pin[PGP_PW3].tries};

    return buf_put(out, bytes_from(status,
                                   p->short_status ? 4 : sizeof(status)));
}

/* 73, from C0 on. */
static int put_discretionary(const struct sim_pgp *p, struct buf *out)
{
    uint8_t status_space[8], print_space[PGP_SLOTS * FINGERPRINT_LEN];
    struct buf status = BUF_ON(status_space), prints = BUF_ON(print_space);
    struct bytes args[2];
    int rc = template_put(out, p->card == PGP_V2
                                   ? "C00A 7C 00 00FF 0800 00FF 00 00"
                               : p->card == PGP_GNUK
                                   ? "C00A 7D 00 00FF 0000 00FF 00 01"
                                   : "C00A 7D 00 00FF 0800 00FF 00 01",
                          NULL);

    for (int slot = 0; rc == 0 && slot < PGP_SLOTS; slot++)
        if ((rc = put_algorithm(p, (enum sim_pgp_slot)slot, out)) == 0)
            rc = put_fingerprint(p->keys.key[slot], &prints);
    if (rc < 0 || (rc = put_pw_status(p, &status)) < 0)
        return rc;
    args[0] = buf_view(&status);
    args[1] = buf_view(&prints);
    rc = template_put(out, "C4($0) C5($1) C6($1)"
                      "CD(65000001 65000002 65000003)", args);
    if (rc == 0 && p->card != PGP_V2)
        rc = template_put(out, "DE(0102 0201 0302)", NULL);
    if (rc == 0 && p->card == PGP_YUBIKEY)
        rc = template_put(out, p->touch ? "D60201 20 D70201 20 D80201 20"
                                        : "D60200 20 D70200 20 D80200 20",
                          NULL);
    return rc;
}

static int put_application(const struct sim_pgp *p, struct buf *out)
{
    uint8_t aid_space[16], rest_space[DATA_MAX], caps = capabilities(p);
    struct buf aid = BUF_ON(aid_space), rest = BUF_ON(rest_space);
    struct bytes args[3];
    int rc;

    if ((rc = put_aid(p, &aid)) < 0 ||
        (rc = put_discretionary(p, &rest)) < 0)
        return rc;
    args[0] = buf_view(&aid);
    args[1] = bytes_from(&caps, 1);
    args[2] = buf_view(&rest);
    rc = template_put(out, "4F($0) 5F52(00 73 0000$1 059000)", args);
    if (rc == 0 && p->card == PGP_YUBIKEY)
        rc = template_put(out, "7F74(8101 20)", NULL);
    if (rc == 0 && p->frame.extended)
        rc = template_put(out, "7F66(0202 0800 0202 0800)", NULL);
    return rc < 0 ? rc : template_put(out, "73($2)", args);
}

static int put_tagged(const struct sim_pgp *p, struct buf *out)
{
    uint8_t space[DATA_MAX];
    struct buf content = BUF_ON(space);
    struct bytes args[1];
    int rc = put_application(p, &content);

    args[0] = buf_view(&content);
    return rc < 0 ? rc : template_put(out, p->tag ? "6E($0)" : "$0", args);
}

/* ---- KDF ----------------------------------------------------------------- */

int sim_pgp_wire_pin(const struct sim_pgp *p, size_t index, const char *text,
                     struct buf *out)
{
    const char *salt = salts[index];
    uint8_t stream[KDF_COUNT], hash[32];
    size_t len = strlen(text);

    if (p->kdf == PGP_KDF_NO)
        return buf_put(out, bytes_from(text, len));
    for (size_t i = 0; i < sizeof(stream); i++) {
        size_t at = i % (SALT_LEN + len);

        stream[i] = (uint8_t)(at < SALT_LEN ? salt[at] : text[at - SALT_LEN]);
    }
    if (EVP_Digest(stream, sizeof(stream), hash, NULL, EVP_sha256(), NULL) != 1)
        return card_fail(CARD_E_CONFIG, "openpgp: no SHA-256");
    return buf_put(out, BYTES_OF(hash));
}

/* GnuPG wants 87 and 88, what the PINs were at first, to be there. */
static int put_kdf(const struct sim_pgp *p, struct buf *out)
{
    static const char *const texts[] = {
        [PGP_KDF_NO] = "810100",
        [PGP_KDF_YES] =
            ("810103 820108 8304000003E8 84($0) 85($1) 86($2)"
             "87($3) 88($4)"),
        [PGP_KDF_HUGE] = "810103 820108 8304FFFFFFFF 84($0) 85($1) 86($2)",
        [PGP_KDF_UNKNOWN] = "810104 820108 8304000003E8 84($0)",
    };
    uint8_t first_space[SIM_PIN_MAX], admin_space[SIM_PIN_MAX];
    struct buf first = BUF_ON(first_space), admin = BUF_ON(admin_space);
    struct bytes args[] = {bytes_from(salts[PGP_PW1], SALT_LEN),
                           bytes_from(salts[PGP_RC], SALT_LEN),
                           bytes_from(salts[PGP_PW3], SALT_LEN),
                           {NULL, 0},
                           {NULL, 0}};
    int rc;

    if ((rc = sim_pgp_wire_pin(p, PGP_PW1, "123456", &first)) < 0 ||
        (rc = sim_pgp_wire_pin(p, PGP_PW3, "12345678", &admin)) < 0)
        return rc;
    args[3] = buf_view(&first);
    args[4] = buf_view(&admin);
    return template_put(out, texts[p->kdf], args);
}

/* ---- GET DATA ------------------------------------------------------------ */

static unsigned put_certificate(const struct sim_pgp *p, struct buf *out)
{
    static const enum sim_pgp_slot slots[] = {PGP_AUT, PGP_DEC, PGP_SIG};

    if (p->card == PGP_GNUK && p->no_certs)
        return SIM_SW_NO_REFERENCE;
    if (p->no_certs)
        return SIM_SW_OK;
    return buf_put(out, buf_view(&p->keys.cert[slots[p->occurrence]])) < 0
               ? (unsigned)SIM_SW_ERROR
               : (unsigned)SIM_SW_OK;
}

static int put_counter(const struct sim_pgp *p, struct buf *out)
{
    const uint8_t count[] = {(uint8_t)(p->signatures >> 16),
                             (uint8_t)(p->signatures >> 8),
                             (uint8_t)p->signatures};
    struct bytes args[] = {BYTES_OF(count)};

    return template_put(out, "7A(93($0))", args);
}

unsigned sim_pgp_get_data(struct sim_pgp *p, unsigned tag, struct buf *out)
{
    int rc;

    switch (tag) {
    case 0x004F:
        rc = put_aid(p, out);
        break;
    case 0x006E:
        rc = put_tagged(p, out);
        break;
    case 0x0065:
        rc = template_put(out, "65(5B('TESTEUR<<ELODIE') 5F2D('fr')"
                          "5F35('2'))", NULL);
        break;
    case 0x007A:
        rc = put_counter(p, out);
        break;
    case 0x7F21:
        return put_certificate(p, out);
    case 0x00C4:
        rc = put_pw_status(p, out);
        break;
    case 0x00F9:
        if (p->card == PGP_V2)
            return SIM_SW_NO_REFERENCE;
        rc = put_kdf(p, out);
        break;
    case 0x5F52:
        rc = template_put(out, "0073", NULL);
        if (rc == 0 && (rc = buf_put_u16(out, 0)) == 0 &&
            (rc = buf_put_u8(out, capabilities(p))) == 0)
            rc = template_put(out, "059000", NULL);
        break;
    case 0x005E: /* there, but nothing in it */
    case 0x5F50:
    case 0x0101:
    case 0x0102:
        rc = 0;
        break;
    default:
        return SIM_SW_NO_REFERENCE;
    }
    return rc < 0 ? SIM_SW_ERROR : SIM_SW_OK;
}

/* ---- public keys --------------------------------------------------------- */

static int put_rsa(const EVP_PKEY *key, struct buf *out)
{
    uint8_t n_space[512], e_space[8];
    struct buf n = BUF_ON(n_space), e = BUF_ON(e_space);
    struct bytes args[2];
    int rc = sim_public_rsa(key, &n, &e);

    args[0] = buf_view(&n);
    args[1] = buf_view(&e);
    return rc < 0 ? rc : template_put(out, "7F49(81($0) 82($1))", args);
}

static int put_point(const struct sim_pgp *p, const EVP_PKEY *key,
                     struct buf *out)
{
    int id = EVP_PKEY_get_base_id(key);
    uint8_t space[160];
    struct buf point = BUF_ON(space);
    struct bytes args[1];
    int rc = 0;

    if (p->prefix && (id == EVP_PKEY_ED25519 || id == EVP_PKEY_X25519))
        rc = buf_put_u8(&point, 0x40);
    if (rc < 0 || (rc = sim_public_point(key, &point)) < 0)
        return rc;
    args[0] = buf_view(&point);
    return template_put(out, "7F49(86($0))", args);
}

unsigned sim_pgp_put_public(struct sim_pgp *p, enum sim_pgp_slot slot,
                            struct buf *out)
{
    const EVP_PKEY *key = p->keys.key[slot];
    int rc = sim_key_is_rsa(key) ? put_rsa(key, out) : put_point(p, key, out);

    return rc < 0 ? SIM_SW_ERROR : SIM_SW_OK;
}
