/*
 * Public keys as DER: written from raw material and compared with libcrypto's,
 * and read back.
 */
#include "card/base/spki.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include "card/error.h"
#include "tests/unit/soft_key.h"
#include "tests/unit/test.h"

/* A number of an RSA key, with zeros before it. */
static void get_number(EVP_PKEY *key, const char *name, size_t zeros,
                       struct buf *out)
{
    BIGNUM *number = NULL;

    assert_int_equal(EVP_PKEY_get_bn_param(key, name, &number), 1);
    out->len = zeros + (size_t)BN_num_bytes(number);
    assert_int_equal(BN_bn2binpad(number, out->data, (int)out->len), out->len);
    BN_free(number);
}

static void get_octets(EVP_PKEY *key, const char *name, struct buf *out)
{
    assert_int_equal(EVP_PKEY_get_octet_string_param(key, name, out->data,
                                                     out->cap, &out->len), 1);
}

/* --- Writing -------------------------------------------------------------- */

static void test_rsa_when_written_then_as_libcrypto(void **state)
{
    const size_t bits[] = {512, 1016, 1024, 1031, 1032};

    (void)state;
    for (size_t i = 0; i < nitems(bits); i++)
        for (size_t zeros = 0; zeros < 3; zeros++) {
            uint8_t n_space[200], e_space[10], space[SPKI_MAX];
            struct buf n = BUF_ON(n_space), e = BUF_ON(e_space);
            struct buf out = BUF_ON(space);
            EVP_PKEY *key = make_rsa("RSA", bits[i]);

            get_number(key, OSSL_PKEY_PARAM_RSA_N, zeros, &n);
            get_number(key, OSSL_PKEY_PARAM_RSA_E, zeros, &e);
            assert_int_equal(spki_rsa(buf_view(&n), buf_view(&e), &out), 0);
            assert_true(bytes_equal(buf_view(&out), spki_of(key)));
            EVP_PKEY_free(key);
        }
}

/* Every length of every layer: libcrypto reads it and writes it the same. */
static void test_rsa_when_any_length_then_libcrypto_reads_it(void **state)
{
    static uint8_t modulus[CARD_MAX_SIGNATURE];

    (void)state;
    memset(modulus, 0x7F, sizeof(modulus));
    for (size_t len = 1; len <= sizeof(modulus); len++) {
        uint8_t exponent[] = {0x80, 0x01}, space[SPKI_MAX];
        struct buf out = BUF_ON(space);
        const unsigned char *p = space;
        EVP_PKEY *key;

        modulus[0] = len % 2 == 0 ? 0x7F : 0xFF;
        assert_int_equal(spki_rsa(bytes_from(modulus, len), BYTES_OF(exponent),
                                  &out), 0);
        key = d2i_PUBKEY(NULL, &p, (long)out.len);
        assert_non_null(key);
        assert_ptr_equal(p, space + out.len);
        assert_true(bytes_equal(buf_view(&out), spki_of(key)));
        EVP_PKEY_free(key);
    }
}

static void test_rsa_when_top_bit_then_a_zero_before_it(void **state)
{
    const uint8_t n[] = {0x00, 0x00, 0x80, 0x00}, e[] = {0x00, 0x7F};
    uint8_t space[64];
    struct buf out = BUF_ON(space);

    (void)state;
    assert_int_equal(buf_put_u8(&out, 0xEE), 0);
    assert_int_equal(spki_rsa(BYTES_OF(n), BYTES_OF(e), &out), 0);
    assert_bytes_hex(buf_view(&out), "EE 301C 300D 06092A864886F70D010101 0500 "
                                     "030B 00 3008 0203008000 02017F");
}

