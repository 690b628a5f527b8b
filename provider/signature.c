/*
 * RSA and ECDSA signatures: hash in software, one exchange with the card. The
 * public half's stock key verifies.
 */
#include "provider/signature.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>

static OSSL_FUNC_signature_digest_sign_init_fn digest_sign_init;
static OSSL_FUNC_signature_digest_sign_fn digest_sign;
static OSSL_FUNC_signature_digest_verify_init_fn digest_verify_init;
static OSSL_FUNC_signature_digest_verify_fn digest_verify;

/* --- Life ---------------------------------------------------------------- */

void *sig_newctx(void *provctx, const char *propq)
{
    struct sig_ctx *ctx = OPENSSL_zalloc(sizeof(*ctx));

    (void)propq; /* hashes come from our own library context */
    if (ctx != NULL)
        ctx->prov = provctx;
    return ctx;
}

void sig_freectx(void *vctx)
{
    struct sig_ctx *ctx = vctx;

    if (ctx == NULL)
        return;
    EVP_MD_CTX_free(ctx->hashing);
    EVP_PKEY_CTX_free(ctx->stock);
    OPENSSL_free(ctx->sig);
    prov_key_free(ctx->key);
    OPENSSL_free(ctx);
}

/* The copy's own of all that `from` owns. */
static bool dup_owned(struct sig_ctx *copy, const struct sig_ctx *from)
{
    if (from->key != NULL)
        copy->key = prov_key_ref(from->key);
    if (from->stock != NULL
        && (copy->stock = EVP_PKEY_CTX_dup(from->stock)) == NULL)
        return false;
    if (from->sig != NULL
        && (copy->sig = OPENSSL_memdup(from->sig, from->sig_len)) == NULL)
        return false;
    if (!from->begun)
        return true;
    copy->hashing = EVP_MD_CTX_new();
    return copy->hashing != NULL
           && EVP_MD_CTX_copy_ex(copy->hashing, from->hashing);
}

void *sig_dupctx(void *vctx)
{
    const struct sig_ctx *ctx = vctx;
    struct sig_ctx *copy = OPENSSL_memdup(ctx, sizeof(*ctx));

    if (copy == NULL)
        return NULL;
    copy->key = NULL;
    copy->stock = NULL;
    copy->sig = NULL;
    copy->hashing = NULL;
    if (dup_owned(copy, ctx))
        return copy;
    sig_freectx(copy);
    return NULL;
}

/* --- Begin --------------------------------------------------------------- */

static unsigned signing_abilities(enum card_key_type type)
{
    switch (type) {
    case CARD_KEY_RSA:
        return CARD_CAN_PKCS1 | CARD_CAN_PKCS1_HASH | CARD_CAN_PSS
               | CARD_CAN_RAW_SIGN;
    case CARD_KEY_EC:
        return CARD_CAN_ECDSA;
    case CARD_KEY_ED25519:
    case CARD_KEY_ED448:
        return CARD_CAN_EDDSA;
    case CARD_KEY_ML_DSA_44:
    case CARD_KEY_ML_DSA_65:
    case CARD_KEY_ML_DSA_87:
        return CARD_CAN_ML_DSA;
    default:
        return 0;
    }
}

static int check_key(const struct prov_key *key, enum sig_operation operation)
{
    if (key == NULL || key->public == NULL)
        return card_fail(CARD_E_ARGUMENT, "no key was given");
    if (operation != SIG_SIGN)
        return 0;
    if (!key->private)
        return card_fail(CARD_E_ARGUMENT, "signing needs a private key");
    if ((card_key_can(key->card) & signing_abilities(key->type->card)) == 0)
        return card_fail(CARD_E_UNSUPPORTED, "%s does not sign",
                         prov_key_name(key));
    return 0;
}

static void forget_operation(struct sig_ctx *ctx)
{
    EVP_PKEY_CTX_free(ctx->stock);
    OPENSSL_free(ctx->sig);
    ctx->stock = NULL;
    ctx->sig = NULL;
    ctx->operation = SIG_NONE;
    ctx->message = ctx->md_settled = ctx->begun = false;
}

