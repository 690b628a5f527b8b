/*
 * The parameters of RSA and ECDSA signatures. The public half's stock context
 * takes them, signing too: it knows their words and numbers, what an RSA-PSS
 * key restricts, and the AlgorithmIdentifier they come to. From it we learn
 * how a card is to pad.
 */
#include "provider/signature.h"

#include <string.h>
#include <strings.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include "provider/params.h"

/* Of later headers than those of OpenSSL 3.0 */
#define NONCE_TYPE "nonce-type"
enum { SALT_AUTO_DIGEST_MAX = -4 };

/* --- Digest -------------------------------------------------------------- */

static bool tell_stock_digest(struct sig_ctx *ctx)
{
    OSSL_PARAM params[] = {OSSL_PARAM_END, OSSL_PARAM_END};

    params[0] = OSSL_PARAM_construct_utf8_string(
        OSSL_SIGNATURE_PARAM_DIGEST, prov_unconst(ctx->md->name), 0);
    return EVP_PKEY_CTX_set_params(ctx->stock, params) > 0;
}

/* PSS has a digest before anyone names one; a restricted key, its own. */
static bool take_stock_digest(struct sig_ctx *ctx)
{
    char name[PROV_MD_NAME_MAX] = "";
    OSSL_PARAM params[] = {OSSL_PARAM_END, OSSL_PARAM_END};

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST,
                                                 name, sizeof(name));
    if (ctx->md != NULL || EVP_PKEY_CTX_get_params(ctx->stock, params) <= 0
        || name[0] == '\0')
        return true;
    return prov_result(ctx->prov,
                       software_digest(ctx->prov, name, &ctx->md));
}

int sig_open_stock(struct sig_ctx *ctx)
{
    if (ctx->stock != NULL)
        return 1;
    ctx->stock = software_public_operation(
        ctx->key, ctx->operation == SIG_RECOVER ? EVP_PKEY_verify_recover_init
                                                : EVP_PKEY_verify_init);
    return ctx->stock != NULL && (ctx->md == NULL || tell_stock_digest(ctx))
           && take_stock_digest(ctx);
}

/*
 * Whether the key signs such a hash with any padding, as which one it will be
 * is said later. libssl asks so which algorithms it can offer.
 */
static int check_digest(const struct prov_key *key,
                        const struct prov_digest *md)
{
    unsigned can = card_key_can(key->card);
    bool common = md->hash == CARD_HASH_SHA1 || md->hash == CARD_HASH_SHA256;

    if (key->type->card != CARD_KEY_RSA || (can & CARD_CAN_PKCS1) != 0
        || (common && (can & CARD_CAN_PKCS1_HASH) != 0)
        || (md->hash != CARD_HASH_NONE && (can & CARD_CAN_PSS) != 0))
        return 0;
    return card_fail(CARD_E_UNSUPPORTED, "%s does not sign with %s",
                     prov_key_name(key), md->name);
}

int sig_set_digest(struct sig_ctx *ctx, const char *name)
{
    const struct prov_digest *md;
    int rc = software_digest(ctx->prov, name, &md);

    if (rc == 0 && ctx->md_settled && !EVP_MD_is_a(md->md, ctx->md->name))
        rc = card_fail(CARD_E_ARGUMENT, "hashing with %s has begun: %s comes "
                       "too late", ctx->md->name, name);
    if (rc == 0 && ctx->operation == SIG_SIGN)
        rc = check_digest(ctx->key, md);
    if (rc < 0)
        return prov_result(ctx->prov, rc);
    ctx->md = md;
    return ctx->stock == NULL || tell_stock_digest(ctx);
}

/* --- Padding ------------------------------------------------------------- */

static int stock_number(const struct sig_ctx *ctx, const char *name)
{
    int number = -1;
    OSSL_PARAM params[] = {OSSL_PARAM_END, OSSL_PARAM_END};

    params[0] = OSSL_PARAM_construct_int(name, &number);
    return EVP_PKEY_CTX_get_params(ctx->stock, params) > 0 ? number : -1;
}

static int pad_mode(const struct sig_ctx *ctx)
{
    if (ctx->stock == NULL)
        return RSA_PKCS1_PADDING;
    return stock_number(ctx, OSSL_SIGNATURE_PARAM_PAD_MODE);
}

