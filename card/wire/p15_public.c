/*
 * Public keys of ISO 7816-15: those without a certificate, in a PuKDF or in a
 * file that it names.
 */
#include "card/wire/p15_int.h"

#include "card/base/spki.h"
#include "card/error.h"

static bool is_id(const struct card_id *a, const struct card_id *b)
{
    return bytes_equal(bytes_from(a->data, a->len),
                       bytes_from(b->data, b->len));
}

static bool parse_public(const struct tlv *t, const struct card_id *id,
                         struct p15_public *out)
{
    struct p15_object o;
    struct p15_path path;
    struct card_id found = {.len = 0};
    struct bytes type;
    struct tlv value;

    *out = (struct p15_public){.type = CARD_KEY_RSA};
    if (t->tag == TAG_EC_KEY)
        out->type = CARD_KEY_EC;
    else if (t->tag != TAG_SEQUENCE)
        return false;
    if (!p15_split(t->value, &o) ||
        !p15_find_id(o.class_attributes, &found) || !is_id(&found, id))
        return false;
    type = o.type;
    out->bits = p15_key_bits(type);
    if (p15_value_path(type, &path) && path.file.len > 0) {
        out->path = path.file;
        out->range = path.range;
        return true;
    }
    if (!tlv_next_is(&type, TAG_DIRECT, &value) &&
        !tlv_next_is(&type, TAG_DIRECT_SPKI, &value))
        return false;
    out->direct = value.value;
    return out->direct.len > 0;
}

bool p15_find_public(struct bytes file, const struct card_id *id,
                     struct p15_public *out)
{
    struct tlv t;

    while (p15_next_object(&file, &t)) {
        if (parse_public(&t, id, out))
            return true;
    }
    return false;
}

static struct bytes curve_params(unsigned bits)
{
    static const uint8_t p256[] = {0x06, 0x08, 0x2A, 0x86, 0x48,
                                   0xCE, 0x3D, 0x03, 0x01, 0x07};
    static const uint8_t p384[] = {0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22};
    static const uint8_t p521[] = {0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x23};

    return bits == 256   ? BYTES_OF(p256)
           : bits == 384 ? BYTES_OF(p384)
           : bits == 521 ? BYTES_OF(p521)
                         : bytes_from(NULL, 0);
}

static size_t point_len(unsigned bits)
{
    return 1 + 2 * ((bits + 7) / 8);
}

/* 04 is a point's first byte and the tag of the OCTET STRING around one. */
static struct bytes bare_point(unsigned bits, struct bytes value)
{
    struct bytes cursor = value;
    struct tlv t;

    if ((bits > 0 && value.len == point_len(bits)) ||
        !tlv_next_is(&cursor, TAG_OCTET_STRING, &t) || cursor.len > 0 ||
        t.value.len == 0 || t.value.data[0] != 0x04)
        return value;
    return t.value;
}

/* Without its field size a point tells its curve by its length. */
static int point_spki(unsigned bits, struct bytes value, struct buf *spki)
{
    struct bytes point = bare_point(bits, value), params;

    if (bits == 0)
        bits = point.len == point_len(521) ? 521
                                           : (unsigned)(point.len / 2) * 8;
    params = curve_params(bits);
    if (params.len == 0 || point.len != point_len(bits))
        return card_fail(CARD_E_PROTOCOL,
                         "a public key that is a point of no known curve");
    return spki_ec(params, point, spki);
}

/* SEQUENCE { INTEGER modulus, INTEGER exponent } */
static int rsa_spki(struct bytes sequence, struct buf *spki)
{
    struct tlv n, e;

    if (!tlv_next_is(&sequence, TAG_INTEGER, &n) ||
        !tlv_next_is(&sequence, TAG_INTEGER, &e))
        return card_fail(CARD_E_PROTOCOL, "the card's public key is malformed");
    return spki_rsa(n.value, e.value, spki);
}

int p15_public_spki(const struct p15_public *public, struct bytes value,
                    struct buf *spki)
{
    struct bytes cursor = value, inside;
    struct tlv outer, first;

    if (!tlv_next_is(&cursor, TAG_SEQUENCE, &outer)) {
        if (public->type != CARD_KEY_EC)
            return card_fail(CARD_E_PROTOCOL,
                             "the card's public key is malformed");
        return point_spki(public->bits, value, spki);
    }
    inside = outer.value;
    if (tlv_next_is(&inside, TAG_SEQUENCE, &first))
        return buf_put(spki, outer.whole);
    return rsa_spki(outer.value, spki);
}
