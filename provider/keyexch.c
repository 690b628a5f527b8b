/*
 * Key agreement with a private key on a card: ECDH (SP 800-56A, 5.7.1.2) and
 * X25519, X448 (RFC 7748), for ECDH with the KDF of ANSI X9.63 behind it, as
 * messages encrypted to EC keys have it (RFC 5753). The KDF is a stock one.
 */
#include "provider/params.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

enum {
    SECRET_MAX = 66, /* bytes: P-521 */
    KDF_NAME_MAX = 16
};

struct exch_ctx {
    struct prov_ctx *prov;
    struct prov_key *key, *peer;
    int cofactor_mode; /* only told back: the curves have cofactor 1 */
    bool kdf;          /* X9.63; else the secret is given as it is */
    const struct prov_digest *digest; /* of the KDF, NULL until it is set */
    size_t kdf_len;                   /* bytes the KDF is to give */
    unsigned char *ukm;               /* SharedInfo */
    size_t ukm_len;
};

static OSSL_FUNC_keyexch_newctx_fn exch_newctx;
static OSSL_FUNC_keyexch_freectx_fn exch_freectx;
static OSSL_FUNC_keyexch_dupctx_fn exch_dupctx;
static OSSL_FUNC_keyexch_init_fn exch_init;
static OSSL_FUNC_keyexch_set_peer_fn exch_set_peer;
static OSSL_FUNC_keyexch_derive_fn exch_derive;
static OSSL_FUNC_keyexch_set_ctx_params_fn ecdh_set_ctx_params;
static OSSL_FUNC_keyexch_settable_ctx_params_fn ecdh_settable_ctx_params;
static OSSL_FUNC_keyexch_get_ctx_params_fn ecdh_get_ctx_params;
static OSSL_FUNC_keyexch_gettable_ctx_params_fn ecdh_gettable_ctx_params;

/* --- Life ---------------------------------------------------------------- */

static void *exch_newctx(void *provctx)
{
    struct exch_ctx *ctx = OPENSSL_zalloc(sizeof(*ctx));

    if (ctx != NULL)
        ctx->prov = provctx;
    return ctx;
}

static void exch_freectx(void *vctx)
{
    struct exch_ctx *ctx = vctx;

    if (ctx == NULL)
        return;
    prov_key_free(ctx->key);
    prov_key_free(ctx->peer);
    OPENSSL_free(ctx->ukm);
    OPENSSL_free(ctx);
}

static void *exch_dupctx(void *vctx)
{
    const struct exch_ctx *ctx = vctx;
    struct exch_ctx *copy = OPENSSL_memdup(ctx, sizeof(*ctx));

    if (copy == NULL)
        return NULL;
    if (ctx->key != NULL)
        copy->key = prov_key_ref(ctx->key);
    if (ctx->peer != NULL)
        copy->peer = prov_key_ref(ctx->peer);
    if (ctx->ukm != NULL
        && (copy->ukm = OPENSSL_memdup(ctx->ukm, ctx->ukm_len)) == NULL) {
        exch_freectx(copy);
        return NULL;
    }
    return copy;
}

/* --- The two keys -------------------------------------------------------- */

static bool can_derive(const struct prov_key *key)
{
    return (card_key_can(key->card) & CARD_CAN_DERIVE) != 0;
}

static int exch_init(void *vctx, void *vkey, const OSSL_PARAM params[])
{
    struct exch_ctx *ctx = vctx;
    struct prov_key *key = vkey;

    if (key == NULL || !key->private)
        return prov_refuse(ctx->prov, CARD_E_ARGUMENT,
                           "key agreement needs a private key");
    if (!can_derive(key))
        return prov_refuse(ctx->prov, CARD_E_UNSUPPORTED,
                           "%s makes no key agreement", prov_key_name(key));
    prov_key_free(ctx->key);
    prov_key_free(ctx->peer);
    ctx->key = prov_key_ref(key);
    ctx->peer = NULL;
    ctx->cofactor_mode = -1;
    ctx->kdf = false;
    return ecdh_set_ctx_params(ctx, params);
}

