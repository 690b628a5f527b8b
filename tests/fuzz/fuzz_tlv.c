/*
 * libFuzzer: BER-TLV. The input is taken apart, each object descended into
 * once, put together again and compared.
 */
#include <string.h>

#include "card/wire/tlv.h"
#include "tests/fuzz/fuzz.h"

enum { DEPTH = 8 };

static void must_be_within(struct bytes inner, struct bytes outer)
{
    must(inner.len <= outer.len && inner.data >= outer.data &&
             inner.data + inner.len <= outer.data + outer.len,
         "what was found lies in the input");
}

/* Lengths may be longer than need be on the wire, never the other way. */
static void must_come_back(const struct tlv *t)
{
    struct buf out;
    struct bytes cursor;
    struct tlv again;

    must(buf_new(&out, t->whole.len) == 0, "memory");
    must(tlv_put(&out, t->tag, t->value) == 0, "an object fits its own length");
    cursor = buf_view(&out);
    must(tlv_next_is(&cursor, t->tag, &again) && cursor.len == 0,
         "an object put is an object found");
    must(bytes_equal(again.value, t->value), "its value is the same");
    buf_free(&out);
}

static void look_into(struct bytes value)
{
    uint32_t number;

    if (tlv_unsigned(value, &number))
        must(value.len > 0, "no bytes are no number");
    if (value.len == 0)
        must(tlv_bits(value) == 0, "no bytes are no bits");
    tlv_bits(value);
}

static void walk(struct bytes in, unsigned depth)
{
    struct bytes cursor = in;
    struct tlv t = {.tag = 0}, first;
    size_t len;

    while (tlv_next(&cursor, &t)) {
        must_be_within(t.whole, in);
        must_be_within(t.value, t.whole);
        must(tlv_whole_len(t.whole, &len) && len == t.whole.len,
             "the header tells the length");
        must_come_back(&t);
        look_into(t.value);
        if (depth > 0)
            walk(t.value, depth - 1);
    }
    if (t.whole.len > 0)
        must(tlv_find(in, t.tag, &first) && first.tag == t.tag &&
                 first.whole.data <= t.whole.data,
             "what is there is found");
}

/* The first three bytes, as a path into the rest. */
static void find_path(struct bytes in)
{
    uint32_t path[4] = {0};
    struct tlv t;
    uint8_t tag;

    for (size_t i = 0; i < 3 && bytes_take_u8(&in, &tag); i++)
        path[i] = tag;
    if (tlv_find_path(in, path, &t))
        must_be_within(t.value, in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_from(data, size);
    size_t len;

    walk(in, DEPTH);
    find_path(in);
    look_into(in);
    tlv_whole_len(in, &len);
    return 0;
}
