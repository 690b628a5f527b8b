/*
 * Paddings of RSA signatures, and what paddings are made of. libcrypto verifies
 * what a key in software makes of them.
 */
#include "card/base/pad.h"

#include <string.h>

#include "card/error.h"
#include "card/object.h"
#include "tests/unit/soft_key.h"
#include "tests/unit/test.h"

static bool verifies(EVP_PKEY *key, int padding, const struct pad_pss *how,
                     struct bytes digest, struct bytes em)
{
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    EVP_PKEY_CTX *ctx = rsa_operation(key, EVP_PKEY_verify_init, padding);
    EVP_MD *md = EVP_MD_fetch(NULL, hash_name(how->hash), NULL);
    bool ok;

    exponentiate(key, em, &sig);
    assert_int_equal(EVP_PKEY_CTX_set_signature_md(ctx, md), 1);
    if (padding == RSA_PKCS1_PSS_PADDING) {
        const char *mgf = hash_name(how->mgf_hash);
        int salt_len = (int)how->salt_len;

        assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, mgf, NULL), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, salt_len), 1);
    }
    ok = EVP_PKEY_verify(ctx, sig.data, sig.len, digest.data, digest.len) == 1;
    EVP_MD_free(md);
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static void test_pkcs1_sign_when_exponentiated_then_verifies(void **state)
{
    const uint8_t value[CARD_MAX_HASH] = {1, 2, 3};
    EVP_PKEY *const keys[] = {key1024, key1025};

    (void)state;
    for (int h = CARD_HASH_SHA1; h <= CARD_HASH_SHA512; h++)
        for (size_t i = 0; i < nitems(keys); i++) {
            uint8_t info_space[128], em_space[129];
            struct pad_pss how = {.hash = (enum card_hash)h};
            struct bytes digest = bytes_from(value, hash_len(how.hash));
            struct buf info = BUF_ON(info_space);
            struct buf em = {em_space, 0, (size_t)EVP_PKEY_get_size(keys[i])};

            assert_int_equal(hash_digest_info(how.hash, digest, &info), 0);
            assert_int_equal(pad_pkcs1_sign(buf_view(&info), &em), 0);
            assert_int_equal(em.len, em.cap);
            assert_true(verifies(keys[i], RSA_PKCS1_PADDING, &how, digest,
                                 buf_view(&em)));
        }
}

static void test_pkcs1_sign_when_no_room_then_argument(void **state)
{
    const uint8_t block[64] = {0xAB, 0xCD};
    uint8_t space[64];
    struct buf em = {space, 0, 13};

    (void)state;
    assert_int_equal(pad_pkcs1_sign(bytes_from(block, 2), &em), 0);
    assert_bytes_hex(buf_view(&em), "0001 FFFFFFFFFFFFFFFF 00 ABCD");
    assert_int_equal(pad_pkcs1_sign(bytes_from(block, 3), &em),
                     CARD_E_ARGUMENT);
    assert_int_equal(pad_pkcs1_sign(bytes_from(NULL, 0), &em), 0);
    assert_bytes_hex(buf_view(&em), "0001 FFFFFFFFFFFFFFFFFFFF 00");
    em.cap = 11;
    assert_int_equal(pad_pkcs1_sign(bytes_from(NULL, 0), &em), 0);
    assert_int_equal(em.len, 11);
    em.cap = 10;
    assert_int_equal(pad_pkcs1_sign(bytes_from(NULL, 0), &em),
                     CARD_E_ARGUMENT);
    em.cap = 64;
    assert_int_equal(pad_pkcs1_sign(bytes_from(block, 64), &em),
                     CARD_E_ARGUMENT);
}

static void check_pss(EVP_PKEY *key, const struct pad_pss *how)
{
    const uint8_t value[CARD_MAX_HASH] = {1, 2, 3};
    struct bytes digest = bytes_from(value, hash_len(how->hash));
    unsigned bits = (unsigned)EVP_PKEY_get_bits(key);
    uint8_t space[140];
    struct buf em = BUF_ON(space);

    memset(space, 0xFF, sizeof(space));
    assert_int_equal(pad_pss(crypto, how, digest, bits, &em), 0);
    assert_int_equal(em.len, EVP_PKEY_get_size(key));
    assert_true(
        verifies(key, RSA_PKCS1_PSS_PADDING, how, digest, buf_view(&em)));
    if (bits % 8 == 1)
        assert_int_equal(space[0], 0);
}

