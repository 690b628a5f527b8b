/*
 * What the keys of PIV cards compute: GENERAL AUTHENTICATE (SP 800-73-4 part 2,
 * 3.2.4) with raw RSA, ECDSA, ECDH, and Yubico's Ed25519 and X25519; and their
 * public halves, where Yubico's metadata tell them.
 */
#include "card/driver/piv.h"

#include "card/base/spki.h"
#include "card/wire/tlv.h"

enum {
    TAG_CHALLENGE = 0x81,
    TAG_RESPONSE = 0x82,
    TAG_EXPONENTIATION = 0x85,
    TEMPLATE_MAX = 24, /* bytes around a value in its template */
    MAX_COORDINATE = 48
};

/* SP 800-78-4, table 6-2, and Yubico's two. */
static const struct algorithm {
    uint8_t ref;
    enum card_key_type type;
    unsigned bits;
} algorithms[] = {
    {0x06, CARD_KEY_RSA,     1024},
    {0x07, CARD_KEY_RSA,     2048},
    {0x05, CARD_KEY_RSA,     3072},
    {0x16, CARD_KEY_RSA,     4096},
    {0x11, CARD_KEY_EC,      256 },
    {0x14, CARD_KEY_EC,      384 },
    {0xE0, CARD_KEY_ED25519, 0   },
    {0xE1, CARD_KEY_X25519,  0   },
};

static const struct algorithm *algorithm_of(const struct card_key_info *key)
{
    for (size_t i = 0; i < nitems(algorithms); i++)
        if (algorithms[i].type == key->type &&
            (algorithms[i].bits == 0 || algorithms[i].bits == key->bits))
            return &algorithms[i];
    return NULL;
}

/* ---- GENERAL AUTHENTICATE ------------------------------------------------ */

static bool find_response(struct bytes answer, struct tlv *response)
{
    static const uint32_t path[] = {0x7C, TAG_RESPONSE, 0};

    return tlv_find_path(answer, path, response);
}

static bool is_response(struct bytes answer)
{
    struct tlv response;

    return find_response(answer, &response);
}

/* 7C { 82 00, tag value }: an empty object asks for what it would hold. */
static int put_template(struct buf *out, uint32_t tag, struct bytes value)
{
    struct buf objects;
    int rc = buf_new(&objects, value.len + TEMPLATE_MAX);

    if (rc < 0)
        return rc;
    if ((rc = tlv_put(&objects, TAG_RESPONSE, bytes_from(NULL, 0))) == 0 &&
        (rc = tlv_put(&objects, tag, value)) == 0)
        rc = tlv_put(out, 0x7C, buf_view(&objects));
    buf_free(&objects);
    return rc;
}

static int exchange(struct token *t, const struct card_key_info *key,
                    uint8_t algorithm, struct bytes template, struct buf *out)
{
    uint8_t space[CARD_MAX_SIGNATURE + TEMPLATE_MAX];
    struct buf answer = BUF_ON(space);
    struct apdu cmd = {.ins = INS_GENERAL_AUTHENTICATE_ODD, .p1 = algorithm,
                       .p2 = key->ref, .data = template, .le = answer.cap};
    struct tlv response;
    int rc = piv_command(t, &cmd, is_response, &answer, "use the key");

    if (rc == 0 && !find_response(buf_view(&answer), &response))
        rc = card_fail(CARD_E_PROTOCOL, "the card's answer holds no result");
    if (rc == 0)
        rc = buf_put(out, response.value);
    buf_wipe(&answer);
    return rc;
}

static int general_authenticate(struct token *t,
                                const struct card_key_info *key, uint32_t tag,
                                struct bytes value, struct buf *out)
{
    const struct algorithm *algorithm = algorithm_of(key);
    struct buf template;
    int rc;

    if (algorithm == NULL)
        return card_fail(CARD_E_UNSUPPORTED, "PIV has no keys of this kind");
    if (value.len > CARD_MAX_FILE)
        return card_fail(CARD_E_UNSUPPORTED, "%zu bytes are too much for a "
                         "card", value.len);
    if ((rc = buf_new(&template, value.len + 2 * TEMPLATE_MAX)) < 0)
        return rc;
    if ((rc = put_template(&template, tag, value)) == 0)
        rc = exchange(t, key, algorithm->ref, buf_view(&template), out);
    buf_free(&template);
    return rc;
}

/* ---- signatures ---------------------------------------------------------- */

static int put_ecdsa(struct bytes der, size_t len, struct buf *out)
{
    struct bytes r, s;
    int rc;

    if (!tlv_ecdsa(der, &r, &s))
        return card_fail(CARD_E_PROTOCOL, "the card's answer is no ECDSA "
                         "signature");
    rc = buf_put_number(out, r, len);
    return rc < 0 ? rc : buf_put_number(out, s, len);
}

/*
 * The hash in the size of the field, which some cards insist on: what is longer
 * loses its end, as ECDSA has it, and zeros before what is shorter change
 * nothing.
 */
static int sign_ecdsa(struct token *t, const struct card_key_info *key,
                      struct bytes hash, struct buf *sig)
{
    uint8_t space[MAX_COORDINATE], answer[2 * MAX_COORDINATE + TEMPLATE_MAX];
    struct buf input = BUF_ON(space), der = BUF_ON(answer);
    size_t len = (key->bits + 7) / 8;
    int rc;

