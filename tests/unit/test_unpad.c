/*
 * RSAES-PKCS1-v1_5 decoded: every class of bad padding, and random blocks that
 * libcrypto decodes too.
 */
#include "card/base/pad.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "card/error.h"
#include "card/object.h"
#include "tests/unit/soft_key.h"
#include "tests/unit/test.h"

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#else
#define VALGRIND_MAKE_MEM_UNDEFINED(data, len)
#define VALGRIND_MAKE_MEM_DEFINED(data, len)
#endif

enum { RANDOM_BLOCKS = 10000, SMALL = 64, PREMASTER = 48 };

/* 00 02 || no zeros || 00 at `separator` || no zeros, k bytes. */
static void make_block(uint8_t *em, size_t k, size_t separator)
{
    for (size_t i = 0; i < k; i++)
        em[i] = nonzero();
    em[0] = 0x00;
    em[1] = 0x02;
    em[separator] = 0x00;
}

static uint8_t synthetic[CARD_MAX_SIGNATURE] = {'s', 'y', 'n', 't', 'h'};

/* The synthetic message of that length for a block. */
static struct buf instead_of(size_t em_len, size_t len)
{
    return (struct buf){synthetic, len, em_len - 11};
}

static void check_message(struct bytes em, struct bytes message)
{
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf plain = {space, 0, em.len - 11};

    memset(space, 0xEE, sizeof(space));
    assert_int_equal(unpad_pkcs1_explicit(em, &plain), 0);
    assert_true(bytes_equal(buf_view(&plain), message));
    for (size_t len = 0; len <= em.len - 11; len += em.len - 11) {
        const struct buf instead = instead_of(em.len, len);

        assert_int_equal(unpad_pkcs1(em, &instead, &plain), 0);
        assert_true(bytes_equal(buf_view(&plain), message));
    }
    assert_int_equal(space[em.len - 11], 0xEE);
}

static void check_bad(struct bytes em)
{
    const size_t lengths[] = {0, 1, 5, em.len - 12, em.len - 11};
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf plain = {space, 0, em.len - 11};

    memset(space, 0xEE, sizeof(space));
    assert_int_equal(unpad_pkcs1_explicit(em, &plain), CARD_E_ARGUMENT);
    assert_int_equal(plain.len, 0);
    for (size_t i = 0; i < em.len - 11; i++)
        assert_int_equal(space[i], 0);
    for (size_t i = 0; i < nitems(lengths); i++) {
        const struct buf instead = instead_of(em.len, lengths[i]);

        card_error_clear();
        assert_int_equal(unpad_pkcs1(em, &instead, &plain), 0);
        assert_true(bytes_equal(buf_view(&plain), buf_view(&instead)));
        assert_string_equal(card_error_sentence(), "");
    }
    assert_int_equal(space[em.len - 11], 0xEE);
}

static const size_t block_lengths[] = {SMALL, 127, 128, 129, 256, 1023};

static void test_pkcs1_when_any_message_length_then_message(void **state)
{
    uint8_t em[CARD_MAX_SIGNATURE];

    (void)state;
    for (size_t n = 0; n < nitems(block_lengths); n++)
        for (size_t k = block_lengths[n], i = 10; i < k; i++) {
            make_block(em, k, i);
            check_message(bytes_from(em, k),
                          bytes_from(em + i + 1, k - i - 1));
        }
}

static void test_pkcs1_when_message_has_zeros_then_message(void **state)
{
    uint8_t em[SMALL];

    (void)state;
    make_block(em, SMALL, 20);
    em[21] = em[30] = em[SMALL - 1] = 0;
    check_message(BYTES_OF(em), bytes_from(em + 21, SMALL - 21));
    memset(em + 21, 0, SMALL - 21);
    check_message(BYTES_OF(em), bytes_from(em + 21, SMALL - 21));
}

static void test_pkcs1_when_bad_padding_then_synthetic_or_error(void **state)
{
    uint8_t em[CARD_MAX_SIGNATURE];

    (void)state;
    for (size_t n = 0; n < nitems(block_lengths); n++) {
        size_t k = block_lengths[n];
        struct bytes block = bytes_from(em, k);

        for (size_t i = 2; i < 10; i++) { /* fewer than eight bytes */
            make_block(em, k, i);
            check_bad(block);
            em[k / 2] = 0;
            check_bad(block);
        }
        make_block(em, k, k / 2);
        em[k / 2] = 0x80; /* no separator */
        check_bad(block);
        for (int value = 1; value < 256; value++) {
            make_block(em, k, k / 2);
            em[0] = (uint8_t)value;
            check_bad(block);
        }
        for (int value = 0; value < 256; value++) {
            make_block(em, k, k / 2);
            em[1] = (uint8_t)value;
            if (value != 2)
                check_bad(block);
        }
        memset(em, 0, k);
        check_bad(block);
    }
}

