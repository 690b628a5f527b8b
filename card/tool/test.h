/*
 * The test of good working: what a key is tried with, and what came of it.
 */
#ifndef CARD_TOOL_TEST_H
#define CARD_TOOL_TEST_H

#include <openssl/evp.h>

#include "card/tool/tool.h"

/* One operation of a key, done by the card and checked by libcrypto. */
struct test_result {
    const char *scheme;  /* "RSA-PSS with SHA-256"; NULL: was not tried */
    int rc;              /* 0, or enum card_error */
    char why[512];       /* when it failed */
    unsigned milliseconds;
};

/* card_key_can, but for what does not fit the key's type. */
unsigned test_can(const struct card_key *key);

/*
 * Sign random data, decrypt what was encrypted to the public half, agree on a
 * secret: what test_can says. `public` is the certificate's, or the card's
 * own where there is no certificate. The key's card asks for the PIN.
 */
void test_sign(struct card_key *key, EVP_PKEY *public,
               struct test_result *out);
void test_decrypt(struct card_key *key, EVP_PKEY *public,
                  struct test_result *out);
void test_derive(struct card_key *key, EVP_PKEY *public,
                 struct test_result *out);

/*
 * TLS wants RSA-PSS from version 1.3 on (RFC 8446 4.2.3): such a key of a card
 * that has PKCS#1 v1.5 only.
 */
bool test_is_tls12_only(unsigned can);

/* A warning for a certificate that is not valid, or not for long, or NULL. */
const char *test_validity(const struct cert_text *cert, bool *broken);

/* A login at `url` with the key for that use. */
struct test_login {
    const char *url;
    const char *ca;    /* a file with more CA certificates, or NULL */
    const char *usage; /* as in a URI */
};
int test_tls(struct tool *t, const struct test_login *login);

#endif
