/*
 * SubjectPublicKeyInfo from raw material: RFC 5280 4.1.2.7, RFC 3279 2.3.1,
 * RFC 5480, RFC 8410, RFC 9881, RFC 9935. Contents are written first, then
 * wrapped where they are.
 */
#include "card/base/spki.h"

#include <string.h>

#include "card/error.h"

enum { INTEGER = 0x02, BIT_STRING = 0x03, SEQUENCE = 0x30 };

/* AlgorithmIdentifier of rsaEncryption, 1.2.840.113549.1.1.1, with NULL */
static const uint8_t rsa_algorithm[] = {0x30, 0x0D, 0x06, 0x09, 0x2A,
                                        0x86, 0x48, 0x86, 0xF7, 0x0D,
                                        0x01, 0x01, 0x01, 0x05, 0x00};
/* id-RSASSA-PSS, 1.2.840.113549.1.1.10, without parameters */
static const uint8_t pss_algorithm[] = {0x30, 0x0B, 0x06, 0x09, 0x2A,
                                        0x86, 0x48, 0x86, 0xF7, 0x0D,
                                        0x01, 0x01, 0x0A};
/* id-ecPublicKey, 1.2.840.10045.2.1 */
static const uint8_t ec_oid[] = {0x06, 0x07, 0x2A, 0x86, 0x48,
                                 0xCE, 0x3D, 0x02, 0x01};

/* Tag and length before everything written since `start`. */
static int wrap(struct buf *out, size_t start, uint8_t tag)
{
    size_t len = out->len - start;
    uint8_t header[4] = {tag, (uint8_t)len};
    size_t header_len = 2;

    if (len > 0xFFFF)
        return card_fail(CARD_E_PROTOCOL, "a public key of %zu bytes", len);
    if (len > 0xFF) {
        header[1] = 0x82;
        header[2] = (uint8_t)(len >> 8);
        header[3] = (uint8_t)len;
        header_len = 4;
    } else if (len > 0x7F) {
        header[1] = 0x81;
        header[2] = (uint8_t)len;
        header_len = 3;
    }
    if (header_len > out->cap - out->len)
        return card_fail(CARD_E_BUFFER, "a public key takes more than %zu "
                                        "bytes", out->cap);
    memmove(out->data + start + header_len, out->data + start, len);
    memcpy(out->data + start, header, header_len);
    out->len += header_len;
    return 0;
}

/* INTEGER in its shortest form: a zero only where the top bit is set. */
static int put_unsigned(struct buf *out, struct bytes number, const char *name)
{
    size_t start = out->len;
    struct bytes zero;
    int rc = 0;

    while (number.len > 0 && number.data[0] == 0)
        bytes_take(&number, 1, &zero);
    if (number.len == 0 || number.len > CARD_MAX_SIGNATURE)
        return card_fail(CARD_E_PROTOCOL, "an RSA %s of %zu bytes", name,
                         number.len);
    if ((number.data[0] & 0x80) != 0)
        rc = buf_put_u8(out, 0);
    if (rc < 0 || (rc = buf_put(out, number)) < 0)
        return rc;
    return wrap(out, start, INTEGER);
}

static int put_rsa(struct buf *out, struct bytes algorithm,
                   struct bytes modulus, struct bytes exponent)
{
    size_t spki = out->len, bits, key;
    int rc;

    if ((rc = buf_put(out, algorithm)) < 0)
        return rc;
    bits = out->len;
    if ((rc = buf_put_u8(out, 0)) < 0)
        return rc;
    key = out->len;
    if ((rc = put_unsigned(out, modulus, "modulus")) < 0 ||
        (rc = put_unsigned(out, exponent, "public exponent")) < 0 ||
        (rc = wrap(out, key, SEQUENCE)) < 0 ||
        (rc = wrap(out, bits, BIT_STRING)) < 0)
        return rc;
    return wrap(out, spki, SEQUENCE);
}

/* Algorithm (OID, parameters) and the key's bytes as a BIT STRING. */
static int put_key(struct buf *out, struct bytes oid, struct bytes params,
                   struct bytes key)
{
    size_t spki = out->len, bits;
    int rc;

    if ((rc = buf_put(out, oid)) < 0 || (rc = buf_put(out, params)) < 0 ||
        (rc = wrap(out, spki, SEQUENCE)) < 0)
        return rc;
    bits = out->len;
    if ((rc = buf_put_u8(out, 0)) < 0 || (rc = buf_put(out, key)) < 0 ||
        (rc = wrap(out, bits, BIT_STRING)) < 0)
        return rc;
    return wrap(out, spki, SEQUENCE);
}

/* All or nothing. */
static int keep(struct buf *out, size_t start, int rc)
{
    if (rc < 0)
        out->len = start;
    return rc;
}