/* The shortest block there is holds the empty message only. */
static void test_pkcs1_when_eleven_bytes_then_empty_message(void **state)
{
    uint8_t em[11], none[1];
    struct buf plain = {none, 0, 0};
    const struct buf instead = instead_of(sizeof(em), 0);

    (void)state;
    make_block(em, sizeof(em), 10);
    assert_int_equal(unpad_pkcs1_explicit(BYTES_OF(em), &plain), 0);
    assert_int_equal(plain.len, 0);
    em[10] = 1;
    assert_int_equal(unpad_pkcs1_explicit(BYTES_OF(em), &plain),
                     CARD_E_ARGUMENT);
    assert_int_equal(unpad_pkcs1(BYTES_OF(em), &instead, &plain), 0);
    assert_int_equal(plain.len, 0);
}

static void test_pkcs1_when_lengths_are_wrong_then_error(void **state)
{
    uint8_t em[CARD_MAX_SIGNATURE + 1], space[CARD_MAX_SIGNATURE];
    struct buf plain = {space, 0, SMALL - 11};
    const struct buf none = {NULL, 0, 0}, longer = {em, 0, SMALL - 10};

    (void)state;
    make_block(em, sizeof(em), 40);
    assert_int_equal(unpad_pkcs1(bytes_from(em, 10), &none, &plain),
                     CARD_E_ARGUMENT);
    assert_int_equal(unpad_pkcs1(bytes_from(NULL, 0), &none, &plain),
                     CARD_E_ARGUMENT);
    assert_int_equal(unpad_pkcs1(bytes_from(em, SMALL), &longer, &plain),
                     CARD_E_ARGUMENT);
    assert_int_equal(unpad_pkcs1(bytes_from(em, SMALL), &none, &plain),
                     CARD_E_ARGUMENT);
    assert_int_equal(unpad_pkcs1(bytes_from(em, SMALL + 1), &none, &plain),
                     CARD_E_BUFFER);
    assert_int_equal(unpad_pkcs1_explicit(bytes_from(em, SMALL + 1), &plain),
                     CARD_E_BUFFER);
    plain.cap = sizeof(space);
    assert_int_equal(unpad_pkcs1_explicit(BYTES_OF(em), &plain),
                     CARD_E_ARGUMENT);
}

/* --- The same against libcrypto ------------------------------------------- */

static void make_odd_block(uint8_t em[SMALL], size_t likely_separator)
{
    make_block(em, SMALL, one_in(2) ? likely_separator
                                    : 2 + next_number() % (SMALL - 2));
    if (one_in(8))
        em[0] = 0x01;
    if (one_in(8))
        em[1] = nonzero();
    if (one_in(4))
        em[2 + next_number() % (SMALL - 2)] = 0;
    if (one_in(8))
        for (size_t i = 2; i < SMALL; i++)
            em[i] |= 1;
}

static void test_pkcs1_when_random_blocks_then_as_libcrypto(void **state)
{
    EVP_PKEY_CTX *ctx =
        rsa_operation(key512, EVP_PKEY_decrypt_init, RSA_PKCS1_PADDING);
    unsigned good = 0;

    (void)state;
    /* OpenSSL 3.2 and later have to be told that errors are wanted. */
    EVP_PKEY_CTX_ctrl_str(ctx, "rsa_pkcs1_implicit_rejection", "0");
    for (int i = 0; i < RANDOM_BLOCKS; i++) {
        uint8_t em[SMALL], ours[SMALL], theirs[SMALL];
        struct buf plain = BUF_ON(ours), expected = BUF_ON(theirs);
        const struct buf instead =
            instead_of(sizeof(em), next_number() % 54);
        bool ok;

        make_odd_block(em, 2 + next_number() % 16);
        ok = libcrypto_decrypts(ctx, BYTES_OF(em), &expected);
        assert_int_equal(unpad_pkcs1_explicit(BYTES_OF(em), &plain),
                         ok ? 0 : CARD_E_ARGUMENT);
        assert_true(bytes_equal(buf_view(&plain), buf_view(&expected)));
        assert_int_equal(unpad_pkcs1(BYTES_OF(em), &instead, &plain), 0);
        assert_true(bytes_equal(buf_view(&plain),
                                buf_view(ok ? &expected : &instead)));
        good += ok;
    }
    assert_true(good >= RANDOM_BLOCKS / 4 && good <= RANDOM_BLOCKS * 3 / 4);
    EVP_PKEY_CTX_free(ctx);
}

