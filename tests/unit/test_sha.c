/*
 * Hash names, DigestInfo, and SHA-1 / SHA-256 by way of their inner state.
 * Vectors: FIPS 180-2, appendices A and B; RFC 8017, 9.2 note 1.
 */
#include "card/base/sha.h"

#include <string.h>

#include "card/error.h"
#include "tests/unit/test.h"

/*
 * The hash of `message`, `times` over, added in parts of `part` bytes: the
 * padding is added here and one more block behind it, so that the state before
 * the last block is the hash value.
 */
static struct bytes hash_by_state(enum card_hash hash, const char *message,
                                  size_t times, size_t part)
{
    static struct sha_midstate mid;
    static const uint8_t block[SHA_BLOCK] = {0};
    static const uint8_t pad[2 * SHA_BLOCK] = {0x80};
    uint64_t bits = 8 * (uint64_t)strlen(message) * times;
    size_t pad_len = 1 + (119 - bits / 8 % 64) % 64;
    struct sha_stream s;
    uint8_t length[8];

    assert_int_equal(sha_init(&s, hash), 0);
    for (; times > 0; times--) {
        struct bytes rest = bytes_of_string(message);

        while (rest.len > 0) {
            struct bytes piece;

            assert_true(bytes_take(&rest, part < rest.len ? part : rest.len,
                                   &piece));
            sha_update(&s, piece);
        }
    }
    sha_update(&s, bytes_from(pad, pad_len));
    for (size_t i = 0; i < 8; i++)
        length[i] = (uint8_t)(bits >> (56 - 8 * i));
    sha_update(&s, BYTES_OF(length));
    sha_update(&s, BYTES_OF(block));
    sha_get_midstate(&s, &mid);
    assert_int_equal(mid.last_len, SHA_BLOCK);
    return bytes_from(mid.state, hash_len(hash));
}

static const char two_blocks[] =
    "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";

static void test_sha1_when_fips_vectors_then_their_values(void **state)
{
    (void)state;
    assert_bytes_hex(hash_by_state(CARD_HASH_SHA1, "abc", 1, 100),
                     "A9993E364706816ABA3E25717850C26C9CD0D89D");
    assert_bytes_hex(hash_by_state(CARD_HASH_SHA1, two_blocks, 1, 7),
                     "84983E441C3BD26EBAAE4AA1F95129E5E54670F1");
    assert_bytes_hex(hash_by_state(CARD_HASH_SHA1, "a", 1000000, 1),
                     "34AA973CD4C4DAA4F61EEB2BDBAD27316534016F");
    assert_bytes_hex(hash_by_state(CARD_HASH_SHA1, "", 0, 1),
                     "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709");
}

static void test_sha256_when_fips_vectors_then_their_values(void **state)
{
    (void)state;
    assert_bytes_hex(
        hash_by_state(CARD_HASH_SHA256, "abc", 1, 1),
        "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD");
    assert_bytes_hex(
        hash_by_state(CARD_HASH_SHA256, two_blocks, 1, 13),
        "248D6A61D20638B8E5C026930C3E6039A33CE45964FF2167F6ECEDD419DB06C1");
    assert_bytes_hex(
        hash_by_state(CARD_HASH_SHA256, "aaaaaaaaaaaaaaaaaaaaaaaaa", 40000, 9),
        "CDC76E5C9914FB9281A1C7E284D73E67F1809A48A497200E046D39CCC7112CD0");
}

static void check_split(size_t len, uint64_t bits, size_t last_len)
{
    uint8_t message[200];
    struct sha_midstate mid;
    struct sha_stream s;

    for (size_t i = 0; i < sizeof(message); i++)
        message[i] = (uint8_t)i;
    assert_int_equal(sha_init(&s, CARD_HASH_SHA256), 0);
    sha_update(&s, bytes_from(message, len));
    sha_get_midstate(&s, &mid);
    assert_int_equal(mid.hash, CARD_HASH_SHA256);
    assert_int_equal(mid.bits, bits);
    assert_int_equal(mid.last_len, last_len);
    assert_memory_equal(mid.last, message + bits / 8, last_len);
}

static void test_midstate_when_whole_blocks_then_last_stays_out(void **state)
{
    (void)state;
    check_split(0, 0, 0);
    check_split(1, 0, 1);
    check_split(63, 0, 63);
    check_split(64, 0, 64);
    check_split(65, 512, 1);
    check_split(128, 512, 64);
    check_split(129, 1024, 1);
    check_split(192, 1024, 64);
}