/* Whether the card pads so: told when it is asked for, before any hashing. */
static int check_padding(const struct sig_ctx *ctx)
{
    const struct prov_key *key = ctx->key;
    unsigned can = card_key_can(key->card);

    switch (pad_mode(ctx)) {
    case RSA_PKCS1_PADDING:
        return (can & (CARD_CAN_PKCS1 | CARD_CAN_PKCS1_HASH)) != 0
                   ? 0
                   : card_fail(CARD_E_UNSUPPORTED, "%s does not pad PKCS#1 "
                               "v1.5: use RSA-PSS", prov_key_name(key));
    case RSA_PKCS1_PSS_PADDING:
        return (can & CARD_CAN_PSS) != 0
                   ? 0
                   : card_fail(CARD_E_UNSUPPORTED, "%s pads PKCS#1 v1.5 only: "
                               "use TLS 1.2, not TLS 1.3 or RSA-PSS",
                               prov_key_name(key));
    case RSA_NO_PADDING:
        return (can & CARD_CAN_RAW_SIGN) != 0
                   ? 0
                   : card_fail(CARD_E_UNSUPPORTED, "%s signs nothing that the "
                               "program has padded", prov_key_name(key));
    default:
        return card_fail(CARD_E_UNSUPPORTED, "%s has no such padding",
                         prov_key_name(key));
    }
}

/* RFC 8017 9.1.1 step 3: emLen - hLen - 2, emBits being modBits - 1. */
static int max_salt(const struct sig_ctx *ctx)
{
    int bits = EVP_PKEY_get_bits(ctx->key->public);

    return (bits - 1 + 7) / 8 - (int)ctx->md->size - 2;
}

static int salt_len(const struct sig_ctx *ctx)
{
    int asked = stock_number(ctx, OSSL_SIGNATURE_PARAM_PSS_SALTLEN);
    int max = max_salt(ctx), digest = (int)ctx->md->size;

    switch (asked) {
    case RSA_PSS_SALTLEN_DIGEST:
        return digest;
    case RSA_PSS_SALTLEN_AUTO:
    case RSA_PSS_SALTLEN_MAX:
        return max;
    case SALT_AUTO_DIGEST_MAX:
        return max < digest ? max : digest;
    default:
        return asked;
    }
}

static int describe_pss(const struct sig_ctx *ctx, struct card_tbs *tbs)
{
    char name[PROV_MD_NAME_MAX] = "";
    OSSL_PARAM params[] = {OSSL_PARAM_END, OSSL_PARAM_END};
    const struct prov_digest *mgf;
    int salt = salt_len(ctx);
    int rc;

    params[0] = OSSL_PARAM_construct_utf8_string(
        OSSL_SIGNATURE_PARAM_MGF1_DIGEST, name, sizeof(name));
    if (EVP_PKEY_CTX_get_params(ctx->stock, params) <= 0)
        return card_fail(CARD_E_ARGUMENT, "no digest for MGF1");
    if ((rc = software_digest(ctx->prov, name, &mgf)) < 0)
        return rc;
    if (ctx->md->hash == CARD_HASH_NONE || mgf->hash == CARD_HASH_NONE)
        return card_fail(CARD_E_UNSUPPORTED, "%s makes no RSA-PSS with %s and "
                         "%s", prov_key_name(ctx->key), ctx->md->name, name);
    if (salt < 0 || salt > max_salt(ctx))
        return card_fail(CARD_E_UNSUPPORTED, "no room for that salt in a "
                         "signature of %zu bytes", prov_key_size(ctx->key));
    tbs->padding = CARD_PAD_PSS;
    tbs->hash = ctx->md->hash;
    tbs->mgf_hash = mgf->hash;
    tbs->salt_len = (size_t)salt;
    return 0;
}

/* The card layer wraps the hashes that it knows. */
static int describe_pkcs1(const struct sig_ctx *ctx, struct card_tbs *tbs)
{
    uint8_t space[EVP_MAX_MD_SIZE + 64];
    struct buf info = BUF_ON(space);
    int rc;

    tbs->padding = CARD_PAD_PKCS1;
    tbs->hash = ctx->md != NULL ? ctx->md->hash : CARD_HASH_NONE;
    if (ctx->md == NULL || ctx->md->is_tls || tbs->hash != CARD_HASH_NONE)
        return 0;
    rc = software_digest_info(ctx->md, bytes_from(tbs->value, tbs->len), &info);
    if (rc < 0)
        return rc;
    memcpy(tbs->value, info.data, info.len);
    tbs->len = info.len;
    return 0;
}

static int describe_block(const struct sig_ctx *ctx, struct card_tbs *tbs)
{
    if (ctx->md != NULL || tbs->len != prov_key_size(ctx->key))
        return card_fail(CARD_E_ARGUMENT, "without padding %zu bytes are "
                         "signed, and no digest", prov_key_size(ctx->key));
    tbs->padding = CARD_PAD_NONE;
    return 0;
}