static void test_rsa_when_no_number_then_protocol(void **state)
{
    static const uint8_t zeros[4] = {0};
    static uint8_t long_number[CARD_MAX_SIGNATURE + 1] = {1};
    const uint8_t three[] = {3};
    uint8_t space[SPKI_MAX * 2];
    struct buf out = BUF_ON(space);
    struct bytes bad[] = {bytes_from(NULL, 0), BYTES_OF(zeros),
                          BYTES_OF(long_number)};

    (void)state;
    for (size_t i = 0; i < nitems(bad); i++) {
        assert_int_equal(spki_rsa(bad[i], BYTES_OF(three), &out),
                         CARD_E_PROTOCOL);
        assert_int_equal(spki_rsa(BYTES_OF(three), bad[i], &out),
                         CARD_E_PROTOCOL);
        assert_int_equal(out.len, 0);
    }
}

static const char *const curves[] = {"P-256", "P-384", "P-521",
                                     "brainpoolP512r1", "secp256k1"};

/* CKA_EC_PARAMS of a named curve. */
static void get_params(EVP_PKEY *key, struct buf *out)
{
    char name[40];
    unsigned char *p = out->data;
    ASN1_OBJECT *oid;

    assert_int_equal(EVP_PKEY_get_group_name(key, name, sizeof(name), NULL), 1);
    oid = OBJ_txt2obj(name, 0);
    out->len = (size_t)i2d_ASN1_OBJECT(oid, &p);
    ASN1_OBJECT_free(oid);
}

static void test_ec_when_written_then_as_libcrypto(void **state)
{
    (void)state;
    for (size_t i = 0; i < nitems(curves); i++) {
        uint8_t params_space[20], point_space[140], space[SPKI_MAX];
        struct buf params = BUF_ON(params_space), point = BUF_ON(point_space);
        struct buf out = BUF_ON(space);
        EVP_PKEY *key = make_ec(curves[i]);

        get_params(key, &params);
        get_octets(key, OSSL_PKEY_PARAM_PUB_KEY, &point);
        assert_int_equal(spki_ec(buf_view(&params), buf_view(&point), &out), 0);
        assert_true(bytes_equal(buf_view(&out), spki_of(key)));
        EVP_PKEY_free(key);
    }
}

static int ec_result(const char *params_hex, const char *point_hex)
{
    uint8_t params_space[10], point_space[10], space[100];
    struct buf params = BUF_ON(params_space), point = BUF_ON(point_space);
    struct buf out = BUF_ON(space);
    int rc;

    assert_int_equal(bytes_from_hex(params_hex, &params), 0);
    assert_int_equal(bytes_from_hex(point_hex, &point), 0);
    rc = spki_ec(buf_view(&params), buf_view(&point), &out);
    assert_true(rc == 0 || out.len == 0);
    return rc;
}

static void test_ec_when_not_one_der_object_then_protocol(void **state)
{
    static const char *const bad[] = {
        "", "06", "0603", "06032B65", "06032B656E00", "0680", "06032B656E0000",
        "0681032B656E", "068200032B656E", "06830000032B656E", "0000", "1F0100",
        "0684", "06FF", "0681"};

    (void)state;
    for (size_t i = 0; i < nitems(bad); i++)
        assert_int_equal(ec_result(bad[i], "040102"), CARD_E_PROTOCOL);
    assert_int_equal(ec_result("06032B656E", "040102"), 0);
    assert_int_equal(ec_result("0500", "040102"), 0);
}

static int ec_params_of_length(const char *header_hex, size_t value_len)
{
    static const uint8_t point[] = {4, 1, 2};
    uint8_t params_space[400] = {0}, space[500];
    struct buf params = BUF_ON(params_space), out = BUF_ON(space);

    assert_int_equal(bytes_from_hex(header_hex, &params), 0);
    params.len += value_len;
    return spki_ec(buf_view(&params), BYTES_OF(point), &out);
}

