/*
 * ML-DSA signatures (FIPS 204), pure and with an empty context: what X.509 (RFC
 * 9881), CMS (RFC 9882) and TLS use.
 */
#include "provider/ml.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "provider/signature.h"

static OSSL_FUNC_signature_digest_sign_init_fn digest_sign_init;
static OSSL_FUNC_signature_digest_verify_init_fn digest_verify_init;
static OSSL_FUNC_signature_sign_message_init_fn message_sign_init;
static OSSL_FUNC_signature_verify_message_init_fn message_verify_init;
static OSSL_FUNC_signature_get_ctx_params_fn get_ctx_params;
static OSSL_FUNC_signature_gettable_ctx_params_fn gettable_ctx_params;
static OSSL_FUNC_signature_set_ctx_params_fn set_ctx_params;
static OSSL_FUNC_signature_settable_ctx_params_fn settable_ctx_params;

/* --- Parameters ---------------------------------------------------------- */

/* Numbers of which a token, told nothing, knows one value. */
static const struct {
    const char *name;
    int value;
    const char *words;
} fixed[] = {{OSSL_SIGNATURE_PARAM_DETERMINISTIC, 0,
              "hedged or not, as its token will"},
             {OSSL_SIGNATURE_PARAM_MESSAGE_ENCODING, 1,
              "messages that it encodes itself"},
             {OSSL_SIGNATURE_PARAM_MU, 0, "messages, not their mu"}};

static const char *const byte_strings[] = {OSSL_SIGNATURE_PARAM_CONTEXT_STRING,
                                           OSSL_SIGNATURE_PARAM_TEST_ENTROPY};

static int check_params(const struct sig_ctx *ctx, const OSSL_PARAM params[])
{
    const OSSL_PARAM *p;
    int value;

    for (size_t i = 0; i < nitems(fixed); i++) {
        p = OSSL_PARAM_locate_const(params, fixed[i].name);
        if (p != NULL
            && (!OSSL_PARAM_get_int(p, &value) || value != fixed[i].value))
            return card_fail(CARD_E_UNSUPPORTED, "%s signs %s (%s)",
                             prov_key_name(ctx->key), fixed[i].words,
                             fixed[i].name);
    }
    for (size_t i = 0; i < nitems(byte_strings); i++) {
        p = OSSL_PARAM_locate_const(params, byte_strings[i]);
        if (p != NULL && p->data_size > 0)
            return card_fail(CARD_E_UNSUPPORTED, "%s signs without a %s only",
                             prov_key_name(ctx->key), byte_strings[i]);
    }
    return 0;
}

static int set_ctx_params(void *vctx, const OSSL_PARAM params[])
{
    const struct sig_ctx *ctx = vctx;

    if (params == NULL || params[0].key == NULL)
        return 1;
    return ctx->key != NULL
           && prov_result(ctx->prov, check_params(ctx, params));
}

static const OSSL_PARAM *settable_ctx_params(void *vctx, void *provctx)
{
    static const OSSL_PARAM settable[] = {
        OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_CONTEXT_STRING, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_TEST_ENTROPY, NULL, 0),
        OSSL_PARAM_int(OSSL_SIGNATURE_PARAM_DETERMINISTIC, NULL),
        OSSL_PARAM_int(OSSL_SIGNATURE_PARAM_MESSAGE_ENCODING, NULL),
        OSSL_PARAM_int(OSSL_SIGNATURE_PARAM_MU, NULL),
        OSSL_PARAM_END};

    (void)vctx;
    (void)provctx;
    return settable;
}

static int get_ctx_params(void *vctx, OSSL_PARAM params[])
{
    /* RFC 9881 2: SEQUENCE { OID 2.16.840.1.101.3.4.3.17 to 19 } */
    unsigned char id[] = {0x30, 0x0B, 0x06, 0x09, 0x60, 0x86, 0x48,
                          0x01, 0x65, 0x03, 0x04, 0x03, 0x11};
    const struct sig_ctx *ctx = vctx;
    OSSL_PARAM *p;

    if (params == NULL)
        return 1;
    p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID);
    if (p == NULL)
        return 1;
    if (ctx->key == NULL || !card_key_is_ml_dsa(ctx->key->type->card))
        return 0;
    id[sizeof(id) - 1] += (unsigned char)(ctx->key->type->card
                                          - CARD_KEY_ML_DSA_44);
    return OSSL_PARAM_set_octet_string(p, id, sizeof(id));
}

static const OSSL_PARAM *gettable_ctx_params(void *vctx, void *provctx)
{
    static const OSSL_PARAM gettable[] = {
        OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
        OSSL_PARAM_END};

    (void)vctx;
    (void)provctx;
    return gettable;
}

/* --- Begin --------------------------------------------------------------- */

static int start(struct sig_ctx *ctx, enum sig_operation operation,
                 const char *md, void *key, const OSSL_PARAM params[])
{
    return sig_whole_start(ctx, operation, md, key)
           && set_ctx_params(ctx, params);
}

static int digest_sign_init(void *vctx, const char *md, void *key,
                            const OSSL_PARAM params[])
{
    return start(vctx, SIG_SIGN, md, key, params);
}

static int digest_verify_init(void *vctx, const char *md, void *key,
                              const OSSL_PARAM params[])
{
    return start(vctx, SIG_VERIFY, md, key, params);
}

static int message_sign_init(void *vctx, void *key, const OSSL_PARAM params[])
{
    return start(vctx, SIG_SIGN, NULL, key, params);
}

static int message_verify_init(void *vctx, void *key, const OSSL_PARAM params[])
{
    return start(vctx, SIG_VERIFY, NULL, key, params);
}

const OSSL_DISPATCH ml_dsa_functions[] = {
    {OSSL_FUNC_SIGNATURE_NEWCTX, (void (*)(void))sig_newctx},
    {OSSL_FUNC_SIGNATURE_FREECTX, (void (*)(void))sig_freectx},
    {OSSL_FUNC_SIGNATURE_DUPCTX, (void (*)(void))sig_dupctx},
    {OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_INIT,
     (void (*)(void))message_sign_init},
    {OSSL_FUNC_SIGNATURE_SIGN, (void (*)(void))sig_whole_sign},
    {OSSL_FUNC_SIGNATURE_VERIFY_MESSAGE_INIT,
     (void (*)(void))message_verify_init},
    {OSSL_FUNC_SIGNATURE_VERIFY, (void (*)(void))sig_whole_verify},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, (void (*)(void))digest_sign_init},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN, (void (*)(void))sig_whole_sign},
    {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_INIT,
     (void (*)(void))digest_verify_init},
    {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY, (void (*)(void))sig_whole_verify},
    {OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, (void (*)(void))get_ctx_params},
    {OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS,
     (void (*)(void))gettable_ctx_params},
    {OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, (void (*)(void))set_ctx_params},
    {OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS,
     (void (*)(void))settable_ctx_params},
    {0, NULL}};