/* libcrypto has made the peer a key of ours: keymgmt's import. */
static int exch_set_peer(void *vctx, void *vpeer)
{
    struct exch_ctx *ctx = vctx;
    struct prov_key *peer = vpeer;

    if (ctx->key == NULL || peer == NULL || peer->public == NULL)
        return 0;
    if (strcmp(prov_key_type(peer), prov_key_type(ctx->key)) != 0
        || EVP_PKEY_parameters_eq(peer->public, ctx->key->public) != 1)
        return prov_refuse(ctx->prov, CARD_E_ARGUMENT, "the peer's key is on "
                           "another curve than %s", prov_key_name(ctx->key));
    prov_key_free(ctx->peer);
    ctx->peer = prov_key_ref(peer);
    return 1;
}

/* --- Derivation ---------------------------------------------------------- */

/* Of the shared secret: a coordinate, or 32 and 56 bytes. */
static size_t secret_len(const struct exch_ctx *ctx)
{
    return ((size_t)EVP_PKEY_get_bits(ctx->key->public) + 7) / 8;
}

/* A peer of small order makes a secret that everybody knows: RFC 7748, 6. */
static bool all_zero(struct bytes secret)
{
    uint8_t seen = 0;

    for (size_t i = 0; i < secret.len; i++)
        seen |= secret.data[i];
    return seen == 0;
}

static int shared_secret(const struct exch_ctx *ctx, struct buf *secret)
{
    unsigned char *point = NULL;
    size_t len = EVP_PKEY_get1_encoded_public_key(ctx->peer->public, &point);
    int rc;

    if (len == 0)
        return card_fail(CARD_E_ARGUMENT, "the peer's key is no point");
    rc = card_derive(ctx->key->card, bytes_from(point, len), secret);
    OPENSSL_free(point);
    if (rc < 0)
        return rc;
    if (secret->len != secret_len(ctx))
        return card_fail(CARD_E_PROTOCOL, "a shared secret of %zu bytes came, "
                         "not %zu", secret->len, secret_len(ctx));
    if (all_zero(buf_view(secret)))
        return card_fail(CARD_E_ARGUMENT, "the peer's key is of small order");
    return 0;
}

static int run_kdf(const struct exch_ctx *ctx, struct bytes secret,
                   unsigned char *out)
{
    OSSL_PARAM params[4], *p = params;
    EVP_KDF *kdf = EVP_KDF_fetch(prov_libctx(ctx->prov), OSSL_KDF_NAME_X963KDF,
                                 NULL);
    EVP_KDF_CTX *kctx = EVP_KDF_CTX_new(kdf);
    int ok;

    *p++ = OSSL_PARAM_construct_utf8_string(
        OSSL_KDF_PARAM_DIGEST, prov_unconst(EVP_MD_get0_name(ctx->digest->md)),
        0);
    *p++ = OSSL_PARAM_construct_octet_string(
        OSSL_KDF_PARAM_KEY, prov_unconst(secret.data), secret.len);
    if (ctx->ukm != NULL)
        *p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, ctx->ukm,
                                                 ctx->ukm_len);
    *p = OSSL_PARAM_construct_end();
    ok = kctx != NULL && EVP_KDF_derive(kctx, out, ctx->kdf_len, params) > 0;
    EVP_KDF_CTX_free(kctx);
    EVP_KDF_free(kdf);
    return ok ? 0 : card_fail(CARD_E_ARGUMENT, "X9.63 KDF: %zu bytes with %s "
                              "failed", ctx->kdf_len, ctx->digest->name);
}

static int derive(const struct exch_ctx *ctx, unsigned char *out)
{
    uint8_t data[SECRET_MAX];
    struct buf secret = BUF_ON(data);
    int rc;

    prov_enter(ctx->prov);
    rc = shared_secret(ctx, &secret);
    prov_leave(ctx->prov);
    if (rc == 0 && ctx->kdf)
        rc = run_kdf(ctx, buf_view(&secret), out);
    else if (rc == 0)
        memcpy(out, secret.data, secret.len);
    memory_wipe(data, sizeof(data));
    return rc;
}