static void test_ec_when_long_parameters_then_shortest_length(void **state)
{
    (void)state;
    assert_int_equal(ec_params_of_length("307F", 127), 0);
    assert_int_equal(ec_params_of_length("3080", 128), CARD_E_PROTOCOL);
    assert_int_equal(ec_params_of_length("30817F", 127), CARD_E_PROTOCOL);
    assert_int_equal(ec_params_of_length("308180", 128), 0);
    assert_int_equal(ec_params_of_length("308180", 129), CARD_E_PROTOCOL);
    assert_int_equal(ec_params_of_length("308180", 127), CARD_E_PROTOCOL);
    assert_int_equal(ec_params_of_length("308200FF", 255), CARD_E_PROTOCOL);
    assert_int_equal(ec_params_of_length("30820100", 256), 0);
    assert_int_equal(ec_params_of_length("30820100", 257), CARD_E_PROTOCOL);
    assert_int_equal(ec_params_of_length("3083000100", 256), CARD_E_PROTOCOL);
}

static void test_ec_when_point_not_uncompressed_then_protocol(void **state)
{
    static const char *const bad[] = {"", "04", "0401", "04010203", "020102",
                                      "030102", "060102", "00"};

    (void)state;
    for (size_t i = 0; i < nitems(bad); i++)
        assert_int_equal(ec_result("06032B656E", bad[i]), CARD_E_PROTOCOL);
}

struct raw_row {
    const char *name;
    enum card_key_type type;
    size_t len;
};

static const struct raw_row raw_rows[] = {
    {"ED25519", CARD_KEY_ED25519, 32},
    {"ED448", CARD_KEY_ED448, 57},
    {"X25519", CARD_KEY_X25519, 32},
    {"X448", CARD_KEY_X448, 56}};

static void test_rfc8410_when_written_then_as_libcrypto(void **state)
{
    (void)state;
    for (size_t i = 0; i < nitems(raw_rows); i++) {
        const struct raw_row *row = &raw_rows[i];
        uint8_t raw_space[57], space[SPKI_MAX];
        struct buf raw = BUF_ON(raw_space), out = BUF_ON(space);
        EVP_PKEY *key = make_key(row->name);

        get_octets(key, OSSL_PKEY_PARAM_PUB_KEY, &raw);
        assert_int_equal(spki_rfc8410(row->type, buf_view(&raw), &out), 0);
        assert_true(bytes_equal(buf_view(&out), spki_of(key)));
        EVP_PKEY_free(key);
        out.len = 0;
        for (size_t len = 0; len < 60; len++)
            if (len != row->len)
                assert_int_equal(spki_rfc8410(row->type,
                                              bytes_from(space, len), &out),
                                 CARD_E_PROTOCOL);
        assert_int_equal(out.len, 0);
    }
}

static void test_rfc8410_when_other_type_then_argument(void **state)
{
    const uint8_t raw[32] = {0};
    uint8_t space[64];
    struct buf out = BUF_ON(space);

    (void)state;
    assert_int_equal(spki_rfc8410(CARD_KEY_RSA, BYTES_OF(raw), &out),
                     CARD_E_ARGUMENT);
    assert_int_equal(spki_rfc8410(CARD_KEY_EC, BYTES_OF(raw), &out),
                     CARD_E_ARGUMENT);
    assert_int_equal(
        spki_rfc8410((enum card_key_type)(CARD_KEY_X448 + 1), BYTES_OF(raw),
                     &out), CARD_E_ARGUMENT);
}

enum { ML_HEAD = 22, ML_KEY_MAX = 2592 };

struct ml_row {
    const char *name;
    enum card_key_type type;
    size_t key_len, sig_max;
    uint8_t head[ML_HEAD]; /* what stands before the key: RFC 9881, RFC 9935 */
};