/*
 * The restrictions of an RSA-PSS key are the stock key's to know. EdDSA and
 * ML-DSA have no parameters, and their messages go elsewhere.
 */
static bool needs_stock(const struct sig_ctx *ctx)
{
    return ctx->key->type->card == CARD_KEY_RSA
               ? ctx->operation != SIG_SIGN
                     || strcmp(prov_key_type(ctx->key), "RSA-PSS") == 0
               : ctx->key->type->card == CARD_KEY_EC
                     && ctx->operation != SIG_SIGN;
}

int sig_start(struct sig_ctx *ctx, enum sig_operation operation, void *vkey)
{
    struct prov_key *key = vkey != NULL ? vkey : ctx->key;
    int rc = check_key(key, operation);

    forget_operation(ctx);
    if (rc < 0)
        return prov_result(ctx->prov, rc);
    if (key != ctx->key) {
        prov_key_free(ctx->key);
        ctx->key = prov_key_ref(key);
    }
    ctx->operation = operation;
    if (ctx->fixed_md != NULL && !sig_set_digest(ctx, ctx->fixed_md))
        return 0;
    ctx->md_settled = ctx->fixed_md != NULL;
    return !needs_stock(ctx) || sig_open_stock(ctx);
}

/* The digest goes before the parameters: PSS needs to know it. */
int sig_start_message(struct sig_ctx *ctx, enum sig_operation operation,
                      const char *md, void *key, const OSSL_PARAM params[])
{
    if (!sig_start(ctx, operation, key)
        || (md != NULL && md[0] != '\0' && !sig_set_digest(ctx, md))
        || !sig_set_ctx_params(ctx, params))
        return 0;
    if (ctx->md == NULL)
        return prov_result(ctx->prov,
                           card_fail(CARD_E_ARGUMENT, "no digest was named"));
    ctx->md_settled = ctx->message = true;
    return 1;
}

/* An operation on a value that the caller has hashed, or means as it is. */
static int start_value(struct sig_ctx *ctx, enum sig_operation operation,
                       void *key, const OSSL_PARAM params[])
{
    ctx->md = NULL;
    return sig_start(ctx, operation, key)
           && (ctx->fixed_md != NULL || sig_set_ctx_params(ctx, params));
}

/* --- Hashing ------------------------------------------------------------- */

static bool wants_midstate(const struct sig_ctx *ctx)
{
    return ctx->operation == SIG_SIGN
           && (card_key_can(ctx->key->card) & CARD_CAN_MIDSTATE) != 0;
}

static bool begin_hashing(struct sig_ctx *ctx)
{
    if (ctx->hashing == NULL && (ctx->hashing = EVP_MD_CTX_new()) == NULL)
        return false;
    if (!EVP_DigestInit_ex2(ctx->hashing, ctx->md->md, NULL))
        return false;
    ctx->midstate =
        wants_midstate(ctx) && sha_init(&ctx->stream, ctx->md->hash) == 0;
    ctx->begun = true;
    return true;
}

int sig_message_update(void *vctx, const unsigned char *data, size_t len)
{
    struct sig_ctx *ctx = vctx;

    if (ctx->operation == SIG_NONE || !ctx->message
        || (!ctx->begun && !begin_hashing(ctx))
        || !EVP_DigestUpdate(ctx->hashing, data, len))
        return 0;
    if (ctx->midstate)
        sha_update(&ctx->stream, bytes_from(data, len));
    return 1;
}

/* What was hashed so far and `last`: a message in one piece needs no context */
static bool finish_hashing(struct sig_ctx *ctx, struct bytes last,
                           struct card_tbs *tbs)
{
    unsigned len = 0;

    if (!ctx->message)
        return false;
    if (!ctx->begun && !wants_midstate(ctx)) {
        if (!EVP_Digest(last.data, last.len, tbs->value, &len, ctx->md->md,
                        NULL))
            return false;
    } else {
        if (!sig_message_update(ctx, last.data, last.len)
            || !EVP_DigestFinal_ex(ctx->hashing, tbs->value, &len))
            return false;
        if (ctx->midstate)
            sha_get_midstate(&ctx->stream, &tbs->midstate);
        ctx->begun = false;
    }
    tbs->len = len;
    return true;
}