/* --- TLS ------------------------------------------------------------------ */

static const uint8_t random48[PREMASTER] = {'r', 'a', 'n', 'd', 'o', 'm'};

static bool tls_gives_premaster(struct bytes em, unsigned version,
                                unsigned alternative)
{
    uint8_t space[PREMASTER];
    struct buf out = BUF_ON(space);
    struct bytes tail = bytes_from(em.data + em.len - PREMASTER, PREMASTER);

    card_error_clear();
    assert_int_equal(
        unpad_tls(em, version, alternative, BYTES_OF(random48), &out), 0);
    assert_string_equal(card_error_sentence(), "");
    if (bytes_equal(buf_view(&out), tail))
        return true;
    assert_true(bytes_equal(buf_view(&out), BYTES_OF(random48)));
    return false;
}

static void make_premaster(uint8_t *em, size_t k, unsigned version)
{
    make_block(em, k, k - PREMASTER - 1);
    em[k - PREMASTER] = (uint8_t)(version >> 8);
    em[k - PREMASTER + 1] = (uint8_t)version;
}

static void test_tls_when_version_then_one_of_the_two(void **state)
{
    uint8_t em[256];

    (void)state;
    make_premaster(em, sizeof(em), 0x0303);
    assert_true(tls_gives_premaster(BYTES_OF(em), 0x0303, 0));
    assert_true(tls_gives_premaster(BYTES_OF(em), 0x0303, 0x0301));
    assert_true(tls_gives_premaster(BYTES_OF(em), 0x0302, 0x0303));
    assert_false(tls_gives_premaster(BYTES_OF(em), 0x0302, 0));
    assert_false(tls_gives_premaster(BYTES_OF(em), 0x0302, 0x0301));
    assert_false(tls_gives_premaster(BYTES_OF(em), 0x0203, 0x0304));
    assert_false(tls_gives_premaster(BYTES_OF(em), 0x010303, 0));
    make_premaster(em, sizeof(em), 0x0000);
    assert_false(tls_gives_premaster(BYTES_OF(em), 0x0303, 0));
}

static void test_tls_when_bad_then_random(void **state)
{
    const size_t lengths[] = {59, SMALL, 128, 256, CARD_MAX_SIGNATURE};
    uint8_t em[CARD_MAX_SIGNATURE];

    (void)state;
    for (size_t n = 0; n < nitems(lengths); n++) {
        size_t k = lengths[n];
        struct bytes block = bytes_from(em, k);

        for (size_t i = 0; i < k; i++) { /* one zero more, or one less */
            make_premaster(em, k, 0x0303);
            em[i] = em[i] == 0 ? 1 : 0;
            assert_int_equal(tls_gives_premaster(block, 0x0303, 0),
                             i > k - PREMASTER + 1);
        }
        for (size_t i = 2; i < k; i++) { /* another length */
            make_premaster(em, k, 0x0303);
            em[k - PREMASTER - 1] = 1;
            em[i] = 0;
            assert_int_equal(tls_gives_premaster(block, 0x0303, 0),
                             i == k - PREMASTER - 1);
        }
        make_premaster(em, k, 0x0303);
        em[1] = 0x01;
        assert_false(tls_gives_premaster(block, 0x0303, 0));
    }
}

