/*
 * ML-KEM (FIPS 203): the token decapsulates; the public half's stock key
 * encapsulates.
 */
#include "provider/ml.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

struct kem_ctx {
    struct prov_ctx *prov;
    struct prov_key *key;
    EVP_PKEY_CTX *stock; /* encapsulates; NULL: the token decapsulates */
};

static OSSL_FUNC_kem_newctx_fn kem_newctx;
static OSSL_FUNC_kem_freectx_fn kem_freectx;
static OSSL_FUNC_kem_dupctx_fn kem_dupctx;
static OSSL_FUNC_kem_encapsulate_init_fn encapsulate_init;
static OSSL_FUNC_kem_encapsulate_fn encapsulate;
static OSSL_FUNC_kem_decapsulate_init_fn decapsulate_init;
static OSSL_FUNC_kem_decapsulate_fn decapsulate;

/* --- Life ---------------------------------------------------------------- */

static void *kem_newctx(void *provctx)
{
    struct kem_ctx *ctx = OPENSSL_zalloc(sizeof(*ctx));

    if (ctx != NULL)
        ctx->prov = provctx;
    return ctx;
}

static void forget_key(struct kem_ctx *ctx)
{
    EVP_PKEY_CTX_free(ctx->stock);
    prov_key_free(ctx->key);
    ctx->stock = NULL;
    ctx->key = NULL;
}

static void kem_freectx(void *vctx)
{
    struct kem_ctx *ctx = vctx;

    if (ctx == NULL)
        return;
    forget_key(ctx);
    OPENSSL_free(ctx);
}

static void *kem_dupctx(void *vctx)
{
    const struct kem_ctx *ctx = vctx;
    struct kem_ctx *copy = kem_newctx(ctx->prov);

    if (copy == NULL)
        return NULL;
    if (ctx->key != NULL)
        copy->key = prov_key_ref(ctx->key);
    if (ctx->stock == NULL
        || (copy->stock = EVP_PKEY_CTX_dup(ctx->stock)) != NULL)
        return copy;
    kem_freectx(copy);
    return NULL;
}

/* --- By the stock key ---------------------------------------------------- */

static int encapsulate_init(void *vctx, void *vkey, const OSSL_PARAM params[])
{
    struct kem_ctx *ctx = vctx;
    struct prov_key *key = vkey;

    if (key == NULL || key->public == NULL)
        return 0;
    forget_key(ctx);
    ctx->key = prov_key_ref(key);
    ctx->stock = EVP_PKEY_CTX_new_from_pkey(prov_libctx(ctx->prov),
                                            key->public, NULL);
    return ctx->stock != NULL
           && EVP_PKEY_encapsulate_init(ctx->stock, params) > 0;
}

static int encapsulate(void *vctx, unsigned char *ciphertext,
                       size_t *ciphertext_len, unsigned char *secret,
                       size_t *secret_len)
{
    const struct kem_ctx *ctx = vctx;

    return ctx->stock != NULL
           && EVP_PKEY_encapsulate(ctx->stock, ciphertext, ciphertext_len,
                                   secret, secret_len) > 0;
}

/* --- By the token -------------------------------------------------------- */

static int check_key(const struct prov_key *key)
{
    if (key == NULL || !key->private)
        return card_fail(CARD_E_ARGUMENT, "decapsulation needs a private key");
    if ((card_key_can(key->card) & CARD_CAN_DECAPSULATE) == 0)
        return card_fail(CARD_E_UNSUPPORTED, "%s does not decapsulate: the "
                         "key may not, or its module has no "
                         "C_DecapsulateKey (PKCS#11 v3.2)",
                         prov_key_name(key));
    return 0;
}

static int decapsulate_init(void *vctx, void *vkey, const OSSL_PARAM params[])
{
    struct kem_ctx *ctx = vctx;

    (void)params; /* ML-KEM has one for encapsulation alone */
    if (!prov_result(ctx->prov, check_key(vkey)))
        return 0;
    forget_key(ctx);
    ctx->key = prov_key_ref(vkey);
    return 1;
}

/* A ciphertext of a wrong length is an error, all others have a secret. */
static int decapsulate(void *vctx, unsigned char *secret, size_t *secret_len,
                       const unsigned char *ciphertext, size_t ciphertext_len)
{
    const struct kem_ctx *ctx = vctx;
    struct buf out = {secret, 0, CARD_ML_KEM_SECRET};
    int rc;

    if (ctx->key == NULL || ctx->stock != NULL)
        return 0;
    if (secret != NULL && *secret_len < CARD_ML_KEM_SECRET)
        return prov_refuse(ctx->prov, CARD_E_BUFFER, "a secret takes %d bytes, "
                           "the program has room for %zu", CARD_ML_KEM_SECRET,
                           *secret_len);
    *secret_len = CARD_ML_KEM_SECRET;
    if (secret == NULL)
        return 1;
    if (ciphertext_len != prov_key_size(ctx->key))
        return prov_refuse(ctx->prov, CARD_E_ARGUMENT, "a ciphertext for %s "
                           "has %zu bytes, not %zu", prov_key_name(ctx->key),
                           prov_key_size(ctx->key), ciphertext_len);
    prov_enter(ctx->prov);
    rc = card_decapsulate(ctx->key->card,
                          bytes_from(ciphertext, ciphertext_len), &out);
    prov_leave(ctx->prov);
    return prov_result(ctx->prov, rc);
}

static const OSSL_DISPATCH kem_functions[] = {
    {OSSL_FUNC_KEM_NEWCTX, (void (*)(void))kem_newctx},
    {OSSL_FUNC_KEM_FREECTX, (void (*)(void))kem_freectx},
    {OSSL_FUNC_KEM_DUPCTX, (void (*)(void))kem_dupctx},
    {OSSL_FUNC_KEM_ENCAPSULATE_INIT, (void (*)(void))encapsulate_init},
    {OSSL_FUNC_KEM_ENCAPSULATE, (void (*)(void))encapsulate},
    {OSSL_FUNC_KEM_DECAPSULATE_INIT, (void (*)(void))decapsulate_init},
    {OSSL_FUNC_KEM_DECAPSULATE, (void (*)(void))decapsulate},
    {0, NULL}};

const struct prov_algorithm prov_kems[] = {
    {PROV_NAMES_ML_KEM_512, "", kem_functions, "ML-KEM-512 by a card"},
    {PROV_NAMES_ML_KEM_768, "", kem_functions, "ML-KEM-768 by a card"},
    {PROV_NAMES_ML_KEM_1024, "", kem_functions, "ML-KEM-1024 by a card"},
    {NULL, NULL, NULL, NULL}};
