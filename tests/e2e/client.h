/*
 * What the test programs that stand for any OpenSSL program share.
 */
#ifndef TESTS_E2E_CLIENT_H
#define TESTS_E2E_CLIENT_H

#include <stdbool.h>

#include <openssl/evp.h>

/* The private key a URI names, or NULL with errors raised. */
EVP_PKEY *client_load_key(const char *uri);
/* Sign a message, hashed with SHA-256, and verify that; errors are raised. */
bool client_sign(EVP_PKEY *key, const char *message);

#endif
