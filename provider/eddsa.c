/*
 * EdDSA signatures (RFC 8032), pure Ed25519 and Ed448.
 */
#include "provider/signature.h"

#include <string.h>
#include <strings.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "provider/params.h"

/* Parameters of OpenSSL 3.2, named for older headers too */
#define INSTANCE "instance"
#define CONTEXT_STRING "context-string"
enum { INSTANCE_MAX = 16 };

static OSSL_FUNC_signature_digest_sign_init_fn eddsa_sign_init;
static OSSL_FUNC_signature_digest_verify_init_fn eddsa_verify_init;
static OSSL_FUNC_signature_get_ctx_params_fn eddsa_get_ctx_params;
static OSSL_FUNC_signature_gettable_ctx_params_fn eddsa_gettable_ctx_params;
static OSSL_FUNC_signature_set_ctx_params_fn eddsa_set_ctx_params;
static OSSL_FUNC_signature_settable_ctx_params_fn eddsa_settable_ctx_params;

/* --- Begin --------------------------------------------------------------- */

/* No card or token that we know has the variants of RFC 8032 5.1 and 5.2. */
static int check_params(const struct sig_ctx *ctx, const OSSL_PARAM params[])
{
    const OSSL_PARAM *instance = OSSL_PARAM_locate_const(params, INSTANCE);
    const OSSL_PARAM *context = OSSL_PARAM_locate_const(params, CONTEXT_STRING);
    char name[INSTANCE_MAX];

    if (instance != NULL
        && (!param_text(instance, name, sizeof(name))
            || strcasecmp(name, prov_key_type(ctx->key)) != 0))
        return card_fail(CARD_E_UNSUPPORTED, "%s signs as pure %s only, without"
                         " prehash or context", prov_key_name(ctx->key),
                         prov_key_type(ctx->key));
    if (context != NULL && context->data_size > 0)
        return card_fail(CARD_E_UNSUPPORTED, "%s signs without a context "
                         "string only", prov_key_name(ctx->key));
    return 0;
}

static int eddsa_set_ctx_params(void *vctx, const OSSL_PARAM params[])
{
    struct sig_ctx *ctx = vctx;

    if (params == NULL || params[0].key == NULL)
        return 1;
    return ctx->key != NULL
           && prov_result(ctx->prov, check_params(ctx, params));
}

static int start(struct sig_ctx *ctx, enum sig_operation operation,
                 const char *md, void *key, const OSSL_PARAM params[])
{
    if (!sig_whole_start(ctx, operation, md, key))
        return 0;
    return eddsa_set_ctx_params(ctx, params);
}

static int eddsa_sign_init(void *vctx, const char *md, void *key,
                           const OSSL_PARAM params[])
{
    return start(vctx, SIG_SIGN, md, key, params);
}

static int eddsa_verify_init(void *vctx, const char *md, void *key,
                             const OSSL_PARAM params[])
{
    return start(vctx, SIG_VERIFY, md, key, params);
}

/* --- Parameters ---------------------------------------------------------- */

static const OSSL_PARAM *eddsa_settable_ctx_params(void *vctx, void *provctx)
{
    static const OSSL_PARAM settable[] = {
        OSSL_PARAM_utf8_string(INSTANCE, NULL, 0),
        OSSL_PARAM_octet_string(CONTEXT_STRING, NULL, 0), OSSL_PARAM_END};

    (void)vctx;
    (void)provctx;
    return settable;
}

static int eddsa_get_ctx_params(void *vctx, OSSL_PARAM params[])
{
    /* RFC 8410 3: SEQUENCE { OID 1.3.101.112 or .113 }, no parameters */
    static const unsigned char ed25519[] = {0x30, 0x05, 0x06, 0x03,
                                            0x2B, 0x65, 0x70};
    static const unsigned char ed448[] = {0x30, 0x05, 0x06, 0x03,
                                          0x2B, 0x65, 0x71};
    const struct sig_ctx *ctx = vctx;
    OSSL_PARAM *p;

    if (params == NULL)
        return 1;
    p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID);
    if (p == NULL)
        return 1;
    if (ctx->key == NULL)
        return 0;
    return ctx->key->type->card == CARD_KEY_ED25519
               ? OSSL_PARAM_set_octet_string(p, ed25519, sizeof(ed25519))
               : OSSL_PARAM_set_octet_string(p, ed448, sizeof(ed448));
}

static const OSSL_PARAM *eddsa_gettable_ctx_params(void *vctx, void *provctx)
{
    static const OSSL_PARAM gettable[] = {
        OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
        OSSL_PARAM_END};

    (void)vctx;
    (void)provctx;
    return gettable;
}

#ifdef OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_INIT
static OSSL_FUNC_signature_sign_message_init_fn message_sign_init;
static OSSL_FUNC_signature_verify_message_init_fn message_verify_init;

static int message_sign_init(void *vctx, void *key, const OSSL_PARAM params[])
{
    return start(vctx, SIG_SIGN, NULL, key, params);
}

static int message_verify_init(void *vctx, void *key, const OSSL_PARAM params[])
{
    return start(vctx, SIG_VERIFY, NULL, key, params);
}

#define MESSAGE_FUNCTIONS                                                      \
    {OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_INIT,                                    \
     (void (*)(void))message_sign_init},                                       \
    {OSSL_FUNC_SIGNATURE_VERIFY_MESSAGE_INIT,                                  \
     (void (*)(void))message_verify_init},
#else
#define MESSAGE_FUNCTIONS
#endif

const OSSL_DISPATCH eddsa_functions[] = {
    MESSAGE_FUNCTIONS
    {OSSL_FUNC_SIGNATURE_NEWCTX, (void (*)(void))sig_newctx},
    {OSSL_FUNC_SIGNATURE_FREECTX, (void (*)(void))sig_freectx},
    {OSSL_FUNC_SIGNATURE_DUPCTX, (void (*)(void))sig_dupctx},
    {OSSL_FUNC_SIGNATURE_SIGN_INIT, (void (*)(void))sig_whole_value_init},
    {OSSL_FUNC_SIGNATURE_SIGN, (void (*)(void))sig_whole_sign},
    {OSSL_FUNC_SIGNATURE_VERIFY_INIT, (void (*)(void))sig_whole_value_init},
    {OSSL_FUNC_SIGNATURE_VERIFY, (void (*)(void))sig_whole_verify},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, (void (*)(void))eddsa_sign_init},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN, (void (*)(void))sig_whole_sign},
    {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_INIT,
     (void (*)(void))eddsa_verify_init},
    {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY, (void (*)(void))sig_whole_verify},
    {OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, (void (*)(void))eddsa_get_ctx_params},
    {OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS,
     (void (*)(void))eddsa_gettable_ctx_params},
    {OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, (void (*)(void))eddsa_set_ctx_params},
    {OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS,
     (void (*)(void))eddsa_settable_ctx_params},
    {0, NULL}};