static const struct ml_row ml_rows[] = {
    {"ML-DSA-44", CARD_KEY_ML_DSA_44, 1312, 2420,
     {0x30, 0x82, 0x05, 0x32, 0x30, 0x0B, 0x06, 0x09, 0x60, 0x86, 0x48,
      0x01, 0x65, 0x03, 0x04, 0x03, 0x11, 0x03, 0x82, 0x05, 0x21, 0x00}},
    {"ML-DSA-65", CARD_KEY_ML_DSA_65, 1952, 3309,
     {0x30, 0x82, 0x07, 0xB2, 0x30, 0x0B, 0x06, 0x09, 0x60, 0x86, 0x48,
      0x01, 0x65, 0x03, 0x04, 0x03, 0x12, 0x03, 0x82, 0x07, 0xA1, 0x00}},
    {"ML-DSA-87", CARD_KEY_ML_DSA_87, 2592, 4627,
     {0x30, 0x82, 0x0A, 0x32, 0x30, 0x0B, 0x06, 0x09, 0x60, 0x86, 0x48,
      0x01, 0x65, 0x03, 0x04, 0x03, 0x13, 0x03, 0x82, 0x0A, 0x21, 0x00}},
    {"ML-KEM-512", CARD_KEY_ML_KEM_512, 800, 0,
     {0x30, 0x82, 0x03, 0x32, 0x30, 0x0B, 0x06, 0x09, 0x60, 0x86, 0x48,
      0x01, 0x65, 0x03, 0x04, 0x04, 0x01, 0x03, 0x82, 0x03, 0x21, 0x00}},
    {"ML-KEM-768", CARD_KEY_ML_KEM_768, 1184, 0,
     {0x30, 0x82, 0x04, 0xB2, 0x30, 0x0B, 0x06, 0x09, 0x60, 0x86, 0x48,
      0x01, 0x65, 0x03, 0x04, 0x04, 0x02, 0x03, 0x82, 0x04, 0xA1, 0x00}},
    {"ML-KEM-1024", CARD_KEY_ML_KEM_1024, 1568, 0,
     {0x30, 0x82, 0x06, 0x32, 0x30, 0x0B, 0x06, 0x09, 0x60, 0x86, 0x48,
      0x01, 0x65, 0x03, 0x04, 0x04, 0x03, 0x03, 0x82, 0x06, 0x21, 0x00}}};

static void write_ml(const struct ml_row *row, struct buf *out)
{
    uint8_t key[ML_KEY_MAX + 1] = {1};

    key[row->key_len - 1] = 2;
    assert_int_equal(spki_ml(row->type, bytes_from(key, row->key_len - 1), out),
                     CARD_E_PROTOCOL);
    assert_int_equal(spki_ml(row->type, bytes_from(key, row->key_len + 1), out),
                     CARD_E_PROTOCOL);
    assert_int_equal(out->len, 0);
    assert_int_equal(spki_ml(row->type, bytes_from(key, row->key_len), out),
                     0);
    assert_int_equal(out->len, ML_HEAD + row->key_len);
    assert_memory_equal(out->data, row->head, ML_HEAD);
    assert_memory_equal(out->data + ML_HEAD, key, row->key_len);
}

/* libcrypto knows them since 3.5; before that they are refused. */
static void test_ml_when_written_then_as_libcrypto_reads_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < nitems(ml_rows); i++) {
        uint8_t space[ML_HEAD + ML_KEY_MAX];
        struct buf out = BUF_ON(space);
        struct crypto_key found;
        EVP_KEYMGMT *known = EVP_KEYMGMT_fetch(NULL, ml_rows[i].name, NULL);
        int rc;

        write_ml(&ml_rows[i], &out);
        rc = crypto_key_describe(crypto, buf_view(&out), &found);
        assert_int_equal(rc, known != NULL ? 0 : CARD_E_PROTOCOL);
        if (rc == 0) {
            assert_int_equal(found.type, ml_rows[i].type);
            assert_int_equal(found.sig_max, ml_rows[i].sig_max);
        }
        EVP_KEYMGMT_free(known);
    }
    ERR_clear_error();
}

static void test_ml_when_other_type_then_argument(void **state)
{
    const uint8_t raw[32] = {0};
    uint8_t space[64];
    struct buf out = BUF_ON(space);

    (void)state;
    assert_int_equal(spki_ml(CARD_KEY_RSA, BYTES_OF(raw), &out),
                     CARD_E_ARGUMENT);
    assert_int_equal(spki_ml(CARD_KEY_X448, BYTES_OF(raw), &out),
                     CARD_E_ARGUMENT);
    assert_int_equal(
        spki_ml((enum card_key_type)(CARD_KEY_ML_KEM_1024 + 1), BYTES_OF(raw),
                &out), CARD_E_ARGUMENT);
}