static int exch_derive(void *vctx, unsigned char *secret, size_t *secretlen,
                       size_t outlen)
{
    struct exch_ctx *ctx = vctx;
    size_t len;
    int rc;

    if (ctx->key == NULL || ctx->peer == NULL)
        return prov_refuse(ctx->prov, CARD_E_ARGUMENT,
                           "key agreement needs the peer's key");
    if (ctx->kdf && ctx->digest == NULL)
        return prov_refuse(ctx->prov, CARD_E_ARGUMENT,
                           "the KDF needs a digest");
    len = ctx->kdf ? ctx->kdf_len : secret_len(ctx);
    if (secret != NULL && outlen < len)
        return prov_refuse(ctx->prov, CARD_E_BUFFER, "room for %zu bytes is "
                           "needed, the program gives %zu", len, outlen);
    if (secret != NULL && (rc = derive(ctx, secret)) < 0)
        return prov_result(ctx->prov, rc);
    *secretlen = len;
    return 1;
}

/* --- Parameters of ECDH -------------------------------------------------- */

static int set_cofactor_mode(struct exch_ctx *ctx, const OSSL_PARAM *p)
{
    int mode;

    if (!OSSL_PARAM_get_int(p, &mode) || mode < -1 || mode > 1)
        return 0;
    ctx->cofactor_mode = mode;
    return 1;
}

static int set_kdf_type(struct exch_ctx *ctx, const OSSL_PARAM *p)
{
    char name[KDF_NAME_MAX];

    if (!param_text(p, name, sizeof(name))
        || (name[0] != '\0' && strcmp(name, OSSL_KDF_NAME_X963KDF) != 0))
        return prov_refuse(ctx->prov, CARD_E_UNSUPPORTED, "the KDF of ECDH is "
                           OSSL_KDF_NAME_X963KDF " or none");
    ctx->kdf = name[0] != '\0';
    return 1;
}

static int ecdh_set_ctx_params(void *vctx, const OSSL_PARAM params[])
{
    struct exch_ctx *ctx = vctx;
    const OSSL_PARAM *p;

    if (params == NULL)
        return 1;
    p = OSSL_PARAM_locate_const(params,
                                OSSL_EXCHANGE_PARAM_EC_ECDH_COFACTOR_MODE);
    if (p != NULL && !set_cofactor_mode(ctx, p))
        return 0;
    p = OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_KDF_TYPE);
    if (p != NULL && !set_kdf_type(ctx, p))
        return 0;
    p = OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_KDF_DIGEST);
    if (p != NULL && !param_digest(ctx->prov, p, &ctx->digest))
        return 0;
    p = OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_KDF_OUTLEN);
    if (p != NULL && !OSSL_PARAM_get_size_t(p, &ctx->kdf_len))
        return 0;
    p = OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_KDF_UKM);
    return p == NULL || param_octets(p, &ctx->ukm, &ctx->ukm_len);
}

static const OSSL_PARAM *ecdh_settable_ctx_params(void *vctx, void *provctx)
{
    static const OSSL_PARAM settable[] = {
        OSSL_PARAM_int(OSSL_EXCHANGE_PARAM_EC_ECDH_COFACTOR_MODE, NULL),
        OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_TYPE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST_PROPS, NULL, 0),
        OSSL_PARAM_size_t(OSSL_EXCHANGE_PARAM_KDF_OUTLEN, NULL),
        OSSL_PARAM_octet_string(OSSL_EXCHANGE_PARAM_KDF_UKM, NULL, 0),
        OSSL_PARAM_END};

    (void)vctx;
    (void)provctx;
    return settable;
}