static void test_pss_when_exponentiated_then_verifies(void **state)
{
    EVP_PKEY *const keys[] = {key1024, key1025};

    (void)state;
    for (int h = CARD_HASH_SHA1; h <= CARD_HASH_SHA512; h++)
        for (int m = CARD_HASH_SHA1; m <= CARD_HASH_SHA512; m++)
            for (size_t i = 0; i < nitems(keys); i++) {
                struct pad_pss how = {(enum card_hash)h, (enum card_hash)m, 0};

                check_pss(keys[i], &how);
                how.salt_len = 20;
                check_pss(keys[i], &how);
                how.salt_len = 126 - hash_len(how.hash);
                check_pss(keys[i], &how);
            }
}

/* emBits of every residue: the bits above them are zero, and no others. */
static void test_pss_when_any_modulus_length_then_below_it(void **state)
{
    const uint8_t digest[32] = {9};
    const struct pad_pss how = {CARD_HASH_SHA256, CARD_HASH_SHA256, 32};

    (void)state;
    for (unsigned bits = 1024; bits < 1040; bits++) {
        uint8_t all[2] = {0}, space[130];

        for (int i = 0; i < 100; i++) {
            struct buf em = BUF_ON(space);

            assert_int_equal(
                pad_pss(crypto, &how, BYTES_OF(digest), bits, &em), 0);
            assert_int_equal(em.len, (bits + 7) / 8);
            assert_int_equal(space[em.len - 1], 0xBC);
            all[0] |= space[0];
            all[1] |= space[1];
        }
        assert_int_equal(all[0], (1 << (bits - 1) % 8) - 1);
        assert_int_equal(all[1], 0xFF);
    }
}

static void test_pss_when_repeated_then_salt_is_new(void **state)
{
    const uint8_t digest[32] = {9};
    struct pad_pss how = {CARD_HASH_SHA256, CARD_HASH_SHA256, 32};
    uint8_t one[128], two[128];
    struct buf a = BUF_ON(one), b = BUF_ON(two);

    (void)state;
    assert_int_equal(pad_pss(crypto, &how, BYTES_OF(digest), 1024, &a), 0);
    assert_int_equal(pad_pss(crypto, &how, BYTES_OF(digest), 1024, &b), 0);
    assert_false(bytes_equal(buf_view(&a), buf_view(&b)));
    how.salt_len = 0;
    assert_int_equal(pad_pss(crypto, &how, BYTES_OF(digest), 1024, &a), 0);
    assert_int_equal(pad_pss(crypto, &how, BYTES_OF(digest), 1024, &b), 0);
    assert_true(bytes_equal(buf_view(&a), buf_view(&b)));
}

static int pss_result(enum card_hash hash, enum card_hash mgf_hash,
                      size_t salt_len, size_t digest_len, unsigned bits,
                      size_t cap)
{
    const uint8_t digest[CARD_MAX_HASH] = {0};
    const struct pad_pss how = {hash, mgf_hash, salt_len};
    uint8_t space[CARD_MAX_SIGNATURE + 1];
    struct buf em = {space, 0, cap};

    return pad_pss(crypto, &how, bytes_from(digest, digest_len), bits, &em);
}

