/*
 * careless RSA EC TOKEN: a program that is careless with what it passes to the
 * keys of two URIs: texts without an end, parameters of another type or of
 * none, empty labels; and that looks for errors after a success.
 */
#include <stdio.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <openssl/store.h>
#include <openssl/x509.h>

#include "tests/e2e/client.h"

enum { ROOM = 1024 };

static unsigned failed;

static void judge(bool good, const char *what)
{
    if (!good) {
        failed++;
        printf("FAIL %s\n", what);
        ERR_print_errors_fp(stdout);
    }
    ERR_clear_error();
}

static void judge_clean(bool good, const char *what)
{
    judge(good && ERR_peek_error() == 0, what);
}

/* --- Parameters ---------------------------------------------------------- */

static OSSL_PARAM param(const char *name, unsigned type, void *data,
                        size_t size)
{
    OSSL_PARAM p = {name, type, data, size, OSSL_PARAM_UNMODIFIED};

    return p;
}

static bool takes(EVP_PKEY_CTX *ctx, OSSL_PARAM p)
{
    OSSL_PARAM params[] = {p, OSSL_PARAM_END};

    return EVP_PKEY_CTX_set_params(ctx, params) > 0;
}

/* The text ends where its size says, in the middle of other memory. */
static bool takes_text(EVP_PKEY_CTX *ctx, const char *name, const char *text)
{
    char memory[80];

    memset(memory, 'x', sizeof(memory));
    memcpy(memory, text, strlen(text));
    return takes(ctx,
                 param(name, OSSL_PARAM_UTF8_STRING, memory, strlen(text)));
}

static bool refuses_other_types(EVP_PKEY_CTX *ctx, const char *name)
{
    unsigned char data[200] = {0};

    return !takes(ctx, param(name, OSSL_PARAM_OCTET_STRING, data, 4))
           && !takes(ctx, param(name, OSSL_PARAM_REAL, data, sizeof(double)))
           && !takes(ctx, param(name, OSSL_PARAM_UTF8_STRING, NULL, 0))
           && !takes(ctx, param(name, OSSL_PARAM_UTF8_STRING, data,
                                sizeof(data)))
           && !takes_text(ctx, name, "nonsense");
}

static void try_text(EVP_PKEY_CTX *ctx, const char *name, const char *text)
{
    judge(takes_text(ctx, name, text), name);
    judge(refuses_other_types(ctx, name), name);
}

static EVP_PKEY_CTX *begin(EVP_PKEY *key, int (*init)(EVP_PKEY_CTX *))
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);

    judge_clean(init(ctx) == 1, "begin");
    return ctx;
}

static void try_signing(EVP_PKEY *key, int (*init)(EVP_PKEY_CTX *))
{
    EVP_PKEY_CTX *ctx = begin(key, init);

    try_text(ctx, OSSL_SIGNATURE_PARAM_DIGEST, "SHA256");
    EVP_PKEY_CTX_free(ctx);
}

/* --- Decryption ---------------------------------------------------------- */

static bool encrypt(EVP_PKEY *key, unsigned char *secret, size_t *len)
{
    EVP_PKEY_CTX *ctx = begin(key, EVP_PKEY_encrypt_init);
    bool ok = EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1
              && EVP_PKEY_encrypt(ctx, secret, len,
                                  (const unsigned char *)"noon", 4) == 1;

    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static bool decrypts(EVP_PKEY_CTX *ctx, const unsigned char *secret, size_t len)
{
    unsigned char plain[ROOM];
    size_t plainlen = sizeof(plain);

    return ctx != NULL
           && EVP_PKEY_decrypt(ctx, plain, &plainlen, secret, len) == 1
           && plainlen == 4 && memcmp(plain, "noon", 4) == 0;
}

static void try_decryption(EVP_PKEY *key)
{
    unsigned char secret[ROOM];
    size_t len = sizeof(secret);
    EVP_PKEY_CTX *ctx, *copy;

    judge_clean(encrypt(key, secret, &len), "encrypt");
    ctx = begin(key, EVP_PKEY_decrypt_init);
    try_text(ctx, OSSL_ASYM_CIPHER_PARAM_PAD_MODE, "oaep");
    try_text(ctx, OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, "SHA1");
    try_text(ctx, OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, "SHA1");
    judge(EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, NULL, 0) == 1, "no label");
    copy = EVP_PKEY_CTX_dup(ctx);
    judge_clean(decrypts(copy, secret, len), "decryption by a copy");
    EVP_PKEY_CTX_free(copy);
    judge_clean(decrypts(ctx, secret, len), "decryption");
    EVP_PKEY_CTX_free(ctx);
}