int sig_describe(const struct sig_ctx *ctx, struct card_tbs *tbs)
{
    int rc;

    if (ctx->key->type->card != CARD_KEY_RSA) {
        tbs->hash = ctx->md != NULL ? ctx->md->hash : CARD_HASH_NONE;
        return tbs->len > 0 && tbs->len <= CARD_MAX_HASH
                   ? 0
                   : card_fail(CARD_E_ARGUMENT, "ECDSA signs hashes, not %zu "
                               "bytes", tbs->len);
    }
    if ((rc = check_padding(ctx)) < 0)
        return rc;
    switch (pad_mode(ctx)) {
    case RSA_PKCS1_PSS_PADDING:
        return describe_pss(ctx, tbs);
    case RSA_NO_PADDING:
        return describe_block(ctx, tbs);
    default:
        return describe_pkcs1(ctx, tbs);
    }
}

/* --- Set ----------------------------------------------------------------- */

/* A card draws its nonces itself. */
static int check_nonce_type(const OSSL_PARAM params[])
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, NONCE_TYPE);
    unsigned type = 0;

    if (p == NULL || (OSSL_PARAM_get_uint(p, &type) && type == 0))
        return 0;
    return card_fail(CARD_E_UNSUPPORTED, "a card signs with random nonces, not "
                     "deterministic ones");
}

static bool has_rsa_params(const OSSL_PARAM params[])
{
    return OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE)
           || OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN)
           || OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_MGF1_DIGEST);
}

/* The stock context passes over words for padding that it does not know. */
static int check_pad_word(const struct sig_ctx *ctx, const OSSL_PARAM params[])
{
    const OSSL_PARAM *p =
        OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);

    if (p == NULL || software_pad_mode(p) == pad_mode(ctx))
        return check_padding(ctx);
    return card_fail(CARD_E_UNSUPPORTED, "%s has no such padding",
                     prov_key_name(ctx->key));
}

static int set_signing_params(struct sig_ctx *ctx, const OSSL_PARAM params[])
{
    if (ctx->key->type->card != CARD_KEY_RSA)
        return prov_result(ctx->prov, check_nonce_type(params));
    if (!has_rsa_params(params))
        return 1;
    return sig_open_stock(ctx)
           && EVP_PKEY_CTX_set_params(ctx->stock, params) > 0
           && take_stock_digest(ctx)
           && prov_result(ctx->prov, check_pad_word(ctx, params));
}

int sig_set_ctx_params(void *vctx, const OSSL_PARAM params[])
{
    struct sig_ctx *ctx = vctx;
    const OSSL_PARAM *p;
    char name[PROV_MD_NAME_MAX];

    if (params == NULL || params[0].key == NULL)
        return 1;
    if (ctx->operation == SIG_NONE)
        return 0;
    p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_DIGEST);
    if (p != NULL
        && (!param_text(p, name, sizeof(name)) || !sig_set_digest(ctx, name)))
        return 0;
    if (ctx->operation == SIG_SIGN)
        return set_signing_params(ctx, params);
    return EVP_PKEY_CTX_set_params(ctx->stock, params) > 0
           && take_stock_digest(ctx);
}

const OSSL_PARAM *sig_settable_ctx_params(void *vctx, void *provctx)
{
    static const OSSL_PARAM settable[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PROPERTIES, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_PROPERTIES, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_uint(NONCE_TYPE, NULL),
        OSSL_PARAM_END};
    const struct sig_ctx *ctx = vctx;

    (void)provctx;
    return ctx != NULL && ctx->md_settled ? settable + 2 : settable;
}

/* --- Get ----------------------------------------------------------------- */

int sig_get_ctx_params(void *vctx, OSSL_PARAM params[])
{
    struct sig_ctx *ctx = vctx;

    if (params == NULL)
        return 1;
    return ctx->key != NULL && sig_open_stock(ctx)
           && EVP_PKEY_CTX_get_params(ctx->stock, params) > 0;
}

const OSSL_PARAM *sig_gettable_ctx_params(void *vctx, void *provctx)
{
    static const OSSL_PARAM gettable[] = {
        OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_size_t(OSSL_SIGNATURE_PARAM_DIGEST_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_uint(NONCE_TYPE, NULL),
        OSSL_PARAM_END};

    (void)vctx;
    (void)provctx;
    return gettable;
}
