/*
 * Data objects of OpenPGP cards: Functional Specification of the OpenPGP
 * application on ISO smart card operating systems, 2.0 to 3.4, clause 4.
 */
#include "card/driver/openpgp_data.h"

#include <string.h>

#include "card/base/spki.h"
#include "card/error.h"
#include "card/wire/iso7816.h"
#include "card/wire/tlv.h"

enum {
    ALGORITHM_RSA = 0x01,
    ALGORITHM_ECDH = 0x12,
    ALGORITHM_ECDSA = 0x13,
    ALGORITHM_EDDSA = 0x16,
    CAPS_KDF = 0x01,          /* C0, first byte */
    STATUS_SEVERAL = 0x01,    /* C4, first byte */
    STATUS_PIN_BLOCK = 0x80,  /* C4, second byte */
    STATUS_LEN = 7,
    ANSWER_LEAST = 256,
    KDF_NONE = 0x00,
    KDF_S2K_ITERATED = 0x03,
    KDF_COUNT_MAX = 65011712, /* what one byte can count to in RFC 4880 3.7.1 */
    POINT_NATIVE = 0x40       /* native point (RFC 9580 11.2) */
};

static const uint8_t aid_start[] = {0xD2, 0x76, 0x00, 0x01, 0x24, 0x01};

/* In DER, 06 and the length first. */
static const struct openpgp_curve curves[] = {
    {"P-256", CARD_KEY_EC, 256, true,
     {0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07}},
    {"P-384", CARD_KEY_EC, 384, true,
     {0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22}},
    {"P-521", CARD_KEY_EC, 521, true,
     {0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x23}},
    {"Ed25519", CARD_KEY_ED25519, 256, true,
     {0x06, 0x09, 0x2B, 0x06, 0x01, 0x04, 0x01, 0xDA, 0x47, 0x0F, 0x01}},
    {"Ed25519", CARD_KEY_ED25519, 256, true,
     {0x06, 0x03, 0x2B, 0x65, 0x70}},
    {"X25519", CARD_KEY_X25519, 256, true,
     {0x06, 0x0A, 0x2B, 0x06, 0x01, 0x04, 0x01, 0x97, 0x55, 0x01, 0x05, 0x01}},
    {"X25519", CARD_KEY_X25519, 256, true,
     {0x06, 0x03, 0x2B, 0x65, 0x6E}},
    {"brainpoolP256r1", CARD_KEY_EC, 256, false,
     {0x06, 0x09, 0x2B, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x07}},
    {"brainpoolP256t1", CARD_KEY_EC, 256, false,
     {0x06, 0x09, 0x2B, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x08}},
    {"brainpoolP384r1", CARD_KEY_EC, 384, false,
     {0x06, 0x09, 0x2B, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x0B}},
    {"brainpoolP384t1", CARD_KEY_EC, 384, false,
     {0x06, 0x09, 0x2B, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x0C}},
    {"brainpoolP512r1", CARD_KEY_EC, 512, false,
     {0x06, 0x09, 0x2B, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x0D}},
    {"brainpoolP512t1", CARD_KEY_EC, 512, false,
     {0x06, 0x09, 0x2B, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x0E}},
    {"secp256k1", CARD_KEY_EC, 256, false,
     {0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x0A}},
};

/* DER */
static struct bytes curve_oid(const struct openpgp_curve *curve)
{
    return bytes_from(curve->oid, 2U + curve->oid[1]);
}

bool openpgp_is_v3(const struct openpgp_data *data)
{
    return data->aid[sizeof(aid_start)] >= 3;
}

/* ---- application related data, 6E ---------------------------------------- */

/* 5F52: card capabilities stand behind the category byte. */
static void parse_historical(struct bytes value, struct openpgp_data *out)
{
    uint8_t category, told;

    bytes_take_u8(&value, &category);
    told = iso_card_capabilities(value);
    out->chaining = (told & ISO_CHAINING) != 0;
    out->extended = (told & ISO_EXTENDED) != 0;
}

/* 7F66: 02 02 command, 02 02 answer. */
static void parse_limits(struct bytes value, struct openpgp_data *out)
{
    struct tlv command, answer;
    uint32_t max;

    if (tlv_next_is(&value, 0x02, &command) &&
        tlv_next_is(&value, 0x02, &answer) &&
        tlv_unsigned(answer.value, &max) && max >= ANSWER_LEAST &&
        max <= UINT16_MAX)
        out->max_answer = max;
}

/* C0: a length of 0 for certificates says that there are none. */
static void parse_capabilities(struct bytes value, struct openpgp_data *out)
{
    struct bytes skipped;
    uint8_t first;
    uint16_t cert_max;

    if (!bytes_take_u8(&value, &first))
        return;
    out->kdf = (first & CAPS_KDF) != 0;
    if (bytes_take(&value, 3, &skipped) && bytes_take_u16(&value, &cert_max))
        out->certs = cert_max > 0;
}

