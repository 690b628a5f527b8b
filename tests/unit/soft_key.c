/*
 * Keys in software for the tests of the base modules.
 */
#include "tests/unit/soft_key.h"

#include <string.h>

#include <openssl/x509.h>

#include "tests/unit/test.h"

struct crypto *crypto;
EVP_PKEY *key512, *key1024, *key1025;

int make_crypto(void **state)
{
    (void)state;
    return crypto_new(&crypto);
}

int free_crypto(void **state)
{
    (void)state;
    crypto_free(crypto);
    return 0;
}

int make_keys(void **state)
{
    key512 = make_rsa("RSA", 512);
    key1024 = make_rsa("RSA", 1024);
    key1025 = make_rsa("RSA", 1025);
    return make_crypto(state);
}

int free_keys(void **state)
{
    EVP_PKEY_free(key512);
    EVP_PKEY_free(key1024);
    EVP_PKEY_free(key1025);
    return free_crypto(state);
}

EVP_PKEY *make_rsa(const char *type, size_t bits)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;

    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits), 1);
    assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

EVP_PKEY *make_key(const char *type)
{
    EVP_PKEY *key = strncmp(type, "RSA", 3) == 0
                        ? make_rsa(type, 1024)
                        : EVP_PKEY_Q_keygen(NULL, NULL, type);

    assert_non_null(key);
    return key;
}

EVP_PKEY *make_ec(const char *curve)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve);

    assert_non_null(key);
    return key;
}

struct bytes spki_of(EVP_PKEY *key)
{
    static uint8_t space[SPKI_MAX];
    unsigned char *p = space;
    int len = i2d_PUBKEY(key, NULL);

    assert_true(len >= 1 && len <= SPKI_MAX);
    assert_int_equal(i2d_PUBKEY(key, &p), len);
    return bytes_from(space, (size_t)len);
}

/* Xorshift, 32 bits. */
uint32_t next_number(void)
{
    static uint32_t x = 2463534242;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return x;
}

bool one_in(uint32_t n)
{
    return next_number() % n == 0;
}

uint8_t nonzero(void)
{
    return (uint8_t)(1 + next_number() % 255);
}

EVP_PKEY_CTX *rsa_operation(EVP_PKEY *key, int (*init)(EVP_PKEY_CTX *),
                            int padding)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);

    assert_non_null(ctx);
    assert_int_equal(init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, padding), 1);
    return ctx;
}

void exponentiate(EVP_PKEY *key, struct bytes in, struct buf *out)
{
    EVP_PKEY_CTX *ctx =
        rsa_operation(key, EVP_PKEY_decrypt_init, RSA_NO_PADDING);

    out->len = out->cap;
    assert_int_equal(
        EVP_PKEY_decrypt(ctx, out->data, &out->len, in.data, in.len), 1);
    EVP_PKEY_CTX_free(ctx);
}

/* What undoes it: m^e mod n. */
static void encrypt_raw(EVP_PKEY *key, struct bytes in, struct buf *out)
{
    EVP_PKEY_CTX *ctx =
        rsa_operation(key, EVP_PKEY_encrypt_init, RSA_NO_PADDING);

    out->len = out->cap;
    assert_int_equal(
        EVP_PKEY_encrypt(ctx, out->data, &out->len, in.data, in.len), 1);
    EVP_PKEY_CTX_free(ctx);
}

bool libcrypto_decrypts(EVP_PKEY_CTX *ctx, struct bytes em, struct buf *plain)
{
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf cryptogram = BUF_ON(space);

    encrypt_raw(EVP_PKEY_CTX_get0_pkey(ctx), em, &cryptogram);
    plain->len = plain->cap;
    if (EVP_PKEY_decrypt(ctx, plain->data, &plain->len, space,
                         cryptogram.len) == 1)
        return true;
    plain->len = 0;
    return false;
}