static void test_tls_when_random_blocks_then_as_libcrypto(void **state)
{
    static const unsigned versions[] = {0x0303, 0x0302, 0x0301, 0x0000};
    unsigned good = 0;

    (void)state;
    for (int i = 0; i < RANDOM_BLOCKS; i++) {
        unsigned client = 0x0303, other = versions[1 + next_number() % 3];
        OSSL_PARAM params[] = {
            OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, &client),
            OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION,
                            &other),
            OSSL_PARAM_END};
        EVP_PKEY_CTX *ctx = rsa_operation(key512, EVP_PKEY_decrypt_init,
                                          RSA_PKCS1_WITH_TLS_PADDING);
        uint8_t em[SMALL], theirs[SMALL];
        struct buf expected = BUF_ON(theirs);
        unsigned version = versions[next_number() % 4];
        bool ok;

        make_odd_block(em, SMALL - PREMASTER - 1);
        em[SMALL - PREMASTER] = (uint8_t)(version >> 8);
        em[SMALL - PREMASTER + 1] = (uint8_t)version;
        assert_int_equal(EVP_PKEY_CTX_set_params(ctx, params), 1);
        assert_true(libcrypto_decrypts(ctx, BYTES_OF(em), &expected));
        ok = bytes_equal(buf_view(&expected),
                         bytes_from(em + SMALL - PREMASTER, PREMASTER));
        assert_int_equal(tls_gives_premaster(BYTES_OF(em), client, other), ok);
        good += ok;
        EVP_PKEY_CTX_free(ctx);
    }
    assert_true(good >= RANDOM_BLOCKS / 10
                && good <= RANDOM_BLOCKS * 9 / 10);
}

static void test_tls_when_lengths_are_wrong_then_error(void **state)
{
    uint8_t em[CARD_MAX_SIGNATURE + 1], space[PREMASTER];
    struct buf out = BUF_ON(space);
    struct bytes random = BYTES_OF(random48), block = bytes_from(em, SMALL);

    (void)state;
    make_premaster(em, SMALL, 0x0303);
    assert_int_equal(unpad_tls(bytes_from(em, 58), 0x0303, 0, random, &out),
                     CARD_E_ARGUMENT);
    assert_int_equal(unpad_tls(BYTES_OF(em), 0x0303, 0, random, &out),
                     CARD_E_ARGUMENT);
    assert_int_equal(
        unpad_tls(block, 0x0303, 0, bytes_from(random48, 47), &out),
        CARD_E_ARGUMENT);
    out.cap = 47;
    assert_int_equal(unpad_tls(block, 0x0303, 0, random, &out), CARD_E_BUFFER);
}

/*
 * For valgrind: it takes the block, and the length of what stands for it, for
 * uninitialised, and tells of each branch and each address that depends on
 * them. Only the result may be looked at.
 */
static void test_decoding_when_block_is_secret_then_no_branch(void **state)
{
    uint8_t em[256], space[256];
    struct buf plain = BUF_ON(space);
    struct buf instead = instead_of(sizeof(em), 99);

    (void)state;
    VALGRIND_MAKE_MEM_UNDEFINED(&instead.len, sizeof(instead.len));
    for (size_t separator = 5; separator < 256; separator += 101) {
        make_block(em, sizeof(em), separator);
        VALGRIND_MAKE_MEM_UNDEFINED(em, sizeof(em));
        assert_int_equal(unpad_pkcs1(BYTES_OF(em), &instead, &plain), 0);
        VALGRIND_MAKE_MEM_DEFINED(&plain, sizeof(plain));
        VALGRIND_MAKE_MEM_DEFINED(space, sizeof(space));
        assert_int_equal(plain.len, separator < 10 ? 99 : 255 - separator);
        VALGRIND_MAKE_MEM_DEFINED(em, sizeof(em));
        make_premaster(em, sizeof(em), 0x0302 + separator % 2);
        VALGRIND_MAKE_MEM_UNDEFINED(em, sizeof(em));
        assert_int_equal(unpad_tls(BYTES_OF(em), 0x0303, 0x0301,
                                   BYTES_OF(random48), &plain),
                         0);
        VALGRIND_MAKE_MEM_DEFINED(em, sizeof(em));
        VALGRIND_MAKE_MEM_DEFINED(space, sizeof(space));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pkcs1_when_any_message_length_then_message),
        cmocka_unit_test(test_pkcs1_when_message_has_zeros_then_message),
        cmocka_unit_test(test_pkcs1_when_bad_padding_then_synthetic_or_error),
        cmocka_unit_test(test_pkcs1_when_eleven_bytes_then_empty_message),
        cmocka_unit_test(test_pkcs1_when_lengths_are_wrong_then_error),
        cmocka_unit_test(test_pkcs1_when_random_blocks_then_as_libcrypto),
        cmocka_unit_test(test_tls_when_version_then_one_of_the_two),
        cmocka_unit_test(test_tls_when_bad_then_random),
        cmocka_unit_test(test_tls_when_random_blocks_then_as_libcrypto),
        cmocka_unit_test(test_tls_when_lengths_are_wrong_then_error),
        cmocka_unit_test(test_decoding_when_block_is_secret_then_no_branch)};

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
