/*
 * RSAES-OAEP decoded: what libcrypto encrypts, every class of bad padding, and
 * random blocks that libcrypto decodes too.
 */
#include "card/base/pad.h"

#include <string.h>

#include "card/error.h"
#include "card/object.h"
#include "tests/unit/soft_key.h"
#include "tests/unit/test.h"

enum { RANDOM_BLOCKS = 10000, SMALL = 64 };

struct oaep {
    enum card_hash hash, mgf_hash;
    struct bytes label;
};

static EVP_PKEY_CTX *oaep_operation(EVP_PKEY *key, const struct oaep *how,
                                    int (*init)(EVP_PKEY_CTX *))
{
    EVP_PKEY_CTX *ctx = rsa_operation(key, init, RSA_PKCS1_OAEP_PADDING);
    const char *hash = hash_name(how->hash), *mgf = hash_name(how->mgf_hash);
    void *label = OPENSSL_memdup(how->label.data, how->label.len);

    assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, hash, NULL), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, mgf, NULL), 1);
    if (how->label.len > 0) /* ctx owns it then */
        assert_int_equal(EVP_PKEY_CTX_set0_rsa_oaep_label(
                             ctx, label, (int)how->label.len), 1);
    return ctx;
}

/* The padded block libcrypto makes of a message. */
static void oaep_block(EVP_PKEY *key, const struct oaep *how,
                       struct bytes message, struct buf *em)
{
    EVP_PKEY_CTX *ctx = oaep_operation(key, how, EVP_PKEY_encrypt_init);
    uint8_t space[CARD_MAX_SIGNATURE];
    size_t len = sizeof(space);

    assert_int_equal(
        EVP_PKEY_encrypt(ctx, space, &len, message.data, message.len), 1);
    EVP_PKEY_CTX_free(ctx);
    exponentiate(key, bytes_from(space, len), em);
}

static int oaep_result(const struct oaep *how, struct bytes em,
                       struct buf *plain)
{
    return unpad_oaep(crypto, how->hash, how->mgf_hash, how->label, em, plain);
}

static void check_oaep(EVP_PKEY *key, const struct oaep *how, size_t len)
{
    uint8_t message[CARD_MAX_SIGNATURE] = {0}, space[129], out[129];
    struct buf em = BUF_ON(space), plain = BUF_ON(out);
    size_t k = (size_t)EVP_PKEY_get_size(key);

    for (size_t i = 0; i < len; i++)
        message[i] = (uint8_t)(next_number() % 3);
    oaep_block(key, how, bytes_from(message, len), &em);
    assert_int_equal(em.len, k);
    plain.cap = k - 2 * hash_len(how->hash) - 2;
    memset(out, 0xEE, sizeof(out));
    assert_int_equal(oaep_result(how, buf_view(&em), &plain), 0);
    assert_true(bytes_equal(buf_view(&plain), bytes_from(message, len)));
    assert_int_equal(out[plain.cap], 0xEE);
    plain.cap--;
    assert_int_equal(oaep_result(how, buf_view(&em), &plain), CARD_E_BUFFER);
}

static void test_oaep_when_libcrypto_encrypts_then_message(void **state)
{
    static const char *const labels[] = {"", "L", "a label of some length"};
    EVP_PKEY *const keys[] = {key1024, key1025};

    (void)state;
    for (int h = CARD_HASH_SHA1; h <= CARD_HASH_SHA384; h++)
        for (int m = CARD_HASH_SHA1; m <= CARD_HASH_SHA512; m++)
            for (size_t i = 0; i < nitems(labels); i++) {
                EVP_PKEY *key = keys[(size_t)(h + m) % 2];
                const struct oaep how = {(enum card_hash)h, (enum card_hash)m,
                                         bytes_of_string(labels[i])};
                size_t max = (size_t)EVP_PKEY_get_size(key) -
                             2 * hash_len(how.hash) - 2;

                check_oaep(key, &how, 0);
                check_oaep(key, &how, 1);
                check_oaep(key, &how, max - 1);
                check_oaep(key, &how, max);
            }
}

