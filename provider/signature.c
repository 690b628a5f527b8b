/*
 * RSA signatures: hash in software, one exchange with the card, PKCS#1 v1.5
 * padding (RFC 8017, 8.2). Verification goes to the stock public half, with
 * every padding that one knows.
 */
#include "provider/provider.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

struct sig_ctx {
    struct prov_ctx *prov;
    struct prov_key *key;
    EVP_PKEY_CTX *verifier;       /* while verifying; else we sign */
    EVP_MD *md;                   /* NULL: the value is signed as it is */
    EVP_MD_CTX *hashing;          /* of the digest operations */
    char md_name[PROV_MD_NAME_MAX]; /* as the caller spelt it */
    enum card_hash hash;          /* of md */
    struct sha_stream stream;     /* beside `hashing`, when `midstate` */
    bool midstate;                /* the card may finish the hash itself */
};

static OSSL_FUNC_signature_newctx_fn sig_newctx;
static OSSL_FUNC_signature_freectx_fn sig_freectx;
static OSSL_FUNC_signature_dupctx_fn sig_dupctx;
static OSSL_FUNC_signature_sign_init_fn sig_sign_init;
static OSSL_FUNC_signature_sign_fn sig_sign;
static OSSL_FUNC_signature_verify_init_fn sig_verify_init;
static OSSL_FUNC_signature_verify_fn sig_verify;
static OSSL_FUNC_signature_digest_sign_init_fn sig_digest_sign_init;
static OSSL_FUNC_signature_digest_sign_update_fn sig_digest_update;
static OSSL_FUNC_signature_digest_sign_final_fn sig_digest_sign_final;
static OSSL_FUNC_signature_digest_sign_fn sig_digest_sign;
static OSSL_FUNC_signature_digest_verify_init_fn sig_digest_verify_init;
static OSSL_FUNC_signature_digest_verify_final_fn sig_digest_verify_final;
static OSSL_FUNC_signature_digest_verify_fn sig_digest_verify;
static OSSL_FUNC_signature_get_ctx_params_fn sig_get_ctx_params;
static OSSL_FUNC_signature_gettable_ctx_params_fn sig_gettable_ctx_params;
static OSSL_FUNC_signature_set_ctx_params_fn sig_set_ctx_params;
static OSSL_FUNC_signature_settable_ctx_params_fn sig_settable_ctx_params;

/* --- Life ---------------------------------------------------------------- */

static void *sig_newctx(void *provctx, const char *propq)
{
    struct sig_ctx *ctx = OPENSSL_zalloc(sizeof(*ctx));

    (void)propq; /* hashes come from our own library context */
    if (ctx != NULL)
        ctx->prov = provctx;
    return ctx;
}

static void forget_digest(struct sig_ctx *ctx)
{
    EVP_MD_CTX_free(ctx->hashing);
    EVP_MD_free(ctx->md);
    ctx->hashing = NULL;
    ctx->md = NULL;
    ctx->md_name[0] = '\0';
    ctx->hash = CARD_HASH_NONE;
    ctx->midstate = false;
}

static void sig_freectx(void *vctx)
{
    struct sig_ctx *ctx = vctx;

    if (ctx == NULL)
        return;
    forget_digest(ctx);
    EVP_PKEY_CTX_free(ctx->verifier);
    prov_key_free(ctx->key);
    OPENSSL_free(ctx);
}

/* References of the copy's own to all that `from` refers to. */
static bool dup_references(struct sig_ctx *copy, const struct sig_ctx *from)
{
    if (from->key != NULL)
        copy->key = prov_key_ref(from->key);
    if (from->md != NULL) {
        if (!EVP_MD_up_ref(from->md))
            return false;
        copy->md = from->md;
    }
    if (from->verifier != NULL
        && (copy->verifier = EVP_PKEY_CTX_dup(from->verifier)) == NULL)
        return false;
    if (from->hashing == NULL)
        return true;
    copy->hashing = EVP_MD_CTX_new();
    return copy->hashing != NULL
           && EVP_MD_CTX_copy_ex(copy->hashing, from->hashing);
}

static void *sig_dupctx(void *vctx)
{
    const struct sig_ctx *ctx = vctx;
    struct sig_ctx *copy = OPENSSL_memdup(ctx, sizeof(*ctx));

    if (copy == NULL)
        return NULL;
    copy->key = NULL;
    copy->verifier = NULL;
    copy->md = NULL;
    copy->hashing = NULL;
    if (dup_references(copy, ctx))
        return copy;
    sig_freectx(copy);
    return NULL;
}