static int write_kind(int kind, struct buf *out)
{
    static const uint8_t oid[] = {0x06, 0x01, 0x2A}, three[] = {3};
    static const uint8_t number[300] = {4, 1};

    if (kind == 0)
        return spki_rsa(BYTES_OF(number), BYTES_OF(three), out);
    if (kind == 1)
        return spki_ec(BYTES_OF(oid), bytes_from(number, 201), out);
    return spki_rfc8410(CARD_KEY_X448, bytes_from(number, 56), out);
}

/* In a heap block of that very size, where a sanitizer sees one byte more. */
static void test_writing_when_buffer_too_small_then_nothing(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        uint8_t space[SPKI_MAX];
        struct buf whole = BUF_ON(space);

        assert_int_equal(write_kind(kind, &whole), 0);
        for (size_t cap = 1; cap <= whole.len + 1; cap++) {
            struct buf out = {malloc(cap), 0, cap};

            assert_int_equal(buf_put_u8(&out, 0xEE), 0);
            assert_int_equal(write_kind(kind, &out),
                             cap <= whole.len ? CARD_E_BUFFER : 0);
            assert_int_equal(out.len, cap <= whole.len ? 1 : 1 + whole.len);
            assert_int_equal(out.data[0], 0xEE);
            free(out.data);
        }
    }
}

/* --- Reading -------------------------------------------------------------- */

static void check_description(EVP_PKEY *key, enum card_key_type type,
                              unsigned bits, size_t sig_max)
{
    struct crypto_key found;

    assert_int_equal(crypto_key_describe(crypto, spki_of(key), &found), 0);
    assert_int_equal(found.type, type);
    assert_int_equal(found.bits, bits);
    assert_int_equal(found.sig_max, sig_max);
    EVP_PKEY_free(key);
}

static void test_describe_when_known_key_then_type_and_sizes(void **state)
{
    (void)state;
    check_description(make_rsa("RSA", 512), CARD_KEY_RSA, 512, 64);
    check_description(make_rsa("RSA", 1025), CARD_KEY_RSA, 1025, 129);
    check_description(make_rsa("RSA-PSS", 1024), CARD_KEY_RSA, 1024, 128);
    check_description(make_ec("P-256"), CARD_KEY_EC, 256, 72);
    check_description(make_ec("P-384"), CARD_KEY_EC, 384, 104);
    check_description(make_ec("P-521"), CARD_KEY_EC, 521, 139);
    check_description(make_key("ED25519"), CARD_KEY_ED25519, 256, 64);
    check_description(make_key("ED448"), CARD_KEY_ED448, 456, 114);
    check_description(make_key("X25519"), CARD_KEY_X25519, 253, 0);
    check_description(make_key("X448"), CARD_KEY_X448, 448, 0);
}

static int describe_rsa_of(size_t bits)
{
    static const uint8_t e[] = {1, 0, 1};
    uint8_t n[1025], space[SPKI_MAX];
    size_t len = (bits + 7) / 8;
    struct buf out = BUF_ON(space);
    struct crypto_key found;

    memset(n, 0xFF, sizeof(n));
    n[0] = (uint8_t)(0xFF >> (8 * len - bits));
    assert_int_equal(spki_rsa(bytes_from(n, len), BYTES_OF(e), &out), 0);
    return crypto_key_describe(crypto, buf_view(&out), &found);
}