/* SHA-1 and k = 64: 00 || seed (20) || lHash (20) || zeros || 01 || message */
enum { SEED = 1, DB = 21, PS = 41, ONE = 52, MESSAGE = 53 };

static const struct oaep small_oaep = {CARD_HASH_SHA1, CARD_HASH_SHA1,
                                       {NULL, 0}};

/* A block before it is masked; the message has zeros and 01 in it. */
static void make_open(uint8_t em[SMALL])
{
    struct buf label_hash = {em + DB, 0, PS - DB};

    for (size_t i = 0; i < SMALL; i++)
        em[i] = i < MESSAGE ? 0 : (uint8_t)(i % 3);
    for (size_t i = SEED; i < DB; i++)
        em[i] = nonzero();
    assert_int_equal(crypto_hash(crypto, CARD_HASH_SHA1, bytes_from(NULL, 0),
                                 &label_hash), 0);
    em[ONE] = 0x01;
}

/* RFC 8017 7.1.1, steps 2 e to 2 h. */
static void mask_block(uint8_t em[SMALL])
{
    struct buf seed = {em + SEED, DB - SEED, DB - SEED};
    struct buf db = {em + DB, SMALL - DB, SMALL - DB};

    assert_int_equal(
        crypto_mgf1_xor(crypto, CARD_HASH_SHA1, buf_view(&seed), &db), 0);
    assert_int_equal(
        crypto_mgf1_xor(crypto, CARD_HASH_SHA1, buf_view(&db), &seed), 0);
}

static void check_message(const uint8_t em[SMALL], struct bytes message)
{
    uint8_t space[SMALL];
    struct buf plain = BUF_ON(space);

    assert_int_equal(oaep_result(&small_oaep, bytes_from(em, SMALL), &plain),
                     0);
    assert_true(bytes_equal(buf_view(&plain), message));
}

static void check_bad_oaep(const uint8_t em[SMALL])
{
    static char first[512];
    uint8_t space[SMALL];
    struct buf plain = BUF_ON(space);

    memset(space, 0xEE, sizeof(space));
    card_error_clear();
    assert_int_equal(oaep_result(&small_oaep, bytes_from(em, SMALL), &plain),
                     CARD_E_ARGUMENT);
    assert_int_equal(plain.len, 0);
    for (size_t i = 0; i < SMALL; i++)
        assert_int_equal(space[i], 0);
    if (first[0] == '\0')
        strcpy(first, card_error_sentence());
    assert_string_equal(card_error_sentence(), first);
    assert_string_not_equal(first, "");
}

static void test_oaep_when_a_bit_is_wrong_then_the_one_error(void **state)
{
    (void)state;
    for (size_t i = 0; i < MESSAGE; i++)
        for (int bit = 0; bit < 8; bit++) {
            uint8_t em[SMALL];

            make_open(em);
            em[i] ^= (uint8_t)(1 << bit);
            mask_block(em);
            if ((i < SEED || i >= DB) && (i < PS || i == ONE || bit != 0))
                check_bad_oaep(em);
        }
}

static void test_oaep_when_nothing_but_zeros_then_the_one_error(void **state)
{
    uint8_t em[SMALL];

    (void)state;
    make_open(em);
    memset(em + PS, 0, SMALL - PS);
    mask_block(em);
    check_bad_oaep(em);
    memset(em, 0, SMALL);
    check_bad_oaep(em);
}

static void test_oaep_when_01_anywhere_then_message_behind_it(void **state)
{
    (void)state;
    for (size_t i = PS; i < SMALL; i++) {
        uint8_t em[SMALL], open[SMALL];

        make_open(open);
        memset(open + PS, 0, i - PS);
        open[i] = 0x01;
        memcpy(em, open, SMALL);
        mask_block(em);
        check_message(em, bytes_from(open + i + 1, SMALL - i - 1));
    }
}

