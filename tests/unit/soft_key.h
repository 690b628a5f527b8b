/*
 * Keys in software, libcrypto's: the second opinion on paddings, public keys
 * and signatures. They do what a token does.
 */
#ifndef TESTS_UNIT_SOFT_KEY_H
#define TESTS_UNIT_SOFT_KEY_H

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "card/base/crypto.h"

enum { SPKI_MAX = 2200 };

extern struct crypto *crypto;
extern EVP_PKEY *key512, *key1024, *key1025;

/* For cmocka's groups: make and free all of the above, or `crypto` alone. */
int make_keys(void **state);
int free_keys(void **state);
int make_crypto(void **state);
int free_crypto(void **state);

/* New keys, to be freed: "RSA" and "RSA-PSS" of 1024 bits, "ED25519"... */
EVP_PKEY *make_key(const char *type);
EVP_PKEY *make_rsa(const char *type, size_t bits);
EVP_PKEY *make_ec(const char *curve);
/* SubjectPublicKeyInfo as libcrypto writes it; valid until the next call. */
struct bytes spki_of(EVP_PKEY *key);

/* Numbers that are the same in every run. */
uint32_t next_number(void);
bool one_in(uint32_t n);
uint8_t nonzero(void);

/* An operation of libcrypto with a padding, to be freed. */
EVP_PKEY_CTX *rsa_operation(EVP_PKEY *key, int (*init)(EVP_PKEY_CTX *),
                            int padding);
/* What a token does: m^d mod n, filling `out` to the modulus. */
void exponentiate(EVP_PKEY *key, struct bytes in, struct buf *out);
/*
 * Whether libcrypto decrypts a padded block of the length of the modulus, by
 * an operation of the same key.
 */
bool libcrypto_decrypts(EVP_PKEY_CTX *ctx, struct bytes em, struct buf *plain);

#endif
