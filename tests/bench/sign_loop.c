/*
 * sign_loop URI COUNT: load a private key by URI and sign a SHA-256 hash COUNT
 * times, as any program does. For counting what one more signature costs.
 */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/store.h>

static EVP_PKEY *load_key(const char *uri)
{
    OSSL_STORE_CTX *store = OSSL_STORE_open(uri, NULL, NULL, NULL, NULL);
    OSSL_STORE_INFO *info = NULL;
    EVP_PKEY *key = NULL;

    if (store != NULL && OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY) == 1)
        info = OSSL_STORE_load(store);
    if (info != NULL)
        key = OSSL_STORE_INFO_get1_PKEY(info);
    OSSL_STORE_INFO_free(info);
    OSSL_STORE_close(store);
    return key;
}

static int sign_once(EVP_PKEY *key, unsigned char message)
{
    unsigned char sig[1024];
    size_t len = sizeof(sig);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int ok = ctx != NULL &&
             EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
             EVP_DigestSign(ctx, sig, &len, &message, 1) == 1;

    EVP_MD_CTX_free(ctx);
    return ok;
}

int main(int argc, char **argv)
{
    EVP_PKEY *key = argc == 3 ? load_key(argv[1]) : NULL;
    long count = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
    int ok = key != NULL;

    for (long i = 0; ok && i < count; i++)
        ok = sign_once(key, (unsigned char)i);
    if (!ok)
        ERR_print_errors_fp(stderr);
    EVP_PKEY_free(key);
    return ok ? 0 : 1;
}