static void test_describe_when_other_key_then_unsupported(void **state)
{
    struct crypto_key found;

    (void)state;
    for (size_t i = 3; i < nitems(curves); i++) {
        EVP_PKEY *key = make_ec(curves[i]);

        assert_int_equal(crypto_key_describe(crypto, spki_of(key), &found),
                         CARD_E_UNSUPPORTED);
        EVP_PKEY_free(key);
    }
    assert_int_equal(describe_rsa_of(511), CARD_E_UNSUPPORTED);
    assert_int_equal(describe_rsa_of(512), 0);
    assert_int_equal(describe_rsa_of(8192), 0);
}

/* A modulus over CARD_MAX_SIGNATURE bytes spki_rsa does not write. */
static void test_describe_when_rsa_over_8192_then_unsupported(void **state)
{
    uint8_t space[SPKI_MAX] = {0x30, 0x82, 0x04, 0x22, 0x30, 0x0D, 0x06, 0x09,
                               0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01,
                               0x01, 0x05, 0x00, 0x03, 0x82, 0x04, 0x0F, 0x00,
                               0x30, 0x82, 0x04, 0x0A, 0x02, 0x82, 0x04, 0x01};
    struct crypto_key found;

    (void)state;
    memset(space + 32, 0x01, 1025);
    memcpy(space + 32 + 1025, "\x02\x03\x01\x00\x01", 5);
    assert_int_equal(
        crypto_key_describe(crypto, bytes_from(space, 32 + 1030), &found),
        CARD_E_UNSUPPORTED);
    assert_non_null(strstr(card_error_sentence(), "8193"));
}

static void test_describe_when_malformed_then_protocol(void **state)
{
    static const char *const types[] = {"RSA", "ED25519"};
    struct crypto_key found;
    uint8_t space[SPKI_MAX];

    (void)state;
    ERR_clear_error();
    ERR_raise(ERR_LIB_USER, 1); /* the caller's own, which stays the last */
    for (size_t i = 0; i < nitems(types); i++) {
        EVP_PKEY *key = make_key(types[i]);
        struct bytes spki = spki_of(key);

        memcpy(space, spki.data, spki.len);
        space[spki.len] = 0;
        for (size_t len = 0; len <= spki.len + 1; len++)
            assert_int_equal(
                crypto_key_describe(crypto, bytes_from(space, len), &found),
                len == spki.len ? 0 : CARD_E_PROTOCOL);
        space[8] ^= 0x15; /* an OID nobody knows */
        assert_int_equal(
            crypto_key_describe(crypto, bytes_from(space, spki.len), &found),
            CARD_E_PROTOCOL);
        EVP_PKEY_free(key);
    }
    assert_int_equal(ERR_GET_LIB(ERR_peek_last_error()), ERR_LIB_USER);
    ERR_clear_error();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rsa_when_written_then_as_libcrypto),
        cmocka_unit_test(test_rsa_when_any_length_then_libcrypto_reads_it),
        cmocka_unit_test(test_rsa_when_top_bit_then_a_zero_before_it),
        cmocka_unit_test(test_rsa_when_no_number_then_protocol),
        cmocka_unit_test(test_ec_when_written_then_as_libcrypto),
        cmocka_unit_test(test_ec_when_not_one_der_object_then_protocol),
        cmocka_unit_test(test_ec_when_long_parameters_then_shortest_length),
        cmocka_unit_test(test_ec_when_point_not_uncompressed_then_protocol),
        cmocka_unit_test(test_rfc8410_when_written_then_as_libcrypto),
        cmocka_unit_test(test_rfc8410_when_other_type_then_argument),
        cmocka_unit_test(test_ml_when_written_then_as_libcrypto_reads_it),
        cmocka_unit_test(test_ml_when_other_type_then_argument),
        cmocka_unit_test(test_writing_when_buffer_too_small_then_nothing),
        cmocka_unit_test(test_describe_when_known_key_then_type_and_sizes),
        cmocka_unit_test(test_describe_when_other_key_then_unsupported),
        cmocka_unit_test(test_describe_when_rsa_over_8192_then_unsupported),
        cmocka_unit_test(test_describe_when_malformed_then_protocol)};

    return cmocka_run_group_tests(tests, make_crypto, free_crypto);
}