static void test_oaep_when_other_hash_or_label_then_error(void **state)
{
    uint8_t em[SMALL], space[SMALL];
    struct buf plain = BUF_ON(space);
    struct oaep how = small_oaep;

    (void)state;
    make_open(em);
    mask_block(em);
    assert_int_equal(oaep_result(&how, BYTES_OF(em), &plain), 0);
    how.label = bytes_of_string("L");
    assert_int_equal(oaep_result(&how, BYTES_OF(em), &plain), CARD_E_ARGUMENT);
    how = small_oaep;
    how.hash = CARD_HASH_SHA224;
    assert_int_equal(oaep_result(&how, BYTES_OF(em), &plain), CARD_E_ARGUMENT);
    how = small_oaep;
    how.mgf_hash = CARD_HASH_SHA256;
    assert_int_equal(oaep_result(&how, BYTES_OF(em), &plain), CARD_E_ARGUMENT);
    how.mgf_hash = CARD_HASH_NONE;
    assert_int_equal(oaep_result(&how, BYTES_OF(em), &plain), CARD_E_ARGUMENT);
    how.hash = CARD_HASH_NONE;
    assert_int_equal(oaep_result(&how, BYTES_OF(em), &plain), CARD_E_ARGUMENT);
}

static void test_oaep_when_lengths_are_wrong_then_argument(void **state)
{
    uint8_t em[CARD_MAX_SIGNATURE + 1] = {0}, space[CARD_MAX_SIGNATURE + 1];
    struct buf plain = BUF_ON(space);

    (void)state;
    for (size_t k = 0; k <= 42; k++) /* 42: the empty message alone fits */
        assert_int_equal(oaep_result(&small_oaep, bytes_from(em, k), &plain),
                         CARD_E_ARGUMENT);
    assert_int_equal(oaep_result(&small_oaep, BYTES_OF(em), &plain),
                     CARD_E_ARGUMENT);
}

static void test_oaep_when_random_blocks_then_as_libcrypto(void **state)
{
    EVP_PKEY_CTX *ctx =
        oaep_operation(key512, &small_oaep, EVP_PKEY_decrypt_init);
    unsigned passed = 0;

    (void)state;
    for (int i = 0; i < RANDOM_BLOCKS; i++) {
        uint8_t em[SMALL], ours[SMALL], theirs[SMALL];
        struct buf plain = BUF_ON(ours), expected = BUF_ON(theirs);
        bool ok;

        make_open(em);
        if (one_in(8))
            em[0] = 0x01;
        if (one_in(8))
            em[DB + next_number() % (SMALL - DB)] = nonzero();
        if (one_in(2))
            em[PS + next_number() % (SMALL - PS)] = 0x01;
        if (one_in(8))
            memset(em + PS, 0, next_number() % (SMALL - PS));
        mask_block(em);
        ok = libcrypto_decrypts(ctx, BYTES_OF(em), &expected);
        assert_int_equal(oaep_result(&small_oaep, BYTES_OF(em), &plain),
                         ok ? 0 : CARD_E_ARGUMENT);
        assert_true(bytes_equal(buf_view(&plain), buf_view(&expected)));
        passed += ok;
    }
    assert_true(passed >= RANDOM_BLOCKS / 4
                && passed <= RANDOM_BLOCKS * 9 / 10);
    EVP_PKEY_CTX_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oaep_when_libcrypto_encrypts_then_message),
        cmocka_unit_test(test_oaep_when_a_bit_is_wrong_then_the_one_error),
        cmocka_unit_test(test_oaep_when_nothing_but_zeros_then_the_one_error),
        cmocka_unit_test(test_oaep_when_01_anywhere_then_message_behind_it),
        cmocka_unit_test(test_oaep_when_other_hash_or_label_then_error),
        cmocka_unit_test(test_oaep_when_lengths_are_wrong_then_argument),
        cmocka_unit_test(test_oaep_when_random_blocks_then_as_libcrypto)};

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
