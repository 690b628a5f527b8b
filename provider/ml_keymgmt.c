/*
 * ML-DSA and ML-KEM keys on tokens as OpenSSL sees them: what all types share,
 * and the parameter set by the name.
 */
#include "provider/keymgmt.h"
#include "provider/ml.h"

static OSSL_FUNC_keymgmt_load_fn load_dsa_44, load_dsa_65, load_dsa_87,
    load_kem_512, load_kem_768, load_kem_1024;
static OSSL_FUNC_keymgmt_gen_init_fn gen_init_dsa_44, gen_init_dsa_65,
    gen_init_dsa_87, gen_init_kem_512, gen_init_kem_768, gen_init_kem_1024;
static OSSL_FUNC_keymgmt_query_operation_name_fn dsa_44_operation_name,
    dsa_65_operation_name, dsa_87_operation_name;

/* --- Loading ------------------------------------------------------------- */

static void *load_dsa_44(const void *reference, size_t size)
{
    return keymgmt_load(reference, size, "ML-DSA-44");
}

static void *load_dsa_65(const void *reference, size_t size)
{
    return keymgmt_load(reference, size, "ML-DSA-65");
}

static void *load_dsa_87(const void *reference, size_t size)
{
    return keymgmt_load(reference, size, "ML-DSA-87");
}

static void *load_kem_512(const void *reference, size_t size)
{
    return keymgmt_load(reference, size, "ML-KEM-512");
}

static void *load_kem_768(const void *reference, size_t size)
{
    return keymgmt_load(reference, size, "ML-KEM-768");
}

static void *load_kem_1024(const void *reference, size_t size)
{
    return keymgmt_load(reference, size, "ML-KEM-1024");
}

/* --- Generation ---------------------------------------------------------- */

/* A libcrypto older than its headers could not read the public half. */
static bool is_known(struct prov_ctx *ctx, const char *name)
{
    OSSL_LIB_CTX *libctx = prov_libctx(ctx);
    EVP_KEYMGMT *stock =
        libctx != NULL ? EVP_KEYMGMT_fetch(libctx, name, NULL) : NULL;

    EVP_KEYMGMT_free(stock);
    return stock != NULL;
}

static void *gen_init(void *provctx, enum card_key_type type, const char *name,
                      int selection, const OSSL_PARAM params[])
{
    if (is_known(provctx, name))
        return prov_keygen_init(provctx, type, 0, selection, params);
    prov_refuse(provctx, CARD_E_UNSUPPORTED, "libcrypto knows no %s", name);
    return NULL;
}

static void *gen_init_dsa_44(void *provctx, int selection,
                             const OSSL_PARAM params[])
{
    return gen_init(provctx, CARD_KEY_ML_DSA_44, "ML-DSA-44", selection,
                    params);
}

static void *gen_init_dsa_65(void *provctx, int selection,
                             const OSSL_PARAM params[])
{
    return gen_init(provctx, CARD_KEY_ML_DSA_65, "ML-DSA-65", selection,
                    params);
}

static void *gen_init_dsa_87(void *provctx, int selection,
                             const OSSL_PARAM params[])
{
    return gen_init(provctx, CARD_KEY_ML_DSA_87, "ML-DSA-87", selection,
                    params);
}

static void *gen_init_kem_512(void *provctx, int selection,
                              const OSSL_PARAM params[])
{
    return gen_init(provctx, CARD_KEY_ML_KEM_512, "ML-KEM-512", selection,
                    params);
}

static void *gen_init_kem_768(void *provctx, int selection,
                              const OSSL_PARAM params[])
{
    return gen_init(provctx, CARD_KEY_ML_KEM_768, "ML-KEM-768", selection,
                    params);
}

static void *gen_init_kem_1024(void *provctx, int selection,
                               const OSSL_PARAM params[])
{
    return gen_init(provctx, CARD_KEY_ML_KEM_1024, "ML-KEM-1024", selection,
                    params);
}

/* --- Tables -------------------------------------------------------------- */

static const char *dsa_44_operation_name(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? PROV_SIGN_ML_DSA_44 : NULL;
}

static const char *dsa_65_operation_name(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? PROV_SIGN_ML_DSA_65 : NULL;
}

static const char *dsa_87_operation_name(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? PROV_SIGN_ML_DSA_87 : NULL;
}

#define ML_FUNCTIONS                                                           \
    COMMON_FUNCTIONS, NO_IMPORT, RAW_FUNCTIONS, KEYGEN_FUNCTIONS

const OSSL_DISPATCH ml_dsa_44_keymgmt[] = {
    ML_FUNCTIONS,
    {OSSL_FUNC_KEYMGMT_LOAD, (void (*)(void))load_dsa_44},
    {OSSL_FUNC_KEYMGMT_GEN_INIT, (void (*)(void))gen_init_dsa_44},
    {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME,
     (void (*)(void))dsa_44_operation_name},
    {0, NULL}};

const OSSL_DISPATCH ml_dsa_65_keymgmt[] = {
    ML_FUNCTIONS,
    {OSSL_FUNC_KEYMGMT_LOAD, (void (*)(void))load_dsa_65},
    {OSSL_FUNC_KEYMGMT_GEN_INIT, (void (*)(void))gen_init_dsa_65},
    {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME,
     (void (*)(void))dsa_65_operation_name},
    {0, NULL}};

const OSSL_DISPATCH ml_dsa_87_keymgmt[] = {
    ML_FUNCTIONS,
    {OSSL_FUNC_KEYMGMT_LOAD, (void (*)(void))load_dsa_87},
    {OSSL_FUNC_KEYMGMT_GEN_INIT, (void (*)(void))gen_init_dsa_87},
    {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME,
     (void (*)(void))dsa_87_operation_name},
    {0, NULL}};

const OSSL_DISPATCH ml_kem_512_keymgmt[] = {
    ML_FUNCTIONS,
    {OSSL_FUNC_KEYMGMT_LOAD, (void (*)(void))load_kem_512},
    {OSSL_FUNC_KEYMGMT_GEN_INIT, (void (*)(void))gen_init_kem_512},
    {0, NULL}};

const OSSL_DISPATCH ml_kem_768_keymgmt[] = {
    ML_FUNCTIONS,
    {OSSL_FUNC_KEYMGMT_LOAD, (void (*)(void))load_kem_768},
    {OSSL_FUNC_KEYMGMT_GEN_INIT, (void (*)(void))gen_init_kem_768},
    {0, NULL}};

const OSSL_DISPATCH ml_kem_1024_keymgmt[] = {
    ML_FUNCTIONS,
    {OSSL_FUNC_KEYMGMT_LOAD, (void (*)(void))load_kem_1024},
    {OSSL_FUNC_KEYMGMT_GEN_INIT, (void (*)(void))gen_init_kem_1024},
    {0, NULL}};