/* In the attribute the OID may be followed by FF: import wants the point. */
static const struct openpgp_curve *find_curve(struct bytes oid)
{
    if (oid.len > 0 && oid.data[oid.len - 1] == 0xFF)
        oid.len--;
    for (size_t i = 0; i < nitems(curves); i++) {
        struct bytes known = curve_oid(&curves[i]), header;

        bytes_take(&known, 2, &header);
        if (bytes_equal(known, oid))
            return &curves[i];
    }
    return NULL;
}

static void parse_algorithm(struct bytes value, struct openpgp_key *key)
{
    uint8_t algorithm;
    uint16_t bits;

    if (!bytes_take_u8(&value, &algorithm))
        return;
    key->is_rsa = algorithm == ALGORITHM_RSA &&
                  bytes_take_u16(&value, &bits) &&
                  bits <= 8 * CARD_MAX_SIGNATURE;
    if (key->is_rsa)
        key->bits = bits;
    if (algorithm == ALGORITHM_ECDH || algorithm == ALGORITHM_ECDSA ||
        algorithm == ALGORITHM_EDDSA)
        key->curve = find_curve(value);
}

bool openpgp_parse_pw_status(struct bytes value,
                             struct openpgp_pw_status *out)
{
    *out = (struct openpgp_pw_status){.several = false};
    for (size_t i = 0; i < OPENPGP_PASSWORDS; i++)
        out->of[i].tries = CARD_TRIES_UNKNOWN;
    if (value.len < STATUS_LEN)
        return false;
    out->several = value.data[0] == STATUS_SEVERAL;
    for (size_t i = 0; i < OPENPGP_PASSWORDS; i++) {
        out->of[i].pin_block = (value.data[1 + i] & STATUS_PIN_BLOCK) != 0;
        out->of[i].max_len = value.data[1 + i] & (unsigned)~STATUS_PIN_BLOCK;
        out->of[i].tries = value.data[4 + i];
    }
    return true;
}

/* The n-th part of a list of equal parts, or nothing. */
static void take_part(struct bytes list, size_t n, uint8_t *part, size_t len)
{
    struct bytes skipped, found;

    if (bytes_take(&list, n * len, &skipped) && bytes_take(&list, len, &found))
        memcpy(part, found.data, len);
}

/* DE: pairs of key and state. A card without it (2.x) does not say. */
static void parse_key_states(struct bytes value, struct openpgp_data *out)
{
    uint8_t ref, state;

    while (bytes_take_u8(&value, &ref) && bytes_take_u8(&value, &state))
        if (ref >= 1 && ref <= OPENPGP_SLOTS)
            out->keys[ref - 1].absent = state == 0;
}

static void parse_key(struct bytes objects, size_t i, struct openpgp_key *key)
{
    struct tlv tlv;

    if (tlv_find(objects, (uint32_t)(0xC1 + i), &tlv))
        parse_algorithm(tlv.value, key);
    if (tlv_find(objects, 0xC5, &tlv))
        take_part(tlv.value, i, key->fingerprint, sizeof(key->fingerprint));
    if (tlv_find(objects, 0xCD, &tlv))
        take_part(tlv.value, i, key->time, sizeof(key->time));
    if (tlv_find(objects, (uint32_t)(0xD6 + i), &tlv) && tlv.value.len > 0)
        key->touch = tlv.value.data[0] != 0;
}

static void put_mark(struct bytes value, struct openpgp_data *out)
{
    struct buf mark = {out->mark, out->mark_len, sizeof(out->mark)};

    if (buf_put(&mark, value) == 0)
        out->mark_len = mark.len;
}

/* 73 */
static void parse_discretionary(struct bytes objects,
                                struct openpgp_data *out)
{
    struct tlv tlv;

    if (tlv_find(objects, 0xC0, &tlv))
        parse_capabilities(tlv.value, out);
    if (tlv_find(objects, 0xC4, &tlv))
        openpgp_parse_pw_status(tlv.value, &out->pw);
    for (size_t i = 0; i < OPENPGP_SLOTS; i++)
        parse_key(objects, i, &out->keys[i]);
    if (tlv_find(objects, 0xCD, &tlv))
        put_mark(tlv.value, out);
    if (!tlv_find(objects, 0xDE, &tlv))
        return;
    parse_key_states(tlv.value, out);
    put_mark(tlv.value, out);
}

int openpgp_parse(struct bytes answer, struct openpgp_data *out)
{
    struct tlv tlv;

    memset(out, 0, sizeof(*out));
    out->certs = true;
    openpgp_parse_pw_status(bytes_from(NULL, 0), &out->pw);
    if (tlv_find(answer, 0x6E, &tlv))
        answer = tlv.value;
    if (!tlv_find(answer, 0x4F, &tlv) || tlv.value.len != OPENPGP_AID ||
        !bytes_start_with(tlv.value, BYTES_OF(aid_start)) ||
        tlv.value.data[sizeof(aid_start)] < 2)
        return card_fail(CARD_E_PROTOCOL, "DO 6E holds no AID of an OpenPGP "
                         "card 2.0 or later");
    memcpy(out->aid, tlv.value.data, sizeof(out->aid));
    if (tlv_find(answer, 0x5F52, &tlv))
        parse_historical(tlv.value, out);
    if (tlv_find(answer, 0x7F66, &tlv))
        parse_limits(tlv.value, out);
    if (tlv_find(answer, 0x73, &tlv))
        parse_discretionary(tlv.value, out);
    return 0;
}

