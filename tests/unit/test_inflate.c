/*
 * Decompression into a cap: what is whole comes out, all else is an error that
 * leaves the output as it was.
 */
#include "card/base/inflate.h"

#include <string.h>
#include <zlib.h>

#include "card/error.h"
#include "card/object.h"
#include "tests/unit/test.h"

enum { ROOM = 4096, BOMB_LEN = 10 * 1024 * 1024 };

static uint8_t packed_space[65536], plain_space[BOMB_LEN], out_space[ROOM];

static struct bytes pack(struct bytes plain, int window_bits)
{
    z_stream z = {0};

    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window_bits, 8,
                                  Z_DEFAULT_STRATEGY), Z_OK);
    memmove(plain_space, plain.data, plain.len);
    z.next_in = plain_space;
    z.avail_in = (uInt)plain.len;
    z.next_out = packed_space;
    z.avail_out = sizeof(packed_space);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return bytes_from(packed_space, z.total_out);
}

static struct bytes pack_text(void)
{
    return pack(bytes_of_string("a certificate, a certificate"), 15 + 16);
}

static void check_refused(struct bytes in, int code)
{
    struct buf out = BUF_ON(out_space);

    buf_put_u8(&out, 'x');
    assert_int_equal(inflate_gzip(in, &out), code);
    assert_int_equal(out.len, 1);
}

static void test_inflate_when_whole_then_appended(void **state)
{
    struct buf out = BUF_ON(out_space);

    (void)state;
    buf_put_u8(&out, '>');
    assert_int_equal(inflate_gzip(pack_text(), &out), 0);
    assert_int_equal(out.len, 29);
    assert_memory_equal(out.data, ">a certificate, a certificate", out.len);
}

static void test_inflate_when_cut_anywhere_then_refused(void **state)
{
    struct bytes in = pack_text();

    (void)state;
    for (size_t len = 0; len < in.len; len++)
        check_refused(bytes_from(in.data, len), CARD_E_PROTOCOL);
}

static void test_inflate_when_something_follows_then_refused(void **state)
{
    struct bytes in = pack_text();

    (void)state;
    packed_space[in.len] = 0;
    in.len++;
    check_refused(in, CARD_E_PROTOCOL);
}

/* The sum and the length at the end count. */
static void test_inflate_when_damaged_then_refused(void **state)
{
    (void)state;
    for (size_t back = 1; back <= 8; back++) {
        struct bytes in = pack_text();

        packed_space[in.len - back] ^= 0x10;
        check_refused(in, CARD_E_PROTOCOL);
    }
}

/* zlib's own framing and none are not RFC 1952. */
static void test_inflate_when_framed_otherwise_then_refused(void **state)
{
    struct bytes text = bytes_of_string("a certificate");

    (void)state;
    check_refused(pack(text, 15), CARD_E_PROTOCOL);
    check_refused(pack(text, -15), CARD_E_PROTOCOL);
}

static void test_inflate_when_it_fits_exactly_then_it_does(void **state)
{
    struct buf out = BUF_ON(out_space);

    (void)state;
    assert_int_equal(inflate_gzip(pack(bytes_from(plain_space, ROOM), 15 + 16),
                                  &out), 0);
    assert_int_equal(out.len, ROOM);
    out.len = 1;
    assert_int_equal(inflate_gzip(pack(bytes_from(plain_space, ROOM), 15 + 16),
                                  &out), CARD_E_BUFFER);
    assert_int_equal(out.len, 1);
}

static void test_inflate_when_a_bomb_then_refused(void **state)
{
    (void)state;
    memset(plain_space, 0, sizeof(plain_space));
    check_refused(pack(bytes_from(plain_space, BOMB_LEN), 15 + 16),
                  CARD_E_BUFFER);
    check_refused(bytes_from(plain_space, CARD_MAX_FILE + 1),
                  CARD_E_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inflate_when_whole_then_appended),
        cmocka_unit_test(test_inflate_when_cut_anywhere_then_refused),
        cmocka_unit_test(test_inflate_when_something_follows_then_refused),
        cmocka_unit_test(test_inflate_when_damaged_then_refused),
        cmocka_unit_test(test_inflate_when_framed_otherwise_then_refused),
        cmocka_unit_test(test_inflate_when_it_fits_exactly_then_it_does),
        cmocka_unit_test(test_inflate_when_a_bomb_then_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