static void test_pss_when_senseless_then_error(void **state)
{
    const enum card_hash sha = CARD_HASH_SHA256, none = CARD_HASH_NONE;

    (void)state;
    assert_int_equal(pss_result(sha, sha, 94, 32, 1024, 128), 0);
    assert_int_equal(pss_result(sha, sha, 94, 32, 1024, 127), CARD_E_BUFFER);
    assert_int_equal(pss_result(sha, sha, 95, 32, 1024, 128), CARD_E_ARGUMENT);
    assert_int_equal(pss_result(sha, sha, 94, 32, 1025, 129), 0);
    assert_int_equal(pss_result(sha, sha, 94, 32, 1025, 128), CARD_E_BUFFER);
    assert_int_equal(pss_result(sha, sha, 95, 32, 1025, 129), CARD_E_ARGUMENT);
    assert_int_equal(pss_result(sha, sha, 95, 32, 1026, 129), 0);
    assert_int_equal(pss_result(sha, sha, 990, 32, 8192, 1024), 0);
    assert_int_equal(pss_result(sha, sha, SIZE_MAX, 32, 1024, 128),
                     CARD_E_ARGUMENT);
    assert_int_equal(pss_result(sha, sha, 0, 32, 272, 128), 0);
    assert_int_equal(pss_result(sha, sha, 0, 32, 265, 128), CARD_E_ARGUMENT);
    assert_int_equal(pss_result(sha, sha, 0, 32, 0, 128), CARD_E_ARGUMENT);
    assert_int_equal(pss_result(sha, sha, 20, 31, 1024, 128), CARD_E_ARGUMENT);
    assert_int_equal(pss_result(none, sha, 20, 0, 1024, 128), CARD_E_ARGUMENT);
    assert_int_equal(pss_result(sha, none, 20, 32, 1024, 128),
                     CARD_E_ARGUMENT);
}

/* --- What paddings are made of -------------------------------------------- */

static void test_hash_when_named_then_appended(void **state)
{
    uint8_t space[40];
    struct buf out = BUF_ON(space);
    struct bytes none = bytes_from(NULL, 0);

    (void)state;
    assert_int_equal(crypto_hash(crypto, CARD_HASH_SHA1, none, &out), 0);
    assert_int_equal(
        crypto_hash(crypto, CARD_HASH_SHA1, bytes_of_string("abc"), &out), 0);
    assert_bytes_hex(buf_view(&out),
                     "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709"
                     "A9993E364706816ABA3E25717850C26C9CD0D89D");
    assert_int_equal(crypto_hash(crypto, CARD_HASH_SHA1, none, &out),
                     CARD_E_BUFFER);
    assert_int_equal(crypto_hash(crypto, CARD_HASH_NONE, none, &out),
                     CARD_E_ARGUMENT);
    assert_int_equal(out.len, 40);
}

static void test_mgf1_when_seed_is_too_long_then_error(void **state)
{
    static const uint8_t seed[CARD_MAX_SIGNATURE + 1] = {0};
    uint8_t space[10] = {0};
    struct buf data = {space, 0, sizeof(space)};

    (void)state;
    assert_int_equal(
        crypto_mgf1_xor(crypto, CARD_HASH_SHA1, BYTES_OF(seed), &data), 0);
    data.len = 10;
    assert_int_equal(
        crypto_mgf1_xor(crypto, CARD_HASH_SHA1, BYTES_OF(seed), &data),
        CARD_E_BUFFER);
}

static void test_random_when_asked_twice_then_other_bytes(void **state)
{
    uint8_t one[40] = {0}, two[40] = {0};
    struct buf a = {one, 0, 32}, b = {two, 0, 32};

    (void)state;
    assert_int_equal(crypto_random(crypto, &a), 0);
    assert_int_equal(crypto_random(crypto, &b), 0);
    assert_int_equal(a.len, 32);
    assert_false(bytes_equal(buf_view(&a), buf_view(&b)));
    assert_bytes_hex(bytes_from(one + 32, 8), "0000000000000000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pkcs1_sign_when_exponentiated_then_verifies),
        cmocka_unit_test(test_pkcs1_sign_when_no_room_then_argument),
        cmocka_unit_test(test_pss_when_exponentiated_then_verifies),
        cmocka_unit_test(test_pss_when_any_modulus_length_then_below_it),
        cmocka_unit_test(test_pss_when_repeated_then_salt_is_new),
        cmocka_unit_test(test_pss_when_senseless_then_error),
        cmocka_unit_test(test_hash_when_named_then_appended),
        cmocka_unit_test(test_mgf1_when_seed_is_too_long_then_error),
        cmocka_unit_test(test_random_when_asked_twice_then_other_bytes)};

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