/* ---- KDF-DO, F9 ---------------------------------------------------------- */

/* One salt may serve for all three: so GnuPG's "kdf-setup single" writes it. */
static bool parse_salts(struct bytes value, struct openpgp_kdf *out)
{
    for (size_t i = 0; i < OPENPGP_PASSWORDS; i++) {
        struct tlv salt;

        if (!tlv_find(value, (uint32_t)(0x84 + i), &salt) &&
            !tlv_find(value, 0x84, &salt))
            return false;
        if (salt.value.len != sizeof(out->salt[i]))
            return false;
        memcpy(out->salt[i], salt.value.data, sizeof(out->salt[i]));
    }
    return true;
}

static bool parse_s2k(struct bytes value, struct openpgp_kdf *out)
{
    struct tlv hash, count;
    uint32_t n;

    if (!tlv_find(value, 0x82, &hash) || hash.value.len != 1 ||
        !tlv_find(value, 0x83, &count) || !tlv_unsigned(count.value, &n) ||
        !parse_salts(value, out) || n > KDF_COUNT_MAX)
        return false;
    out->hash = hash.value.data[0] == 0x08   ? CARD_HASH_SHA256
                : hash.value.data[0] == 0x0A ? CARD_HASH_SHA512
                                             : CARD_HASH_NONE;
    out->count = n;
    return out->hash != CARD_HASH_NONE;
}

int openpgp_parse_kdf(struct bytes value, struct openpgp_kdf *out)
{
    struct tlv tlv;

    memset(out, 0, sizeof(*out));
    if (tlv_find(value, 0xF9, &tlv))
        value = tlv.value;
    if (value.len == 0)
        return 0;
    if (tlv_find(value, 0x81, &tlv) && tlv.value.len == 1) {
        if (tlv.value.data[0] == KDF_NONE)
            return 0;
        if (tlv.value.data[0] == KDF_S2K_ITERATED && parse_s2k(value, out))
            return 0;
    }
    return card_fail(CARD_E_UNSUPPORTED, "the card wants its PIN derived in a "
                     "way that is not known here");
}

int openpgp_derive_pin(struct crypto *crypto, const struct openpgp_kdf *kdf,
                       enum openpgp_password which, struct bytes pin,
                       struct buf *out)
{
    uint8_t space[sizeof(kdf->salt[which]) + CARD_MAX_PIN];
    struct buf input = BUF_ON(space);
    int rc;

    if ((rc = buf_put(&input, BYTES_OF(kdf->salt[which]))) == 0 &&
        (rc = buf_put(&input, pin)) == 0)
        rc = crypto_hash_repeated(crypto, kdf->hash, buf_view(&input),
                                  kdf->count, out);
    buf_wipe(&input);
    return rc;
}

/* ---- public keys --------------------------------------------------------- */

static int public_rsa(struct bytes template, struct buf *spki)
{
    struct tlv modulus, exponent;

    if (!tlv_find(template, 0x81, &modulus) ||
        !tlv_find(template, 0x82, &exponent))
        return card_fail(CARD_E_PROTOCOL, "an RSA key without a modulus or an "
                         "exponent");
    return spki_rsa(modulus.value, exponent.value, spki);
}

static int public_point(const struct openpgp_curve *curve,
                        struct bytes template, struct buf *spki)
{
    struct bytes point, prefix;
    struct tlv tlv;

    if (!tlv_find(template, 0x86, &tlv))
        return card_fail(CARD_E_PROTOCOL, "a key without a point");
    point = tlv.value;
    if (curve->type != CARD_KEY_EC) {
        if (point.len == curve->bits / 8 + 1 &&
            point.data[0] == POINT_NATIVE)
            bytes_take(&point, 1, &prefix);
        return spki_rfc8410(curve->type, point, spki);
    }
    return spki_ec(curve_oid(curve), point, spki);
}

int openpgp_public(const struct openpgp_key *key, struct bytes answer,
                   struct buf *spki)
{
    struct tlv template;

    if (!key->is_rsa && (key->curve == NULL || !key->curve->supported))
        return card_fail(CARD_E_UNSUPPORTED, "keys on %s are not supported",
                         key->curve != NULL ? key->curve->name
                                            : "an unknown curve");
    if (!tlv_find(answer, 0x7F49, &template))
        return card_fail(CARD_E_PROTOCOL, "no public key in the card's "
                         "answer");
    return key->is_rsa ? public_rsa(template.value, spki)
                       : public_point(key->curve, template.value, spki);
}
