/*
 * The test of good working: what a key is tried with, and what came of it.
 */
#ifndef CARD_TOOL_TEST_H
#define CARD_TOOL_TEST_H

#include <openssl/evp.h>

#include "card/base/secret.h"
#include "card/tool/cert_text.h"
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

/* ---- its PIN (test_pin.c) ------------------------------------------------ */

bool test_pin_blocked(const struct card *c, size_t pin);
/* Returns the exit status, with what unblocks it said. */
int test_pin_say_blocked(struct tool *t, struct card *c, size_t pin);
/*
 * Ask, once its tries are told; the last one is kept (CARD_E_PIN_REFUSED).
 * `line` of --pin-file. As prompt_pin; free with secret_free.
 */
int test_pin_enter(struct tool *t, const struct card_pin_info *pin,
                   unsigned line, struct secret **out);
/* As prompt_error, for the last try too. */
int test_pin_error(struct tool *t, int rc);
/*
 * test_pin_enter, and the card takes it: its tries are full then. An exit status,
 * with the message given; free *out always.
 */
int test_pin_take(struct tool *t, struct card *c, size_t pin,
                  struct secret **out);

/* ---- a login -------------------------------------------------------------- */

/* A login at `url` with the key for that use. */
struct test_login {
    const char *url;
    const char *ca;    /* a file with more CA certificates, or NULL */
    const char *usage; /* as in a URI */
};
int test_tls(struct tool *t, const struct test_login *login);

#endif