/* --- Signing ------------------------------------------------------------- */

int sig_sign_init(void *vctx, void *key, const OSSL_PARAM params[])
{
    return start_value(vctx, SIG_SIGN, key, params);
}

static int digest_sign_init(void *vctx, const char *md, void *key,
                            const OSSL_PARAM params[])
{
    return sig_start_message(vctx, SIG_SIGN, md, key, params);
}

int sig_make(struct sig_ctx *ctx, const struct card_tbs *tbs,
             unsigned char *sig, size_t *siglen, size_t sigsize)
{
    struct buf out = {sig, 0, sigsize};
    int rc;

    prov_enter(ctx->prov);
    rc = card_sign(ctx->key->card, tbs, &out);
    prov_leave(ctx->prov);
    *siglen = out.len;
    return prov_result(ctx->prov, rc);
}

static int describe_and_make(struct sig_ctx *ctx, struct card_tbs *tbs,
                             unsigned char *sig, size_t *siglen, size_t sigsize)
{
    return prov_result(ctx->prov, sig_describe(ctx, tbs))
           && sig_make(ctx, tbs, sig, siglen, sigsize);
}

static int sign_value(struct sig_ctx *ctx, struct bytes value,
                      unsigned char *sig, size_t *siglen, size_t sigsize)
{
    struct card_tbs tbs = {.hash = CARD_HASH_NONE};

    if (value.len > sizeof(tbs.value)
        || (ctx->md != NULL && value.len != ctx->md->size))
        return prov_result(ctx->prov, card_fail(CARD_E_ARGUMENT,
                           "%zu bytes are no value to sign%s%s", value.len,
                           ctx->md != NULL ? " of " : "",
                           ctx->md != NULL ? ctx->md->name : ""));
    if (value.len > 0)
        memcpy(tbs.value, value.data, value.len);
    tbs.len = value.len;
    return describe_and_make(ctx, &tbs, sig, siglen, sigsize);
}

static int sign_message(struct sig_ctx *ctx, struct bytes last,
                        unsigned char *sig, size_t *siglen, size_t sigsize)
{
    struct card_tbs tbs = {.hash = CARD_HASH_NONE};

    return finish_hashing(ctx, last, &tbs)
           && describe_and_make(ctx, &tbs, sig, siglen, sigsize);
}

/* Whether a signature is to be made now, or its size told into *siglen. */
static bool is_question(const struct sig_ctx *ctx, const unsigned char *sig,
                        size_t *siglen)
{
    if (sig == NULL)
        *siglen = prov_key_size(ctx->key);
    return sig == NULL;
}

int sig_sign(void *vctx, unsigned char *sig, size_t *siglen, size_t sigsize,
             const unsigned char *data, size_t len)
{
    struct sig_ctx *ctx = vctx;

    if (ctx->operation != SIG_SIGN)
        return 0;
    if (is_question(ctx, sig, siglen))
        return 1;
    if (!prov_key_check_room(ctx->key, sigsize))
        return 0;
    return ctx->message
               ? sign_message(ctx, bytes_from(data, len), sig, siglen, sigsize)
               : sign_value(ctx, bytes_from(data, len), sig, siglen, sigsize);
}

/* In one call, which may be repeated; not before a message was begun. */
static int digest_sign(void *vctx, unsigned char *sig, size_t *siglen,
                       size_t sigsize, const unsigned char *data, size_t len)
{
    const struct sig_ctx *ctx = vctx;

    return ctx->message && sig_sign(vctx, sig, siglen, sigsize, data, len);
}

/* The end of a message ends the operation. */
int sig_message_sign(void *vctx, unsigned char *sig, size_t *siglen,
                     size_t sigsize)
{
    struct sig_ctx *ctx = vctx;
    int ok = digest_sign(ctx, sig, siglen, sigsize, NULL, 0);

    if (sig != NULL && !ctx->begun)
        ctx->operation = SIG_NONE;
    return ok;
}