static int ecdh_get_ctx_params(void *vctx, OSSL_PARAM params[])
{
    const struct exch_ctx *ctx = vctx;
    const char *name = ctx->kdf ? OSSL_KDF_NAME_X963KDF : "";
    OSSL_PARAM *p;

    p = OSSL_PARAM_locate(params, OSSL_EXCHANGE_PARAM_EC_ECDH_COFACTOR_MODE);
    if (p != NULL && !OSSL_PARAM_set_int(p, ctx->cofactor_mode == 1))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_EXCHANGE_PARAM_KDF_TYPE);
    if (p != NULL && !OSSL_PARAM_set_utf8_string(p, name))
        return 0;
    name = ctx->digest == NULL ? "" : EVP_MD_get0_name(ctx->digest->md);
    p = OSSL_PARAM_locate(params, OSSL_EXCHANGE_PARAM_KDF_DIGEST);
    if (p != NULL && !OSSL_PARAM_set_utf8_string(p, name))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_EXCHANGE_PARAM_KDF_OUTLEN);
    if (p != NULL && !OSSL_PARAM_set_size_t(p, ctx->kdf_len))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_EXCHANGE_PARAM_KDF_UKM);
    return p == NULL || OSSL_PARAM_set_octet_ptr(p, ctx->ukm, ctx->ukm_len);
}

static const OSSL_PARAM *ecdh_gettable_ctx_params(void *vctx, void *provctx)
{
    static const OSSL_PARAM gettable[] = {
        OSSL_PARAM_int(OSSL_EXCHANGE_PARAM_EC_ECDH_COFACTOR_MODE, NULL),
        OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_TYPE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST, NULL, 0),
        OSSL_PARAM_size_t(OSSL_EXCHANGE_PARAM_KDF_OUTLEN, NULL),
        OSSL_PARAM_octet_ptr(OSSL_EXCHANGE_PARAM_KDF_UKM, NULL, 0),
        OSSL_PARAM_END};

    (void)vctx;
    (void)provctx;
    return gettable;
}

static const OSSL_DISPATCH ecdh_functions[] = {
    {OSSL_FUNC_KEYEXCH_NEWCTX, (void (*)(void))exch_newctx},
    {OSSL_FUNC_KEYEXCH_FREECTX, (void (*)(void))exch_freectx},
    {OSSL_FUNC_KEYEXCH_DUPCTX, (void (*)(void))exch_dupctx},
    {OSSL_FUNC_KEYEXCH_INIT, (void (*)(void))exch_init},
    {OSSL_FUNC_KEYEXCH_SET_PEER, (void (*)(void))exch_set_peer},
    {OSSL_FUNC_KEYEXCH_DERIVE, (void (*)(void))exch_derive},
    {OSSL_FUNC_KEYEXCH_SET_CTX_PARAMS, (void (*)(void))ecdh_set_ctx_params},
    {OSSL_FUNC_KEYEXCH_SETTABLE_CTX_PARAMS,
     (void (*)(void))ecdh_settable_ctx_params},
    {OSSL_FUNC_KEYEXCH_GET_CTX_PARAMS, (void (*)(void))ecdh_get_ctx_params},
    {OSSL_FUNC_KEYEXCH_GETTABLE_CTX_PARAMS,
     (void (*)(void))ecdh_gettable_ctx_params},
    {0, NULL}};

static const OSSL_DISPATCH ecx_functions[] = {
    {OSSL_FUNC_KEYEXCH_NEWCTX, (void (*)(void))exch_newctx},
    {OSSL_FUNC_KEYEXCH_FREECTX, (void (*)(void))exch_freectx},
    {OSSL_FUNC_KEYEXCH_DUPCTX, (void (*)(void))exch_dupctx},
    {OSSL_FUNC_KEYEXCH_INIT, (void (*)(void))exch_init},
    {OSSL_FUNC_KEYEXCH_SET_PEER, (void (*)(void))exch_set_peer},
    {OSSL_FUNC_KEYEXCH_DERIVE, (void (*)(void))exch_derive},
    {0, NULL}};

const struct prov_algorithm prov_exchanges[] = {
    {"ECDH", "", ecdh_functions, "ECDH by a card"},
    {PROV_NAMES_X25519, "", ecx_functions, "X25519 by a card"},
    {PROV_NAMES_X448, "", ecx_functions, "X448 by a card"},
    {NULL, NULL, NULL, NULL}};