static void test_midstate_when_taken_then_stream_goes_on(void **state)
{
    struct sha_stream a, b;
    struct sha_midstate mid, other;
    uint8_t part[100] = {7};

    (void)state;
    sha_init(&a, CARD_HASH_SHA1);
    sha_init(&b, CARD_HASH_SHA1);
    sha_update(&a, BYTES_OF(part));
    sha_get_midstate(&a, &mid);
    sha_update(&a, BYTES_OF(part));
    sha_update(&b, BYTES_OF(part));
    sha_update(&b, BYTES_OF(part));
    sha_get_midstate(&a, &mid);
    sha_get_midstate(&b, &other);
    assert_memory_equal(mid.state, other.state, sizeof(mid.state));
    assert_int_equal(mid.bits, other.bits);
}

static void test_sha_when_other_hash_then_unsupported(void **state)
{
    struct sha_stream s;

    (void)state;
    assert_int_equal(sha_init(&s, CARD_HASH_SHA384), CARD_E_UNSUPPORTED);
    assert_int_equal(sha_init(&s, CARD_HASH_NONE), CARD_E_UNSUPPORTED);
}

struct prefix_row {
    enum card_hash hash;
    const char *name;
    size_t len;
    const char *prefix;
};

static const struct prefix_row prefixes[] = {
    {CARD_HASH_SHA1, "SHA1", 20, "3021300906052B0E03021A05000414"},
    {CARD_HASH_SHA224, "SHA2-224", 28,
     "302D300D06096086480165030402040500041C"},
    {CARD_HASH_SHA256, "SHA2-256", 32,
     "3031300D060960864801650304020105000420"},
    {CARD_HASH_SHA384, "SHA2-384", 48,
     "3041300D060960864801650304020205000430"},
    {CARD_HASH_SHA512, "SHA2-512", 64,
     "3051300D060960864801650304020305000440"}};

static void test_digest_info_when_made_then_recognised(void **state)
{
    const uint8_t hash_value[CARD_MAX_HASH] = {1, 2, 3};
    uint8_t raw[100];

    (void)state;
    for (size_t i = 0; i < nitems(prefixes); i++) {
        const struct prefix_row *row = &prefixes[i];
        struct bytes in = bytes_from(hash_value, row->len);
        struct buf der = BUF_ON(raw);
        enum card_hash hash;
        struct bytes value;

        assert_int_equal(hash_len(row->hash), row->len);
        assert_string_equal(hash_name(row->hash), row->name);
        assert_bytes_hex(hash_prefix(row->hash), row->prefix);
        assert_int_equal(hash_digest_info(row->hash, in, &der), 0);
        assert_true(hash_from_digest_info(buf_view(&der), &hash, &value));
        assert_int_equal(hash, row->hash);
        assert_true(bytes_equal(value, in));
        der.len--;
        assert_false(hash_from_digest_info(buf_view(&der), &hash, &value));
        der.len += 2;
        assert_false(hash_from_digest_info(buf_view(&der), &hash, &value));
        der.len--;
        raw[3] ^= 1;
        assert_false(hash_from_digest_info(buf_view(&der), &hash, &value));
    }
}

static void test_digest_info_when_wrong_length_or_room_then_error(void **state)
{
    const uint8_t value[32] = {0};
    uint8_t raw[40];
    struct buf out = BUF_ON(raw);

    (void)state;
    assert_int_equal(
        hash_digest_info(CARD_HASH_SHA256, bytes_from(value, 31), &out),
        CARD_E_ARGUMENT);
    assert_int_equal(
        hash_digest_info(CARD_HASH_NONE, bytes_from(value, 0), &out),
        CARD_E_ARGUMENT);
    assert_int_equal(hash_digest_info(CARD_HASH_SHA256, BYTES_OF(value), &out),
                     CARD_E_BUFFER);
    assert_int_equal(out.len, 0);
    assert_int_equal(hash_pkcs1_block(CARD_HASH_NONE, BYTES_OF(value), &out),
                     0);
    assert_true(bytes_equal(buf_view(&out), BYTES_OF(value)));
    assert_int_equal(hash_pkcs1_block(CARD_HASH_SHA256, BYTES_OF(value), &out),
                     CARD_E_BUFFER);
    assert_int_equal(hash_len(CARD_HASH_NONE), 0);
    assert_null(hash_name(CARD_HASH_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha1_when_fips_vectors_then_their_values),
        cmocka_unit_test(test_sha256_when_fips_vectors_then_their_values),
        cmocka_unit_test(test_midstate_when_whole_blocks_then_last_stays_out),
        cmocka_unit_test(test_midstate_when_taken_then_stream_goes_on),
        cmocka_unit_test(test_sha_when_other_hash_then_unsupported),
        cmocka_unit_test(test_digest_info_when_made_then_recognised),
        cmocka_unit_test(
            test_digest_info_when_wrong_length_or_room_then_error)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
