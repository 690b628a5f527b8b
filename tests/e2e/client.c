/*
 * A key by URI and a signature, as any program does it.
 */
#include "tests/e2e/client.h"

#include <string.h>

#include <openssl/store.h>

EVP_PKEY *client_load_key(const char *uri)
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

bool client_sign(EVP_PKEY *key, const char *message)
{
    const unsigned char *data = (const unsigned char *)message;
    unsigned char sig[1024];
    size_t siglen = sizeof(sig), len = strlen(message);
    EVP_MD_CTX *sign = EVP_MD_CTX_new(), *verify = EVP_MD_CTX_new();
    bool ok =
        sign != NULL && verify != NULL
        && EVP_DigestSignInit(sign, NULL, EVP_sha256(), NULL, key) == 1
        && EVP_DigestSign(sign, sig, &siglen, data, len) == 1
        && EVP_DigestVerifyInit(verify, NULL, EVP_sha256(), NULL, key) == 1
        && EVP_DigestVerify(verify, sig, siglen, data, len) == 1;

    EVP_MD_CTX_free(sign);
    EVP_MD_CTX_free(verify);
    return ok;
}