/* --- Key agreement ------------------------------------------------------- */

static bool derives(EVP_PKEY_CTX *ctx, unsigned char secret[32])
{
    size_t len = 32;

    return ctx != NULL && EVP_PKEY_derive(ctx, secret, &len) == 1 && len == 32;
}

static void try_agreement(EVP_PKEY *key, EVP_PKEY *peer)
{
    unsigned char empty[1], secrets[2][32];
    size_t len = 32;
    EVP_PKEY_CTX *ctx = begin(key, EVP_PKEY_derive_init), *copy;

    judge(EVP_PKEY_derive_set_peer(ctx, peer) == 1, "peer");
    judge(takes_text(ctx, OSSL_EXCHANGE_PARAM_KDF_TYPE, OSSL_KDF_NAME_X963KDF),
          "KDF");
    judge(!takes_text(ctx, OSSL_EXCHANGE_PARAM_KDF_TYPE, "nonsense"), "KDF");
    try_text(ctx, OSSL_EXCHANGE_PARAM_KDF_DIGEST, "SHA256");
    judge(takes(ctx, OSSL_PARAM_construct_size_t(
                         OSSL_EXCHANGE_PARAM_KDF_OUTLEN, &len)), "length");
    judge(takes(ctx, OSSL_PARAM_construct_octet_string(
                         OSSL_EXCHANGE_PARAM_KDF_UKM, empty, 0)), "no UKM");
    copy = EVP_PKEY_CTX_dup(ctx);
    judge_clean(derives(copy, secrets[0]) && derives(ctx, secrets[1])
                    && memcmp(secrets[0], secrets[1], 32) == 0,
                "agreement by a copy");
    EVP_PKEY_CTX_free(copy);
    EVP_PKEY_CTX_free(ctx);
}

/* --- Finding ------------------------------------------------------------- */

/* Keys without a certificate are passed over in silence. */
static void try_subject(const char *uri)
{
    X509_NAME *name = X509_NAME_new();
    OSSL_STORE_CTX *store = OSSL_STORE_open(uri, NULL, NULL, NULL, NULL);
    OSSL_STORE_SEARCH *search;
    OSSL_STORE_INFO *info;

    X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8,
                               (const unsigned char *)"TESSERA TEST", -1, -1,
                               0);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                               (const unsigned char *)"rsa", -1, -1, 0);
    search = OSSL_STORE_SEARCH_by_name(name);
    judge(OSSL_STORE_find(store, search) == 1, "find");
    info = OSSL_STORE_load(store);
    judge_clean(info != NULL
                    && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_CERT,
                "certificate of a subject");
    OSSL_STORE_INFO_free(info);
    OSSL_STORE_SEARCH_free(search);
    OSSL_STORE_close(store);
    X509_NAME_free(name);
}

int main(int argc, char **argv)
{
    EVP_PKEY *rsa, *ec;

    if (argc != 4)
        return 2;
    rsa = client_load_key(argv[1]);
    judge_clean(rsa != NULL, "load RSA");
    ec = client_load_key(argv[2]);
    judge_clean(ec != NULL, "load EC");
    if (rsa == NULL || ec == NULL)
        return 1;
    judge_clean(client_sign(rsa, "noon") && client_sign(ec, "noon"), "sign");
    try_signing(rsa, EVP_PKEY_sign_init);
    try_signing(rsa, EVP_PKEY_verify_init);
    try_signing(ec, EVP_PKEY_sign_init);
    try_decryption(rsa);
    try_agreement(ec, ec);
    try_subject(argv[3]);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
    return failed > 0;
}