/* A key of NULL means the one of the operation before. */
static int start(struct sig_ctx *ctx, void *vkey, const OSSL_PARAM params[])
{
    struct prov_key *key = vkey;

    if (key != NULL && key != ctx->key) {
        prov_key_free(ctx->key);
        ctx->key = prov_key_ref(key);
    }
    if (ctx->key == NULL || ctx->key->public == NULL)
        return prov_result(ctx->prov,
                           card_fail(CARD_E_ARGUMENT, "no key was given"));
    return sig_set_ctx_params(ctx, params);
}

static int start_signing(struct sig_ctx *ctx, void *vkey,
                         const OSSL_PARAM params[])
{
    const struct prov_key *key = vkey != NULL ? vkey : ctx->key;
    unsigned can;

    EVP_PKEY_CTX_free(ctx->verifier);
    ctx->verifier = NULL;
    if (key == NULL || !key->private)
        return prov_result(ctx->prov, card_fail(CARD_E_ARGUMENT,
                           "signing needs a private key"));
    can = card_key_info(key->card)->can;
    if ((can & (CARD_CAN_PKCS1 | CARD_CAN_PKCS1_HASH)) == 0)
        return prov_result(ctx->prov, card_fail(CARD_E_UNSUPPORTED,
                           "%s does not sign", card_key_name(key->card)));
    return start(ctx, vkey, params);
}

static int start_verifying(struct sig_ctx *ctx, void *vkey,
                           const OSSL_PARAM params[])
{
    if (!start(ctx, vkey, NULL))
        return 0;
    EVP_PKEY_CTX_free(ctx->verifier);
    ctx->verifier = software_verifier(ctx->key);
    return ctx->verifier != NULL && sig_set_ctx_params(ctx, params);
}

/* --- Digests ------------------------------------------------------------- */

/* Whether the card signs such a hash; `is_tls`: MD5-SHA1, no DigestInfo. */
static int check_hash(const struct sig_ctx *ctx, const char *name,
                      enum card_hash hash, bool is_tls)
{
    unsigned can = card_key_info(ctx->key->card)->can;
    bool short_list = hash == CARD_HASH_SHA1 || hash == CARD_HASH_SHA256;
    bool known = hash != CARD_HASH_NONE || is_tls;

    if ((known && (can & CARD_CAN_PKCS1) != 0)
        || (short_list && (can & CARD_CAN_PKCS1_HASH) != 0))
        return 0;
    return card_fail(CARD_E_UNSUPPORTED, "%s does not sign with %s",
                     card_key_name(ctx->key->card), name);
}

static int set_digest(struct sig_ctx *ctx, const char *name)
{
    size_t len = strlen(name);
    enum card_hash hash;
    EVP_MD *md;
    bool is_tls;
    int rc;

    if (len >= sizeof(ctx->md_name))
        return card_fail(CARD_E_UNSUPPORTED, "no digest has so long a name");
    if ((rc = software_digest(ctx->prov, name, &md, &hash, &is_tls)) < 0)
        return rc;
    if (ctx->verifier == NULL
        && (rc = check_hash(ctx, name, hash, is_tls)) < 0) {
        EVP_MD_free(md);
        return rc;
    }
    forget_digest(ctx);
    ctx->md = md;
    ctx->hash = hash;
    memcpy(ctx->md_name, name, len + 1);
    return 0;
}

