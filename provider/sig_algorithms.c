/*
 * The signature algorithms by name. OpenSSL 3.4 has some that name their digest
 * (RSA-SHA256, ECDSA-SHA256), for its interface that signs messages.
 */
#include "provider/signature.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include "provider/ml.h"

#include "provider/params.h"

#ifdef OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_INIT
static OSSL_FUNC_signature_newctx_fn sha1_newctx, sha224_newctx, sha256_newctx,
    sha384_newctx, sha512_newctx;
static OSSL_FUNC_signature_query_key_types_fn rsa_key_types, ec_key_types;
static OSSL_FUNC_signature_sign_message_init_fn sign_message_init;
static OSSL_FUNC_signature_verify_message_init_fn verify_message_init;
static OSSL_FUNC_signature_verify_message_final_fn verify_message_final;
static OSSL_FUNC_signature_set_ctx_params_fn set_signature;
static OSSL_FUNC_signature_settable_ctx_params_fn settable_signature;

/* The context knows the digest, and the key tells RSA from ECDSA. */
static void *newctx(void *provctx, const char *propq, enum card_hash hash)
{
    struct sig_ctx *ctx = sig_newctx(provctx, propq);

    if (ctx != NULL)
        ctx->fixed_md = hash_name(hash);
    return ctx;
}

static void *sha1_newctx(void *provctx, const char *propq)
{
    return newctx(provctx, propq, CARD_HASH_SHA1);
}

static void *sha224_newctx(void *provctx, const char *propq)
{
    return newctx(provctx, propq, CARD_HASH_SHA224);
}

static void *sha256_newctx(void *provctx, const char *propq)
{
    return newctx(provctx, propq, CARD_HASH_SHA256);
}

static void *sha384_newctx(void *provctx, const char *propq)
{
    return newctx(provctx, propq, CARD_HASH_SHA384);
}

static void *sha512_newctx(void *provctx, const char *propq)
{
    return newctx(provctx, propq, CARD_HASH_SHA512);
}

static const char **rsa_key_types(void)
{
    static const char *types[] = {"RSA", NULL};

    return types;
}

static const char **ec_key_types(void)
{
    static const char *types[] = {"EC", NULL};

    return types;
}

static int sign_message_init(void *vctx, void *key, const OSSL_PARAM params[])
{
    return sig_start_message(vctx, SIG_SIGN, NULL, key, NULL)
           && set_signature(vctx, params);
}

static int verify_message_init(void *vctx, void *key, const OSSL_PARAM params[])
{
    return sig_start_message(vctx, SIG_VERIFY, NULL, key, NULL)
           && set_signature(vctx, params);
}

/* Padding and digest are in the algorithm's name: nothing else is settable. */
static int set_signature(void *vctx, const OSSL_PARAM params[])
{
    struct sig_ctx *ctx = vctx;
    const OSSL_PARAM *p =
        OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_SIGNATURE);

    return p == NULL
           || (ctx->operation == SIG_VERIFY
               && param_octets(p, &ctx->sig, &ctx->sig_len));
}

static const OSSL_PARAM *settable_signature(void *vctx, void *provctx)
{
    static const OSSL_PARAM settable[] = {
        OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_SIGNATURE, NULL, 0),
        OSSL_PARAM_END};

    (void)vctx;
    (void)provctx;
    return settable;
}

static int verify_message_final(void *vctx)
{
    struct sig_ctx *ctx = vctx;

    return ctx->sig != NULL && sig_message_verify(ctx, ctx->sig, ctx->sig_len);
}

