/*
 * ml_message URI ALGORITHM SIGNATURE: signs standard input with the message
 * interface of OpenSSL 3.4, which openssl's commands do not use for such keys.
 */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>

#include "tests/e2e/client.h"

enum { SIG_MAX = 4627 }; /* ML-DSA-87 */

static bool sign(EVP_PKEY *key, const char *algorithm,
                 const unsigned char *message, size_t len, unsigned char *sig,
                 size_t *siglen)
{
    EVP_SIGNATURE *how =
        EVP_SIGNATURE_fetch(NULL, algorithm, "provider=tessera");
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    EVP_PKEY_CTX *copy = NULL;
    size_t size = 0, small;
    bool ok = how != NULL && ctx != NULL
              && EVP_PKEY_sign_message_init(ctx, how, NULL) == 1
              && (copy = EVP_PKEY_CTX_dup(ctx)) != NULL
              && EVP_PKEY_sign(copy, NULL, &size, message, len) == 1
              && size <= *siglen;

    small = size - 1;
    if (ok && EVP_PKEY_sign(copy, sig, &small, message, len) == 1) {
        fprintf(stderr, "a signature went where it has no room\n");
        ok = false;
    }
    ok = ok && EVP_PKEY_sign(copy, sig, siglen, message, len) == 1
         && *siglen == size;
    EVP_PKEY_CTX_free(copy);
    EVP_PKEY_CTX_free(ctx);
    EVP_SIGNATURE_free(how);
    return ok;
}

static bool write_file(const char *path, const unsigned char *data, size_t len)
{
    FILE *file = fopen(path, "wb");
    bool ok = file != NULL && fwrite(data, 1, len, file) == len;

    return file != NULL && fclose(file) == 0 && ok;
}

int main(int argc, char **argv)
{
    unsigned char message[1024], sig[SIG_MAX];
    size_t len = fread(message, 1, sizeof(message), stdin);
    size_t siglen = sizeof(sig);
    EVP_PKEY *key = argc == 4 ? client_load_key(argv[1]) : NULL;
    bool ok = key != NULL
              && sign(key, argv[2], message, len, sig, &siglen)
              && write_file(argv[3], sig, siglen);

    if (!ok)
        ERR_print_errors_fp(stderr);
    EVP_PKEY_free(key);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
