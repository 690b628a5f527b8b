/*
 * RSA decryption by the card (RFC 8017, 7): PKCS#1 v1.5, OAEP, no padding, and
 * the premaster secret of TLS (RFC 5246, 7.4.7.1). What is done about padding
 * that is wrong is the card layer's. Encryption goes to the stock public half.
 */
#include "provider/params.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

/* OpenSSL 3.2; a plugin built with an older one serves newer ones too. */
#ifndef OSSL_ASYM_CIPHER_PARAM_IMPLICIT_REJECTION
#define OSSL_ASYM_CIPHER_PARAM_IMPLICIT_REJECTION "implicit-rejection"
#endif

enum { PREMASTER_LEN = 48 };

struct padding {
    int mode;                /* OpenSSL's number */
    enum card_unpadding how;
    unsigned can;            /* enum card_can: what the key must be able to */
    const char *otherwise;   /* what is said after the key's name if not */
};

struct cipher_ctx {
    struct prov_ctx *prov;
    struct prov_key *key;
    EVP_PKEY_CTX *encryptor;       /* while encrypting; else we decrypt */
    const struct padding *padding; /* of decryption, as all that follows */
    const struct prov_digest *oaep; /* NULL until OAEP is asked for */
    const struct prov_digest *mgf1; /* NULL: as oaep */
    unsigned char *label;
    size_t label_len;
    unsigned tls_version, tls_version_also;
    unsigned implicit_rejection;
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

/* The first is the default. */
static const struct padding paddings[] = {
    {RSA_PKCS1_PADDING, CARD_UNPAD_PKCS1, CARD_CAN_DECRYPT_PKCS1,
     "unpads no PKCS#1 v1.5: encrypt to it with OAEP"},
    {RSA_PKCS1_OAEP_PADDING, CARD_UNPAD_OAEP, CARD_CAN_DECRYPT_OAEP,
     "unpads PKCS#1 v1.5 only: encrypt to it without OAEP"},
    {RSA_NO_PADDING, CARD_UNPAD_NONE, CARD_CAN_DECRYPT_RAW,
     "decrypts only what is padded"},
    {RSA_PKCS1_WITH_TLS_PADDING, CARD_UNPAD_TLS, CARD_CAN_DECRYPT_PKCS1,
     "unpads no PKCS#1 v1.5: use TLS cipher suites with ECDHE or DHE"}};

/* --- Life ---------------------------------------------------------------- */

static void *cipher_newctx(void *provctx)
{
    struct cipher_ctx *ctx = OPENSSL_zalloc(sizeof(*ctx));

    if (ctx == NULL)
        return NULL;
    ctx->prov = provctx;
    ctx->padding = paddings;
    ctx->implicit_rejection = 1;
    return ctx;
}

static void cipher_freectx(void *vctx)
{
    struct cipher_ctx *ctx = vctx;

    if (ctx == NULL)
        return;
    EVP_PKEY_CTX_free(ctx->encryptor);
    prov_key_free(ctx->key);
    OPENSSL_free(ctx->label);
    OPENSSL_free(ctx);
}

static void *cipher_dupctx(void *vctx)
{
    const struct cipher_ctx *ctx = vctx;
    struct cipher_ctx *copy = OPENSSL_memdup(ctx, sizeof(*ctx));

    if (copy == NULL)
        return NULL;
    if (ctx->key != NULL)
        copy->key = prov_key_ref(ctx->key);
    if (ctx->encryptor != NULL)
        copy->encryptor = EVP_PKEY_CTX_dup(ctx->encryptor);
    if (ctx->label != NULL)
        copy->label = OPENSSL_memdup(ctx->label, ctx->label_len);
    if ((copy->encryptor == NULL) != (ctx->encryptor == NULL)
        || (copy->label == NULL) != (ctx->label == NULL)) {
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
    ctx->padding = paddings;
    ctx->implicit_rejection = 1;
    if (key != NULL && key != ctx->key) {
        prov_key_free(ctx->key);
        ctx->key = prov_key_ref(key);
    }
    if (ctx->key == NULL || ctx->key->public == NULL)
        return card_fail(CARD_E_ARGUMENT, "no key was given");
    return 0;
}

/* --- Encryption ---------------------------------------------------------- */

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

/* --- Decryption ---------------------------------------------------------- */

/* An RSA-PSS key is for signatures only: RFC 4055, 1.2. */
static bool decrypts(const struct prov_key *key)
{
    const unsigned any = CARD_CAN_DECRYPT_PKCS1 | CARD_CAN_DECRYPT_OAEP
                         | CARD_CAN_DECRYPT_RAW;

    return strcmp(prov_key_type(key), "RSA") == 0
           && (card_key_can(key->card) & any) != 0;
}

static int cipher_decrypt_init(void *vctx, void *vkey,
                               const OSSL_PARAM params[])
{
    struct cipher_ctx *ctx = vctx;
    int rc = take_key(ctx, vkey);

    if (rc < 0)
        return prov_result(ctx->prov, rc);
    if (!ctx->key->private)
        return prov_refuse(ctx->prov, CARD_E_ARGUMENT,
                           "decryption needs a private key");
    if (!decrypts(ctx->key))
        return prov_result(ctx->prov,
                           card_fail(CARD_E_UNSUPPORTED, "%s does not decrypt",
                                     prov_key_name(ctx->key)));
    return cipher_set_ctx_params(ctx, params);
}

static int check_padding(const struct cipher_ctx *ctx,
                         const struct padding *padding)
{
    if ((card_key_can(ctx->key->card) & padding->can) != 0)
        return 1;
    return prov_result(ctx->prov,
                       card_fail(CARD_E_UNSUPPORTED, "%s %s",
                                 prov_key_name(ctx->key), padding->otherwise));
}

/*
 * The room asked for does not depend on the message, so that nothing tells its
 * length before the padding was judged.
 */
static int check_room(const struct cipher_ctx *ctx, size_t outsize)
{
    if (ctx->padding->how != CARD_UNPAD_TLS)
        return prov_key_check_room(ctx->key, outsize);
    if (outsize < PREMASTER_LEN)
        return prov_refuse(ctx->prov, CARD_E_BUFFER, "room for %d bytes is "
                           "needed, the program gives %zu", PREMASTER_LEN,
                           outsize);
    if (ctx->tls_version == 0)
        return prov_refuse(ctx->prov, CARD_E_ARGUMENT, "the version of TLS "
                           "that the client asked for is not given");
    return 1;
}

static enum card_hash hash_of(const struct prov_digest *digest)
{
    return digest == NULL ? CARD_HASH_NONE : digest->hash;
}

static struct card_unpad unpadding(const struct cipher_ctx *ctx)
{
    struct card_unpad how = {
        .padding = ctx->padding->how,
        .hash = hash_of(ctx->oaep),
        .mgf_hash = hash_of(ctx->mgf1 != NULL ? ctx->mgf1 : ctx->oaep),
        .label = bytes_from(ctx->label, ctx->label_len),
        .tls_version = ctx->tls_version,
        .tls_version_also = ctx->tls_version_also};

    if (how.padding == CARD_UNPAD_PKCS1 && ctx->implicit_rejection == 0)
        how.padding = CARD_UNPAD_PKCS1_EXPLICIT;
    return how;
}

static int cipher_decrypt(void *vctx, unsigned char *out, size_t *outlen,
                          size_t outsize, const unsigned char *in, size_t inlen)
{
    struct cipher_ctx *ctx = vctx;
    struct buf plain = {out, 0, outsize};
    struct card_unpad how;
    int rc;

    if (ctx->key == NULL)
        return 0;
    if (out == NULL) {
        *outlen = ctx->padding->how == CARD_UNPAD_TLS
                      ? (size_t)PREMASTER_LEN : prov_key_size(ctx->key);
        return 1;
    }
    if (!check_padding(ctx, ctx->padding) || !check_room(ctx, outsize))
        return 0;
    how = unpadding(ctx);
    prov_enter(ctx->prov);
    rc = card_decrypt(ctx->key->card, &how, bytes_from(in, inlen), &plain);
    prov_leave(ctx->prov);
    *outlen = plain.len;
    return prov_result(ctx->prov, rc);
}

/* --- Parameters ---------------------------------------------------------- */

/* OAEP's hash, and the one of its mask; properties choose no card. */
static int set_digest(const struct cipher_ctx *ctx, const OSSL_PARAM *p,
                      const struct prov_digest **out)
{
    const struct prov_digest *digest = NULL;

    if (!param_digest(ctx->prov, p, &digest))
        return 0;
    if (digest->hash == CARD_HASH_NONE)
        return prov_refuse(ctx->prov, CARD_E_UNSUPPORTED,
                           "no card unpads OAEP with %s", digest->name);
    *out = digest;
    return 1;
}

static int set_padding(struct cipher_ctx *ctx, const OSSL_PARAM *p)
{
    const struct padding *padding = NULL;
    int mode = software_pad_mode(p);

    for (size_t i = 0; i < nitems(paddings); i++)
        if (paddings[i].mode == mode)
            padding = &paddings[i];
    if (padding == NULL)
        return prov_refuse(ctx->prov, CARD_E_UNSUPPORTED,
                           "this padding is not known, or not for decryption");
    if (!check_padding(ctx, padding))
        return 0;
    ctx->padding = padding;
    return padding->how != CARD_UNPAD_OAEP || ctx->oaep != NULL
           || prov_result(ctx->prov,
                          software_digest(ctx->prov, "SHA1", &ctx->oaep));
}

static int set_number(const OSSL_PARAM params[], const char *name,
                      unsigned *out)
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, name);

