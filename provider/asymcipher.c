/*
 * RSA decryption by the card, PKCS#1 v1.5 only (RFC 8017, 7.2), with implicit
 * rejection in the card layer. Encryption goes to the stock public half.
 */
#include "provider/provider.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

struct cipher_ctx {
    struct prov_ctx *prov;
    struct prov_key *key;
    EVP_PKEY_CTX *encryptor; /* while encrypting; else we decrypt */
};

static OSSL_FUNC_asym_cipher_newctx_fn cipher_newctx;
static OSSL_FUNC_asym_cipher_freectx_fn cipher_freectx;
static OSSL_FUNC_asym_cipher_dupctx_fn cipher_dupctx;
static OSSL_FUNC_asym_cipher_encrypt_init_fn cipher_encrypt_init;
static OSSL_FUNC_asym_cipher_encrypt_fn cipher_encrypt;
static OSSL_FUNC_asym_cipher_decrypt_init_fn cipher_decrypt_init;
static OSSL_FUNC_asym_cipher_decrypt_fn cipher_decrypt;
static OSSL_FUNC_asym_cipher_get_ctx_params_fn cipher_get_ctx_params;
static OSSL_FUNC_asym_cipher_gettable_ctx_params_fn cipher_gettable_ctx_params;
static OSSL_FUNC_asym_cipher_set_ctx_params_fn cipher_set_ctx_params;
static OSSL_FUNC_asym_cipher_settable_ctx_params_fn cipher_settable_ctx_params;

static void *cipher_newctx(void *provctx)
{
    struct cipher_ctx *ctx = OPENSSL_zalloc(sizeof(*ctx));

    if (ctx != NULL)
        ctx->prov = provctx;
    return ctx;
}

static void cipher_freectx(void *vctx)
{
    struct cipher_ctx *ctx = vctx;

    if (ctx == NULL)
        return;
    EVP_PKEY_CTX_free(ctx->encryptor);
    prov_key_free(ctx->key);
    OPENSSL_free(ctx);
}

static void *cipher_dupctx(void *vctx)
{
    const struct cipher_ctx *ctx = vctx;
    struct cipher_ctx *copy = cipher_newctx(ctx->prov);

    if (copy == NULL)
        return NULL;
    if (ctx->key != NULL)
        copy->key = prov_key_ref(ctx->key);
    if (ctx->encryptor != NULL
        && (copy->encryptor = EVP_PKEY_CTX_dup(ctx->encryptor)) == NULL) {
        cipher_freectx(copy);
        return NULL;
    }
    return copy;
}

/* A key of NULL means the one of the operation before. */
static int take_key(struct cipher_ctx *ctx, struct prov_key *key)
{
    EVP_PKEY_CTX_free(ctx->encryptor);
    ctx->encryptor = NULL;
    if (key != NULL && key != ctx->key) {
        prov_key_free(ctx->key);
        ctx->key = prov_key_ref(key);
    }
    if (ctx->key == NULL || ctx->key->public == NULL)
        return card_fail(CARD_E_ARGUMENT, "no key was given");
    return 0;
}

static int cipher_encrypt_init(void *vctx, void *vkey,
                               const OSSL_PARAM params[])
{
    struct cipher_ctx *ctx = vctx;
    int rc = take_key(ctx, vkey);

    if (rc < 0)
        return prov_result(ctx->prov, rc);
    ctx->encryptor = software_encryptor(ctx->key);
    return ctx->encryptor != NULL && cipher_set_ctx_params(ctx, params);
}

static int cipher_encrypt(void *vctx, unsigned char *out, size_t *outlen,
                          size_t outsize, const unsigned char *in, size_t inlen)
{
    struct cipher_ctx *ctx = vctx;

    if (ctx->encryptor == NULL)
        return 0;
    *outlen = outsize;
    return EVP_PKEY_encrypt(ctx->encryptor, out, outlen, in, inlen) > 0;
}

static int check_can_decrypt(const struct prov_key *key)
{
    if (!key->private)
        return card_fail(CARD_E_ARGUMENT, "decryption needs a private key");
    if ((card_key_info(key->card)->can & CARD_CAN_DECRYPT_PKCS1) == 0)
        return card_fail(CARD_E_UNSUPPORTED, "%s does not decrypt",
                         card_key_name(key->card));
    return 0;
}

static int cipher_decrypt_init(void *vctx, void *vkey,
                               const OSSL_PARAM params[])
{
    struct cipher_ctx *ctx = vctx;
    int rc;

    if ((rc = take_key(ctx, vkey)) == 0)
        rc = check_can_decrypt(ctx->key);
    return prov_result(ctx->prov, rc) && cipher_set_ctx_params(ctx, params);
}