#define NAMED_FUNCTIONS                                                        \
    {OSSL_FUNC_SIGNATURE_FREECTX, (void (*)(void))sig_freectx},                \
    {OSSL_FUNC_SIGNATURE_DUPCTX, (void (*)(void))sig_dupctx},                  \
    {OSSL_FUNC_SIGNATURE_SIGN_INIT, (void (*)(void))sig_sign_init},            \
    {OSSL_FUNC_SIGNATURE_SIGN, (void (*)(void))sig_sign},                      \
    {OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_INIT,                                    \
     (void (*)(void))sign_message_init},                                       \
    {OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_UPDATE,                                  \
     (void (*)(void))sig_message_update},                                      \
    {OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_FINAL,                                   \
     (void (*)(void))sig_message_sign},                                        \
    {OSSL_FUNC_SIGNATURE_VERIFY_INIT, (void (*)(void))sig_verify_init},        \
    {OSSL_FUNC_SIGNATURE_VERIFY, (void (*)(void))sig_verify},                  \
    {OSSL_FUNC_SIGNATURE_VERIFY_MESSAGE_INIT,                                  \
     (void (*)(void))verify_message_init},                                     \
    {OSSL_FUNC_SIGNATURE_VERIFY_MESSAGE_UPDATE,                                \
     (void (*)(void))sig_message_update},                                      \
    {OSSL_FUNC_SIGNATURE_VERIFY_MESSAGE_FINAL,                                 \
     (void (*)(void))verify_message_final},                                    \
    {OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, (void (*)(void))sig_get_ctx_params},  \
    {OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS,                                  \
     (void (*)(void))sig_gettable_ctx_params},                                 \
    {OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, (void (*)(void))set_signature},       \
    {OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS,                                  \
     (void (*)(void))settable_signature}
#define RSA_FUNCTIONS                                                          \
    NAMED_FUNCTIONS,                                                           \
    {OSSL_FUNC_SIGNATURE_VERIFY_RECOVER_INIT,                                  \
     (void (*)(void))sig_recover_init},                                        \
    {OSSL_FUNC_SIGNATURE_VERIFY_RECOVER, (void (*)(void))sig_recover},         \
    {OSSL_FUNC_SIGNATURE_QUERY_KEY_TYPES, (void (*)(void))rsa_key_types}
#define EC_FUNCTIONS                                                           \
    NAMED_FUNCTIONS,                                                           \
    {OSSL_FUNC_SIGNATURE_QUERY_KEY_TYPES, (void (*)(void))ec_key_types}

static const OSSL_DISPATCH rsa_sha1[] = {
    RSA_FUNCTIONS,
    {OSSL_FUNC_SIGNATURE_NEWCTX, (void (*)(void))sha1_newctx},
    {0, NULL}};
static const OSSL_DISPATCH rsa_sha224[] = {
    RSA_FUNCTIONS,
    {OSSL_FUNC_SIGNATURE_NEWCTX, (void (*)(void))sha224_newctx},
    {0, NULL}};
static const OSSL_DISPATCH rsa_sha256[] = {
    RSA_FUNCTIONS,
    {OSSL_FUNC_SIGNATURE_NEWCTX, (void (*)(void))sha256_newctx},
    {0, NULL}};
static const OSSL_DISPATCH rsa_sha384[] = {
    RSA_FUNCTIONS,
    {OSSL_FUNC_SIGNATURE_NEWCTX, (void (*)(void))sha384_newctx},
    {0, NULL}};
static const OSSL_DISPATCH rsa_sha512[] = {
    RSA_FUNCTIONS,
    {OSSL_FUNC_SIGNATURE_NEWCTX, (void (*)(void))sha512_newctx},
    {0, NULL}};
static const OSSL_DISPATCH ecdsa_sha1[] = {
    EC_FUNCTIONS,
    {OSSL_FUNC_SIGNATURE_NEWCTX, (void (*)(void))sha1_newctx},
    {0, NULL}};
static const OSSL_DISPATCH ecdsa_sha224[] = {
    EC_FUNCTIONS,
    {OSSL_FUNC_SIGNATURE_NEWCTX, (void (*)(void))sha224_newctx},
    {0, NULL}};