    return p == NULL || OSSL_PARAM_get_uint(p, out);
}

static int set_decryption(struct cipher_ctx *ctx, const OSSL_PARAM params[])
{
    const OSSL_PARAM *p;

    p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST);
    if (p != NULL && !set_digest(ctx, p, &ctx->oaep))
        return 0;
    p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_PAD_MODE);
    if (p != NULL && !set_padding(ctx, p))
        return 0;
    p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST);
    if (p != NULL && !set_digest(ctx, p, &ctx->mgf1))
        return 0;
    p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL);
    if (p != NULL && !param_octets(p, &ctx->label, &ctx->label_len))
        return 0;
    return set_number(params, OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION,
                      &ctx->tls_version)
           && set_number(params, OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION,
                         &ctx->tls_version_also)
           && set_number(params, OSSL_ASYM_CIPHER_PARAM_IMPLICIT_REJECTION,
                         &ctx->implicit_rejection);
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
    return set_decryption(ctx, params);
}

static const OSSL_PARAM *cipher_settable_ctx_params(void *vctx, void *provctx)
{
    static const OSSL_PARAM settable[] = {
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST_PROPS, NULL,
                               0),
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST_PROPS, NULL,
                               0),
        OSSL_PARAM_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, NULL, 0),
        OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, NULL),
        OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION, NULL),
        OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_IMPLICIT_REJECTION, NULL),
        OSSL_PARAM_END};

    (void)vctx;
    (void)provctx;
    return settable;
}

