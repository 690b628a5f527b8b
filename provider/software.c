/*
 * What needs no card: a key's public half as a stock EVP_PKEY in a library
 * context of our own, hashes, and the words for padding. Verification and
 * encryption are libcrypto's.
 */
#include "provider/provider.h"

#include <limits.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/objects.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

int software_public_key(struct prov_ctx *ctx, struct bytes cert, EVP_PKEY **out)
{
    const unsigned char *cursor = cert.data;
    X509 *x509 = X509_new_ex(prov_libctx(ctx), NULL);
    EVP_PKEY *public = NULL;
    int rc = 0;

    if (x509 == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    if (cert.len == 0)
        rc = card_fail(CARD_E_NOT_FOUND, "the key has no certificate, so its "
                       "public half is not known");
    else if (cert.len > LONG_MAX
             || d2i_X509(&x509, &cursor, (long)cert.len) == NULL
             || (public = X509_get_pubkey(x509)) == NULL)
        rc = card_fail(CARD_E_PROTOCOL, "the key's certificate is malformed");
    else if (!EVP_PKEY_is_a(public, "RSA"))
        rc = card_fail(CARD_E_UNSUPPORTED, "not an RSA key");
    X509_free(x509);
    if (rc < 0) {
        EVP_PKEY_free(public);
        return rc;
    }
    *out = public;
    return 0;
}

static EVP_PKEY_CTX *public_operation(const struct prov_key *key,
                                      int (*init)(EVP_PKEY_CTX *))
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(prov_libctx(key->prov),
                                                   key->public, NULL);

    if (ctx != NULL && init(ctx) > 0)
        return ctx;
    EVP_PKEY_CTX_free(ctx);
    return NULL;
}

EVP_PKEY_CTX *software_verifier(const struct prov_key *key)
{
    return public_operation(key, EVP_PKEY_verify_init);
}

EVP_PKEY_CTX *software_encryptor(const struct prov_key *key)
{
    return public_operation(key, EVP_PKEY_encrypt_init);
}

int software_digest(struct prov_ctx *ctx, const char *name, EVP_MD **md,
                    enum card_hash *hash, bool *is_tls)
{
    EVP_MD *found;

    ctx->core.set_error_mark(ctx->handle);
    found = EVP_MD_fetch(prov_libctx(ctx), name, NULL);
    ctx->core.pop_error_to_mark(ctx->handle);
    if (found == NULL)
        return card_fail(CARD_E_UNSUPPORTED, "no digest \"%.50s\"", name);
    *hash = CARD_HASH_NONE;
    for (int h = CARD_HASH_SHA1; h <= CARD_HASH_SHA512; h++)
        if (EVP_MD_is_a(found, hash_name((enum card_hash)h)))
            *hash = (enum card_hash)h;
    *is_tls = EVP_MD_is_a(found, "MD5-SHA1");
    *md = found;
    return 0;
}

int software_algorithm_id(const EVP_MD *md, struct buf *out)
{
    X509_ALGOR *algorithm = X509_ALGOR_new();
    unsigned char *der = NULL;
    int nid, len = -1, rc;

    if (OBJ_find_sigid_by_algs(&nid, EVP_MD_get_type(md), NID_rsaEncryption)
        && algorithm != NULL
        && X509_ALGOR_set0(algorithm, OBJ_nid2obj(nid), V_ASN1_NULL, NULL))
        len = i2d_X509_ALGOR(algorithm, &der);
    if (len < 0)
        rc = card_fail(CARD_E_UNSUPPORTED, "RSA with %s has no identifier",
                       EVP_MD_get0_name(md));
    else
        rc = buf_put(out, bytes_from(der, (size_t)len));
    OPENSSL_free(der);
    X509_ALGOR_free(algorithm);
    return rc;
}

int software_pad_mode(const OSSL_PARAM *param)
{
    static const struct {
        const char *word;
        int mode;
    } words[] = {{OSSL_PKEY_RSA_PAD_MODE_PKCSV15, RSA_PKCS1_PADDING},
                 {OSSL_PKEY_RSA_PAD_MODE_PSS, RSA_PKCS1_PSS_PADDING},
                 {OSSL_PKEY_RSA_PAD_MODE_OAEP, RSA_PKCS1_OAEP_PADDING},
                 {OSSL_PKEY_RSA_PAD_MODE_NONE, RSA_NO_PADDING}};
    const char *word = NULL;
    int mode = -1;

    if (param->data_type == OSSL_PARAM_INTEGER)
        return OSSL_PARAM_get_int(param, &mode) ? mode : -1;
    if (!OSSL_PARAM_get_utf8_string_ptr(param, &word) || word == NULL)
        return -1;
    for (size_t i = 0; i < nitems(words); i++)
        if (strcmp(word, words[i].word) == 0)
            mode = words[i].mode;
    return mode;
}

int software_tell_pkcs1(OSSL_PARAM *param)
{
    if (param->data_type == OSSL_PARAM_INTEGER)
        return OSSL_PARAM_set_int(param, RSA_PKCS1_PADDING);
    return OSSL_PARAM_set_utf8_string(param, OSSL_PKEY_RSA_PAD_MODE_PKCSV15);
}