int spki_rsa(struct bytes modulus, struct bytes exponent, struct buf *out)
{
    size_t start = out->len;

    return keep(out, start, put_rsa(out, BYTES_OF(rsa_algorithm), modulus,
                                    exponent));
}

int spki_rsa_pss(struct bytes modulus, struct bytes exponent, struct buf *out)
{
    size_t start = out->len;

    return keep(out, start, put_rsa(out, BYTES_OF(pss_algorithm), modulus,
                                    exponent));
}

/* One object with a tag of one byte and a length in its shortest form. */
static bool is_one_der_object(struct bytes der)
{
    uint8_t tag, first;
    uint16_t len;

    if (!bytes_take_u8(&der, &tag) || (tag & 0x1F) == 0x1F || tag == 0 ||
        !bytes_take_u8(&der, &first))
        return false;
    if (first < 0x80)
        return der.len == first;
    if (first == 0x81)
        return bytes_take_u8(&der, &first) && first > 0x7F && der.len == first;
    return first == 0x82 && bytes_take_u16(&der, &len) && len > 0xFF &&
           der.len == len;
}

int spki_ec(struct bytes params, struct bytes point, struct buf *out)
{
    size_t start = out->len;

    if (!is_one_der_object(params))
        return card_fail(CARD_E_PROTOCOL, "EC parameters that are not DER");
    if (point.len < 3 || point.len % 2 == 0 || point.data[0] != 0x04)
        return card_fail(CARD_E_PROTOCOL, "an EC point that is not in "
                                          "uncompressed form");
    return keep(out, start, put_key(out, BYTES_OF(ec_oid), params, point));
}

struct rfc8410_row {
    size_t key_len;
    uint8_t oid[5];
};

/* id-X25519, id-X448, id-Ed25519, id-Ed448: 1.3.101.110 to 113 */
static const struct rfc8410_row rfc8410[] = {
    [CARD_KEY_X25519] = {32, {0x06, 0x03, 0x2B, 0x65, 0x6E}},
    [CARD_KEY_X448] = {56, {0x06, 0x03, 0x2B, 0x65, 0x6F}},
    [CARD_KEY_ED25519] = {32, {0x06, 0x03, 0x2B, 0x65, 0x70}},
    [CARD_KEY_ED448] = {57, {0x06, 0x03, 0x2B, 0x65, 0x71}}};

/* An algorithm without parameters, and a key that is its bytes. */
static int put_bare(struct buf *out, struct bytes oid, size_t len,
                    struct bytes key)
{
    size_t start = out->len;

    if (key.len != len)
        return card_fail(CARD_E_PROTOCOL, "a public key of %zu bytes in place "
                                          "of %zu", key.len, len);
    return keep(out, start, put_key(out, oid, bytes_from(NULL, 0), key));
}

int spki_rfc8410(enum card_key_type type, struct bytes key, struct buf *out)
{
    if (type >= nitems(rfc8410) || rfc8410[type].key_len == 0)
        return card_fail(CARD_E_ARGUMENT, "not a key of RFC 8410");
    return put_bare(out, BYTES_OF(rfc8410[type].oid), rfc8410[type].key_len,
                    key);
}

struct ml_row {
    size_t key_len; /* FIPS 204, table 2; FIPS 203, table 3 */
    uint8_t oid[11];
};

/*
 * id-ml-dsa-44 to -87: 2.16.840.1.101.3.4.3.17 to 19;
 * id-alg-ml-kem-512 to -1024: 2.16.840.1.101.3.4.4.1 to 3
 */
static const struct ml_row ml[] = {
    [CARD_KEY_ML_DSA_44] = {1312, {0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,
                                   0x03, 0x04, 0x03, 0x11}},
    [CARD_KEY_ML_DSA_65] = {1952, {0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,
                                   0x03, 0x04, 0x03, 0x12}},
    [CARD_KEY_ML_DSA_87] = {2592, {0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,
                                   0x03, 0x04, 0x03, 0x13}},
    [CARD_KEY_ML_KEM_512] = {800, {0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,
                                   0x03, 0x04, 0x04, 0x01}},
    [CARD_KEY_ML_KEM_768] = {1184, {0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,
                                    0x03, 0x04, 0x04, 0x02}},
    [CARD_KEY_ML_KEM_1024] = {1568, {0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,
                                     0x03, 0x04, 0x04, 0x03}}};

int spki_ml(enum card_key_type type, struct bytes key, struct buf *out)
{
    if (type >= nitems(ml) || ml[type].key_len == 0)
        return card_fail(CARD_E_ARGUMENT, "not a key of ML-DSA or ML-KEM");
    return put_bare(out, BYTES_OF(ml[type].oid), ml[type].key_len, key);
}