static int tell_digest(OSSL_PARAM *p, const struct prov_digest *digest)
{
    return OSSL_PARAM_set_utf8_string(p, digest == NULL ? ""
                                             : EVP_MD_get0_name(digest->md));
}

static int tell_number(OSSL_PARAM params[], const char *name, unsigned value)
{
    OSSL_PARAM *p = OSSL_PARAM_locate(params, name);

    return p == NULL || OSSL_PARAM_set_uint(p, value);
}

static int tell_decryption(const struct cipher_ctx *ctx, OSSL_PARAM params[])
{
    OSSL_PARAM *p;

    p = OSSL_PARAM_locate(params, OSSL_ASYM_CIPHER_PARAM_PAD_MODE);
    if (p != NULL && !software_tell_pad_mode(p, ctx->padding->mode))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST);
    if (p != NULL && !tell_digest(p, ctx->oaep))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST);
    if (p != NULL
        && !tell_digest(p, ctx->mgf1 != NULL ? ctx->mgf1 : ctx->oaep))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL);
    if (p != NULL && !OSSL_PARAM_set_octet_ptr(p, ctx->label, ctx->label_len))
        return 0;
    return tell_number(params, OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION,
                       ctx->tls_version)
           && tell_number(params, OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION,
                          ctx->tls_version_also)
           && tell_number(params, OSSL_ASYM_CIPHER_PARAM_IMPLICIT_REJECTION,
                          ctx->implicit_rejection);
}

static int cipher_get_ctx_params(void *vctx, OSSL_PARAM params[])
{
    struct cipher_ctx *ctx = vctx;

    if (params == NULL)
        return 1;
    if (ctx->encryptor != NULL)
        return EVP_PKEY_CTX_get_params(ctx->encryptor, params) > 0;
    return tell_decryption(ctx, params);
}

static const OSSL_PARAM *cipher_gettable_ctx_params(void *vctx, void *provctx)
{
    static const OSSL_PARAM gettable[] = {
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, NULL, 0),
        OSSL_PARAM_octet_ptr(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, NULL, 0),
        OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, NULL),
        OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION, NULL),
        OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_IMPLICIT_REJECTION, NULL),
        OSSL_PARAM_END};

    (void)vctx;
    (void)provctx;
    return gettable;
}

static const OSSL_DISPATCH cipher_functions[] = {
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

const struct prov_algorithm prov_ciphers[] = {
    {PROV_NAMES_RSA, "", cipher_functions, "RSA decryption by a card"},
    {NULL, NULL, NULL, NULL}};