    if (len > sizeof(space))
        return card_fail(CARD_E_UNSUPPORTED, "PIV has no such curve");
    if (hash.len > len)
        hash.len = len;
    if ((rc = buf_put_number(&input, hash, len)) < 0 ||
        (rc = general_authenticate(t, key, TAG_CHALLENGE, buf_view(&input),
                                   &der)) < 0)
        return rc;
    return put_ecdsa(buf_view(&der), len, sig);
}

int piv_sign(struct token *t, const struct card_key_info *key,
             const struct card_tbs *tbs, struct buf *sig)
{
    struct bytes value = bytes_from(tbs->value, tbs->len);

    switch (key->type) {
    case CARD_KEY_RSA:
        if (tbs->padding != CARD_PAD_NONE)
            return CARD_E_UNSUPPORTED; /* padded above, it comes again */
        return general_authenticate(t, key, TAG_CHALLENGE, value, sig);
    case CARD_KEY_EC:
        return sign_ecdsa(t, key, value, sig);
    case CARD_KEY_ED25519:
        return general_authenticate(t, key, TAG_CHALLENGE, tbs->message, sig);
    default:
        return card_fail(CARD_E_UNSUPPORTED, "this key does not sign");
    }
}

/* ---- secrets ------------------------------------------------------------- */

/* The padding is not the card's business, so no refusal is a word on it. */
int piv_decrypt(struct token *t, const struct card_key_info *key,
                const struct card_unpad *how, struct bytes cryptogram,
                struct buf *plain)
{
    int rc;

    if (key->type != CARD_KEY_RSA || how->padding != CARD_UNPAD_NONE)
        return card_fail(CARD_E_UNSUPPORTED, "the card undoes no padding");
    rc = general_authenticate(t, key, TAG_CHALLENGE, cryptogram, plain);
    return rc == CARD_E_STATUS ? CARD_E_UNSUPPORTED : rc;
}

int piv_derive(struct token *t, const struct card_key_info *key,
               struct bytes peer, struct buf *secret)
{
    if (key->type != CARD_KEY_EC && key->type != CARD_KEY_X25519)
        return card_fail(CARD_E_UNSUPPORTED, "this key agrees on no secrets");
    return general_authenticate(t, key, TAG_EXPONENTIATION, peer, secret);
}

/* ---- public halves ------------------------------------------------------- */

static const uint8_t oid_p256[] = {0x06, 0x08, 0x2A, 0x86, 0x48,
                                   0xCE, 0x3D, 0x03, 0x01, 0x07};
static const uint8_t oid_p384[] = {0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22};

static int put_public(const struct algorithm *algorithm, struct bytes objects,
                      struct buf *spki)
{
    struct tlv modulus, exponent, point;

    if (algorithm->type == CARD_KEY_RSA && tlv_find(objects, 0x81, &modulus) &&
        tlv_find(objects, 0x82, &exponent))
        return spki_rsa(modulus.value, exponent.value, spki);
    if (algorithm->type == CARD_KEY_RSA || !tlv_find(objects, 0x86, &point))
        return card_fail(CARD_E_PROTOCOL, "metadata hold no public key");
    if (algorithm->type == CARD_KEY_EC)
        return spki_ec(algorithm->bits == 256 ? BYTES_OF(oid_p256)
                                              : BYTES_OF(oid_p384),
                       point.value, spki);
    return spki_rfc8410(algorithm->type, point.value, spki);
}

/* 01 algorithm, 04 public key. */
static int parse_metadata(struct bytes answer, struct buf *spki)
{
    struct tlv ref, public;

    if (tlv_find(answer, 0x01, &ref) && ref.value.len == 1 &&
        tlv_find(answer, 0x04, &public))
        for (size_t i = 0; i < nitems(algorithms); i++)
            if (algorithms[i].ref == ref.value.data[0])
                return put_public(&algorithms[i], public.value, spki);
    return card_fail(CARD_E_NOT_FOUND, "metadata tell no public key");
}

static bool is_metadata(struct bytes answer)
{
    struct tlv ref, public;

    return tlv_find(answer, 0x01, &ref) && tlv_find(answer, 0x04, &public);
}

int piv_read_public(struct token *t, const struct card_key_info *key,
                    struct buf *spki)
{
    const struct apdu cmd = {.ins = INS_GET_METADATA, .p2 = key->ref,
                             .le = CARD_MAX_SIGNATURE};
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf answer = BUF_ON(space);
    struct piv *piv = t->priv;
    int rc;

    if ((rc = piv_check_retired(t, key->ref)) < 0)
        return rc;
    if (piv->no_metadata)
        return card_fail(CARD_E_NOT_FOUND, "the card has no metadata");
    rc = piv_command(t, &cmd, is_metadata, &answer, "read metadata");
    piv->no_metadata = rc == CARD_E_UNSUPPORTED;
    if (piv_refused(rc)) /* no such command, or no key in this slot */
        return CARD_E_NOT_FOUND;
    return rc < 0 ? rc : parse_metadata(buf_view(&answer), spki);
}