static int start_hashing(struct sig_ctx *ctx)
{
    unsigned can = card_key_info(ctx->key->card)->can;

    if (ctx->md == NULL)
        return card_fail(CARD_E_ARGUMENT, "no digest was named");
    if (ctx->hashing == NULL && (ctx->hashing = EVP_MD_CTX_new()) == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    if (!EVP_DigestInit_ex2(ctx->hashing, ctx->md, NULL))
        return card_fail(CARD_E_UNSUPPORTED, "%s does not start", ctx->md_name);
    ctx->midstate = ctx->verifier == NULL && (can & CARD_CAN_MIDSTATE) != 0
                    && sha_init(&ctx->stream, ctx->hash) == 0;
    return 0;
}

static int sig_digest_update(void *vctx, const unsigned char *data, size_t len)
{
    struct sig_ctx *ctx = vctx;

    if (ctx->hashing == NULL || !EVP_DigestUpdate(ctx->hashing, data, len))
        return 0;
    if (ctx->midstate)
        sha_update(&ctx->stream, bytes_from(data, len));
    return 1;
}

/* --- Signing ------------------------------------------------------------- */

static int sig_sign_init(void *vctx, void *vkey, const OSSL_PARAM params[])
{
    forget_digest(vctx);
    return start_signing(vctx, vkey, params);
}

static int make_signature(struct sig_ctx *ctx, const struct card_tbs *tbs,
                          unsigned char *sig, size_t *siglen, size_t sigsize)
{
    struct buf out = {sig, 0, sigsize};
    int rc;

    if (!prov_key_check_room(ctx->key, sigsize))
        return 0;
    rc = card_sign(ctx->key->card, tbs, &out);
    *siglen = out.len;
    return prov_result(ctx->prov, rc);
}

static int sig_sign(void *vctx, unsigned char *sig, size_t *siglen,
                    size_t sigsize, const unsigned char *value, size_t len)
{
    struct sig_ctx *ctx = vctx;
    struct card_tbs tbs = {.padding = CARD_PAD_PKCS1, .hash = ctx->hash};

    if (sig == NULL) {
        *siglen = prov_key_size(ctx->key);
        return 1;
    }
    if (len > sizeof(tbs.value)
        || (ctx->md != NULL && len != (size_t)EVP_MD_get_size(ctx->md)))
        return prov_result(ctx->prov, card_fail(CARD_E_ARGUMENT,
                           "%zu bytes are no value to sign%s%s", len,
                           ctx->md != NULL ? " of " : "", ctx->md_name));
    memcpy(tbs.value, value, len);
    tbs.len = len;
    return make_signature(ctx, &tbs, sig, siglen, sigsize);
}

static int digest_start(struct sig_ctx *ctx, const char *mdname)
{
    int rc = 0;

    if (mdname != NULL && mdname[0] != '\0')
        rc = set_digest(ctx, mdname);
    if (rc == 0)
        rc = start_hashing(ctx);
    return prov_result(ctx->prov, rc);
}

static int sig_digest_sign_init(void *vctx, const char *mdname, void *vkey,
                                const OSSL_PARAM params[])
{
    struct sig_ctx *ctx = vctx;

    return start_signing(ctx, vkey, params) && digest_start(ctx, mdname);
}

static int sig_digest_sign_final(void *vctx, unsigned char *sig,
                                 size_t *siglen, size_t sigsize)
{
    struct sig_ctx *ctx = vctx;
    struct card_tbs tbs = {.padding = CARD_PAD_PKCS1, .hash = ctx->hash};
    unsigned len;

    if (ctx->hashing == NULL)
        return 0;
    if (sig == NULL) {
        *siglen = prov_key_size(ctx->key);
        return 1;
    }
    if (!EVP_DigestFinal_ex(ctx->hashing, tbs.value, &len))
        return 0;
    tbs.len = len;
    if (ctx->midstate)
        sha_get_midstate(&ctx->stream, &tbs.midstate);
    return make_signature(ctx, &tbs, sig, siglen, sigsize);
}

static int sig_digest_sign(void *vctx, unsigned char *sig, size_t *siglen,
                           size_t sigsize, const unsigned char *data,
                           size_t len)
{
    return (sig == NULL || sig_digest_update(vctx, data, len))
           && sig_digest_sign_final(vctx, sig, siglen, sigsize);
}

/* --- Verifying ----------------------------------------------------------- */

static int sig_verify_init(void *vctx, void *vkey, const OSSL_PARAM params[])
{
    forget_digest(vctx);
    return start_verifying(vctx, vkey, params);
}

static int sig_verify(void *vctx, const unsigned char *sig, size_t siglen,
                      const unsigned char *value, size_t len)
{
    struct sig_ctx *ctx = vctx;

    return ctx->verifier != NULL
           && EVP_PKEY_verify(ctx->verifier, sig, siglen, value, len) == 1;
}

/* The digest goes before the parameters: PSS needs to know it. */
static int sig_digest_verify_init(void *vctx, const char *mdname, void *vkey,
                                  const OSSL_PARAM params[])
{
    struct sig_ctx *ctx = vctx;
    OSSL_PARAM digest[] = {OSSL_PARAM_END, OSSL_PARAM_END};

    if (!start_verifying(ctx, vkey, NULL) || !digest_start(ctx, mdname))
        return 0;
    digest[0] = OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST,
                                                 ctx->md_name, 0);
    return EVP_PKEY_CTX_set_params(ctx->verifier, digest) > 0
           && sig_set_ctx_params(ctx, params);
}

static int sig_digest_verify_final(void *vctx, const unsigned char *sig,
                                   size_t siglen)
{
    struct sig_ctx *ctx = vctx;
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned len;

    return ctx->hashing != NULL
           && EVP_DigestFinal_ex(ctx->hashing, hash, &len)
           && sig_verify(ctx, sig, siglen, hash, len);
}

static int sig_digest_verify(void *vctx, const unsigned char *sig,
                             size_t siglen, const unsigned char *data,
                             size_t len)
{
    return sig_digest_update(vctx, data, len)
           && sig_digest_verify_final(vctx, sig, siglen);
}

/* --- Parameters ---------------------------------------------------------- */

