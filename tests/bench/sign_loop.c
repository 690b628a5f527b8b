/*
 * sign_loop URI COUNT: load a private key by URI and sign COUNT times, as any
 * program does. For counting what one more signature costs.
 */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>

#include "tests/e2e/client.h"

int main(int argc, char **argv)
{
    EVP_PKEY *key = argc == 3 ? client_load_key(argv[1]) : NULL;
    long count = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
    bool ok = key != NULL;

    for (long i = 0; ok && i < count; i++)
        ok = client_sign(key, "once more");
    if (!ok)
        ERR_print_errors_fp(stderr);
    EVP_PKEY_free(key);
    return ok ? 0 : 1;
}