/*
 * The room asked for does not depend on the message, so that nothing tells its
 * length before the padding was judged.
 */
static int cipher_decrypt(void *vctx, unsigned char *out, size_t *outlen,
                          size_t outsize, const unsigned char *in, size_t inlen)
{
    struct cipher_ctx *ctx = vctx;
    struct buf plain = {out, 0, outsize};
    int rc;

    if (out == NULL) {
        *outlen = prov_key_size(ctx->key);
        return 1;
    }
    if (!prov_key_check_room(ctx->key, outsize))
        return 0;
    rc = card_decrypt(ctx->key->card, bytes_from(in, inlen), &plain);
    *outlen = plain.len;
    return prov_result(ctx->prov, rc);
}

/*
 * implicit-rejection (OpenSSL 3.2) is accepted and always on. The parameters
 * of the TLS RSA key exchange are not known here: its padding is refused.
 */
static int check_decrypt_params(const struct cipher_ctx *ctx,
                                const OSSL_PARAM params[])
{
    const OSSL_PARAM *p;

    p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_PAD_MODE);
    if (p == NULL || software_pad_mode(p) == RSA_PKCS1_PADDING)
        return 1;
    return prov_refuse(ctx->prov, CARD_E_UNSUPPORTED, "%s unpads PKCS#1 v1.5 "
                       "only: encrypt to it without OAEP, and use TLS cipher "
                       "suites with ECDHE or DHE",
                       card_key_name(ctx->key->card));
}

static int cipher_set_ctx_params(void *vctx, const OSSL_PARAM params[])
{
    struct cipher_ctx *ctx = vctx;

    if (params == NULL || params[0].key == NULL)
        return 1;
    if (ctx->key == NULL)
        return 0;
    if (ctx->encryptor != NULL)
        return EVP_PKEY_CTX_set_params(ctx->encryptor, params) > 0;
    return check_decrypt_params(ctx, params);
}

static const OSSL_PARAM *cipher_settable_ctx_params(void *vctx, void *provctx)
{
    static const OSSL_PARAM settable[] = {
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, NULL, 0),
#ifdef OSSL_ASYM_CIPHER_PARAM_IMPLICIT_REJECTION
        OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_IMPLICIT_REJECTION, NULL),
#endif
        OSSL_PARAM_END};

    (void)vctx;
    (void)provctx;
    return settable;
}

static int cipher_get_ctx_params(void *vctx, OSSL_PARAM params[])
{
    struct cipher_ctx *ctx = vctx;
    OSSL_PARAM *p;

    if (params == NULL)
        return 1;
    if (ctx->encryptor != NULL)
        return EVP_PKEY_CTX_get_params(ctx->encryptor, params) > 0;
    p = OSSL_PARAM_locate(params, OSSL_ASYM_CIPHER_PARAM_PAD_MODE);
    return p == NULL || software_tell_pkcs1(p);
}

static const OSSL_PARAM *cipher_gettable_ctx_params(void *vctx, void *provctx)
{
    static const OSSL_PARAM gettable[] = {
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_END};

    (void)vctx;
    (void)provctx;
    return gettable;
}

const OSSL_DISPATCH prov_cipher_functions[] = {
    {OSSL_FUNC_ASYM_CIPHER_NEWCTX, (void (*)(void))cipher_newctx},
    {OSSL_FUNC_ASYM_CIPHER_FREECTX, (void (*)(void))cipher_freectx},
    {OSSL_FUNC_ASYM_CIPHER_DUPCTX, (void (*)(void))cipher_dupctx},
    {OSSL_FUNC_ASYM_CIPHER_ENCRYPT_INIT, (void (*)(void))cipher_encrypt_init},
    {OSSL_FUNC_ASYM_CIPHER_ENCRYPT, (void (*)(void))cipher_encrypt},
    {OSSL_FUNC_ASYM_CIPHER_DECRYPT_INIT, (void (*)(void))cipher_decrypt_init},
    {OSSL_FUNC_ASYM_CIPHER_DECRYPT, (void (*)(void))cipher_decrypt},
    {OSSL_FUNC_ASYM_CIPHER_GET_CTX_PARAMS,
     (void (*)(void))cipher_get_ctx_params},
    {OSSL_FUNC_ASYM_CIPHER_GETTABLE_CTX_PARAMS,
     (void (*)(void))cipher_gettable_ctx_params},
    {OSSL_FUNC_ASYM_CIPHER_SET_CTX_PARAMS,
     (void (*)(void))cipher_set_ctx_params},
    {OSSL_FUNC_ASYM_CIPHER_SETTABLE_CTX_PARAMS,
     (void (*)(void))cipher_settable_ctx_params},
    {0, NULL}};