static const OSSL_DISPATCH ecdsa_sha256[] = {
    EC_FUNCTIONS,
    {OSSL_FUNC_SIGNATURE_NEWCTX, (void (*)(void))sha256_newctx},
    {0, NULL}};
static const OSSL_DISPATCH ecdsa_sha384[] = {
    EC_FUNCTIONS,
    {OSSL_FUNC_SIGNATURE_NEWCTX, (void (*)(void))sha384_newctx},
    {0, NULL}};
static const OSSL_DISPATCH ecdsa_sha512[] = {
    EC_FUNCTIONS,
    {OSSL_FUNC_SIGNATURE_NEWCTX, (void (*)(void))sha512_newctx},
    {0, NULL}};

#define RSA_WORDS "RSA signature by a card, PKCS#1 v1.5"
#define EC_WORDS "ECDSA signature by a card"
/* As the default provider names them. */
#define NAMED_ALGORITHMS                                                       \
    {"RSA-SHA1:RSA-SHA-1:sha1WithRSAEncryption:1.2.840.113549.1.1.5", "",      \
     rsa_sha1, RSA_WORDS},                                                     \
    {"RSA-SHA2-224:RSA-SHA224:sha224WithRSAEncryption:1.2.840.113549.1.1.14",  \
     "", rsa_sha224, RSA_WORDS},                                               \
    {"RSA-SHA2-256:RSA-SHA256:sha256WithRSAEncryption:1.2.840.113549.1.1.11",  \
     "", rsa_sha256, RSA_WORDS},                                               \
    {"RSA-SHA2-384:RSA-SHA384:sha384WithRSAEncryption:1.2.840.113549.1.1.12",  \
     "", rsa_sha384, RSA_WORDS},                                               \
    {"RSA-SHA2-512:RSA-SHA512:sha512WithRSAEncryption:1.2.840.113549.1.1.13",  \
     "", rsa_sha512, RSA_WORDS},                                               \
    {"ECDSA-SHA1:ECDSA-SHA-1:ecdsa-with-SHA1:1.2.840.10045.4.1", "",           \
     ecdsa_sha1, EC_WORDS},                                                    \
    {"ECDSA-SHA2-224:ECDSA-SHA224:ecdsa-with-SHA224:1.2.840.10045.4.3.1", "",  \
     ecdsa_sha224, EC_WORDS},                                                  \
    {"ECDSA-SHA2-256:ECDSA-SHA256:ecdsa-with-SHA256:1.2.840.10045.4.3.2", "",  \
     ecdsa_sha256, EC_WORDS},                                                  \
    {"ECDSA-SHA2-384:ECDSA-SHA384:ecdsa-with-SHA384:1.2.840.10045.4.3.3", "",  \
     ecdsa_sha384, EC_WORDS},                                                  \
    {"ECDSA-SHA2-512:ECDSA-SHA512:ecdsa-with-SHA512:1.2.840.10045.4.3.4", "",  \
     ecdsa_sha512, EC_WORDS},
#else
#define NAMED_ALGORITHMS
#endif

const struct prov_algorithm prov_signatures[] = {
    {PROV_NAMES_RSA, "", sig_functions, "RSA signature by a card"},
    {"ECDSA", "", sig_functions, "ECDSA signature by a card"},
    {PROV_NAMES_ED25519, "", eddsa_functions, "Ed25519 signature by a card"},
    {PROV_NAMES_ED448, "", eddsa_functions, "Ed448 signature by a card"},
    {PROV_SIGN_RSA, "", sig_functions, "RSA signature by a card"},
    {PROV_SIGN_EC, "", sig_functions, "ECDSA signature by a card"},
    {PROV_SIGN_ED25519, "", eddsa_functions, "Ed25519 signature by a card"},
    {PROV_SIGN_ED448, "", eddsa_functions, "Ed448 signature by a card"},
    NAMED_ALGORITHMS
    ML_SIGNATURES
    {NULL, NULL, NULL, NULL}};