/* --- Verifying ----------------------------------------------------------- */

int sig_verify_init(void *vctx, void *key, const OSSL_PARAM params[])
{
    return start_value(vctx, SIG_VERIFY, key, params);
}

static int digest_verify_init(void *vctx, const char *md, void *key,
                              const OSSL_PARAM params[])
{
    return sig_start_message(vctx, SIG_VERIFY, md, key, params);
}

int sig_verify(void *vctx, const unsigned char *sig, size_t siglen,
               const unsigned char *data, size_t len)
{
    struct sig_ctx *ctx = vctx;
    struct card_tbs tbs = {.hash = CARD_HASH_NONE};

    if (ctx->operation != SIG_VERIFY)
        return 0;
    if (ctx->message) {
        if (!finish_hashing(ctx, bytes_from(data, len), &tbs))
            return 0;
        data = tbs.value;
        len = tbs.len;
    }
    return EVP_PKEY_verify(ctx->stock, sig, siglen, data, len) == 1;
}

static int digest_verify(void *vctx, const unsigned char *sig, size_t siglen,
                         const unsigned char *data, size_t len)
{
    const struct sig_ctx *ctx = vctx;

    return ctx->message && sig_verify(vctx, sig, siglen, data, len);
}

int sig_message_verify(void *vctx, const unsigned char *sig, size_t siglen)
{
    struct sig_ctx *ctx = vctx;
    int ok = digest_verify(ctx, sig, siglen, NULL, 0);

    ctx->operation = SIG_NONE;
    return ok;
}

int sig_recover_init(void *vctx, void *key, const OSSL_PARAM params[])
{
    return start_value(vctx, SIG_RECOVER, key, params);
}

int sig_recover(void *vctx, unsigned char *out, size_t *outlen, size_t outsize,
                const unsigned char *sig, size_t siglen)
{
    struct sig_ctx *ctx = vctx;

    if (ctx->operation != SIG_RECOVER)
        return 0;
    *outlen = outsize;
    return EVP_PKEY_verify_recover(ctx->stock, out, outlen, sig, siglen) > 0;
}

const OSSL_DISPATCH sig_functions[] = {
    {OSSL_FUNC_SIGNATURE_NEWCTX, (void (*)(void))sig_newctx},
    {OSSL_FUNC_SIGNATURE_FREECTX, (void (*)(void))sig_freectx},
    {OSSL_FUNC_SIGNATURE_DUPCTX, (void (*)(void))sig_dupctx},
    {OSSL_FUNC_SIGNATURE_SIGN_INIT, (void (*)(void))sig_sign_init},
    {OSSL_FUNC_SIGNATURE_SIGN, (void (*)(void))sig_sign},
    {OSSL_FUNC_SIGNATURE_VERIFY_INIT, (void (*)(void))sig_verify_init},
    {OSSL_FUNC_SIGNATURE_VERIFY, (void (*)(void))sig_verify},
    {OSSL_FUNC_SIGNATURE_VERIFY_RECOVER_INIT,
     (void (*)(void))sig_recover_init},
    {OSSL_FUNC_SIGNATURE_VERIFY_RECOVER, (void (*)(void))sig_recover},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, (void (*)(void))digest_sign_init},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE,
     (void (*)(void))sig_message_update},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL, (void (*)(void))sig_message_sign},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN, (void (*)(void))digest_sign},
    {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_INIT,
     (void (*)(void))digest_verify_init},
    {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_UPDATE,
     (void (*)(void))sig_message_update},
    {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_FINAL,
     (void (*)(void))sig_message_verify},
    {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY, (void (*)(void))digest_verify},
    {OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, (void (*)(void))sig_get_ctx_params},
    {OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS,
     (void (*)(void))sig_gettable_ctx_params},
    {OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, (void (*)(void))sig_set_ctx_params},
    {OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS,
     (void (*)(void))sig_settable_ctx_params},
    {0, NULL}};
