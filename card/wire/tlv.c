/*
 * BER-TLV on cursors (ISO 7816-4 5.2.2, X.690 8.1): definite lengths only.
 */
#include "card/wire/tlv.h"

#include "card/error.h"

enum {
    TAG_NUMBER = 0x1F,  /* all set: the tag goes on in the next byte */
    TAG_MORE = 0x80,    /* in a following byte: one more comes */
    TAG_BYTES = 3,
    LENGTH_LONG = 0x80, /* low bits: how many bytes of length follow */
    LENGTH_BYTES = 3
};

static bool take_tag(struct bytes *cursor, uint32_t *tag)
{
    uint8_t byte;

    if (!bytes_take_u8(cursor, &byte))
        return false;
    *tag = byte;
    if ((byte & TAG_NUMBER) != TAG_NUMBER)
        return true;
    for (int i = 1; i < TAG_BYTES; i++) {
        if (!bytes_take_u8(cursor, &byte))
            return false;
        *tag = *tag << 8 | byte;
        if ((byte & TAG_MORE) == 0)
            return true;
    }
    return false;
}

static bool take_length(struct bytes *cursor, size_t *len)
{
    uint8_t byte, more;

    if (!bytes_take_u8(cursor, &byte))
        return false;
    *len = byte;
    if ((byte & LENGTH_LONG) == 0)
        return true;
    more = byte & (uint8_t)~LENGTH_LONG;
    if (more == 0 || more > LENGTH_BYTES)
        return false;
    for (*len = 0; more > 0; more--) {
        if (!bytes_take_u8(cursor, &byte))
            return false;
        *len = *len << 8 | byte;
    }
    return true;
}

bool tlv_next(struct bytes *cursor, struct tlv *out)
{
    struct bytes rest = *cursor;
    struct tlv found;
    size_t len;

    if (!take_tag(&rest, &found.tag) || !take_length(&rest, &len) ||
        !bytes_take(&rest, len, &found.value))
        return false;
    if (!bytes_take(cursor, cursor->len - rest.len, &found.whole))
        return false;
    *out = found;
    return true;
}

bool tlv_next_is(struct bytes *cursor, uint32_t tag, struct tlv *out)
{
    struct bytes rest = *cursor;
    struct tlv found;

    if (!tlv_next(&rest, &found) || found.tag != tag)
        return false;
    *cursor = rest;
    *out = found;
    return true;
}

bool tlv_find(struct bytes in, uint32_t tag, struct tlv *out)
{
    struct tlv found;

    while (tlv_next(&in, &found)) {
        if (found.tag != tag)
            continue;
        *out = found;
        return true;
    }
    return false;
}

bool tlv_find_path(struct bytes in, const uint32_t *tags, struct tlv *out)
{
    struct tlv found = {.value = in, .whole = in};

    for (; *tags != 0; tags++) {
        if (!tlv_find(found.value, *tags, &found))
            return false;
    }
    *out = found;
    return true;
}

bool tlv_whole_len(struct bytes start, size_t *len)
{
    struct bytes rest = start;
    uint32_t tag;
    size_t value_len;

    if (!take_tag(&rest, &tag) || !take_length(&rest, &value_len))
        return false;
    *len = start.len - rest.len + value_len;
    return true;
}

/* The bytes of a number, leading zeros left out; at least one. */
static int put_number(struct buf *out, uint32_t number)
{
    int shift = 24;
    int rc = 0;

    while (shift > 0 && number >> shift == 0)
        shift -= 8;
    for (; shift >= 0 && rc == 0; shift -= 8)
        rc = buf_put_u8(out, (uint8_t)(number >> shift));
    return rc;
}

static int put_length(struct buf *out, size_t len)
{
    uint8_t bytes = len > 0xFFFF ? 3 : len > 0xFF ? 2 : 1;
    int rc;

    if (len >> 24 != 0)
        return card_fail(CARD_E_BUFFER, "a TLV of %zu bytes", len);
    if (len >= LENGTH_LONG && (rc = buf_put_u8(out, LENGTH_LONG | bytes)) < 0)
        return rc;
    return put_number(out, (uint32_t)len);
}

int tlv_put(struct buf *out, uint32_t tag, struct bytes value)
{
    size_t start = out->len;
    int rc;

    if ((rc = put_number(out, tag)) == 0 &&
        (rc = put_length(out, value.len)) == 0)
        rc = buf_put(out, value);
    if (rc < 0)
        out->len = start;
    return rc;
}

bool tlv_unsigned(struct bytes value, uint32_t *out)
{
    uint32_t number = 0;
    uint8_t byte;

    if (value.len == 0)
        return false;
    while (bytes_take_u8(&value, &byte)) {
        if (number >> 24 != 0)
            return false;
        number = number << 8 | byte;
    }
    *out = number;
    return true;
}

bool tlv_ecdsa(struct bytes der, struct bytes *r, struct bytes *s)
{
    struct tlv whole, first, second;

    if (!tlv_next_is(&der, 0x30, &whole) || der.len > 0 ||
        !tlv_next_is(&whole.value, 0x02, &first) ||
        !tlv_next_is(&whole.value, 0x02, &second) || whole.value.len > 0)
        return false;
    *r = first.value;
    *s = second.value;
    return true;
}

uint32_t tlv_bits(struct bytes value)
{
    uint32_t bits = 0;
    uint8_t unused, byte;
    size_t count;

    if (!bytes_take_u8(&value, &unused))
        return 0;
    if (unused > 7 || value.len == 0)
        unused = 0;
    count = 8 * value.len - unused;
    for (size_t i = 0; i < 32 && i < count; i++) {
        if (i % 8 == 0 && !bytes_take_u8(&value, &byte))
            break;
        if ((byte & 0x80 >> i % 8) != 0)
            bits |= (uint32_t)1 << i;
    }
    return bits;
}