/* Whether the parameters ask for another padding than a card has. */
static bool wants_other_padding(const OSSL_PARAM params[])
{
    const OSSL_PARAM *p =
        OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);

    if (p != NULL && software_pad_mode(p) != RSA_PKCS1_PADDING)
        return true;
    return OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN)
           || OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_MGF1_DIGEST);
}

static int set_signing_params(struct sig_ctx *ctx, const OSSL_PARAM params[])
{
    const OSSL_PARAM *p;
    const char *name = NULL;

    if (wants_other_padding(params))
        return prov_refuse(ctx->prov, CARD_E_UNSUPPORTED, "%s pads PKCS#1 v1.5 "
                           "only: use TLS 1.2, not TLS 1.3 or RSA-PSS",
                           card_key_name(ctx->key->card));
    p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_DIGEST);
    if (p == NULL)
        return 1;
    return OSSL_PARAM_get_utf8_string_ptr(p, &name) && name != NULL
           && prov_result(ctx->prov, set_digest(ctx, name));
}

static int sig_set_ctx_params(void *vctx, const OSSL_PARAM params[])
{
    struct sig_ctx *ctx = vctx;

    if (params == NULL || params[0].key == NULL)
        return 1;
    if (ctx->key == NULL)
        return 0;
    if (ctx->verifier != NULL)
        return EVP_PKEY_CTX_set_params(ctx->verifier, params) > 0;
    return set_signing_params(ctx, params);
}

static const OSSL_PARAM *sig_settable_ctx_params(void *vctx, void *provctx)
{
    static const OSSL_PARAM settable[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PROPERTIES, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_END};
    const struct sig_ctx *ctx = vctx;

    (void)provctx;
    /* Once hashing has begun, the digest is settled. */
    return ctx != NULL && ctx->hashing != NULL ? settable + 2 : settable;
}

static int get_algorithm_id(const struct sig_ctx *ctx, OSSL_PARAM *p)
{
    uint8_t der[64];
    struct buf out = BUF_ON(der);
    int rc = ctx->md != NULL
                 ? software_algorithm_id(ctx->md, &out)
                 : card_fail(CARD_E_ARGUMENT, "no digest was named");

    return prov_result(ctx->prov, rc)
           && OSSL_PARAM_set_octet_string(p, out.data, out.len);
}

static int sig_get_ctx_params(void *vctx, OSSL_PARAM params[])
{
    struct sig_ctx *ctx = vctx;
    OSSL_PARAM *p;

    if (params == NULL)
        return 1;
    if (ctx->verifier != NULL)
        return EVP_PKEY_CTX_get_params(ctx->verifier, params) > 0;
    p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID);
    if (p != NULL && !get_algorithm_id(ctx, p))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
    if (p != NULL && !software_tell_pkcs1(p))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_DIGEST);
    return p == NULL || OSSL_PARAM_set_utf8_string(p, ctx->md_name);
}

static const OSSL_PARAM *sig_gettable_ctx_params(void *vctx, void *provctx)
{
    static const OSSL_PARAM gettable[] = {
        OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_END};

    (void)vctx;
    (void)provctx;
    return gettable;
}

const OSSL_DISPATCH prov_signature_functions[] = {
    {OSSL_FUNC_SIGNATURE_NEWCTX, (void (*)(void))sig_newctx},
    {OSSL_FUNC_SIGNATURE_FREECTX, (void (*)(void))sig_freectx},
    {OSSL_FUNC_SIGNATURE_DUPCTX, (void (*)(void))sig_dupctx},
    {OSSL_FUNC_SIGNATURE_SIGN_INIT, (void (*)(void))sig_sign_init},
    {OSSL_FUNC_SIGNATURE_SIGN, (void (*)(void))sig_sign},
    {OSSL_FUNC_SIGNATURE_VERIFY_INIT, (void (*)(void))sig_verify_init},
    {OSSL_FUNC_SIGNATURE_VERIFY, (void (*)(void))sig_verify},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT,
     (void (*)(void))sig_digest_sign_init},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE, (void (*)(void))sig_digest_update},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL,
     (void (*)(void))sig_digest_sign_final},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN, (void (*)(void))sig_digest_sign},
    {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_INIT,
     (void (*)(void))sig_digest_verify_init},
    {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_UPDATE,
     (void (*)(void))sig_digest_update},
    {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_FINAL,
     (void (*)(void))sig_digest_verify_final},
    {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY, (void (*)(void))sig_digest_verify},
    {OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, (void (*)(void))sig_get_ctx_params},
    {OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS,
     (void (*)(void))sig_gettable_ctx_params},
    {OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, (void (*)(void))sig_set_ctx_params},
    {OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS,
     (void (*)(void))sig_settable_ctx_params},
    {0, NULL}};
