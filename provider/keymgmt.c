/*
 * Keys on cards as OpenSSL sees them, of all types. The public half is a stock
 * key, to which parameters, export and comparison are passed on. Nothing is
 * imported but the public half of a peer to agree on a secret with: a software
 * key that libcrypto offers us must stay where it is.
 */
#include "provider/keymgmt.h"

#include <stdio.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include "provider/ml.h"
#include "provider/peer.h"

enum {
    /* Below the 66 bytes libssl asks for RSA-PSS with SHA-256, 2 * 32 + 2. */
    HIDDEN_SIZE = 65
};

const char prov_reference_magic[] = "tessera";

static struct prov_key *make_key(struct prov_ctx *ctx)
{
    struct prov_key *key = OPENSSL_zalloc(sizeof(*key));

    if (key != NULL) {
        key->prov = ctx;
        atomic_init(&key->refs, 1);
    }
    return key;
}

static const struct prov_key_type types[] = {
    {"RSA", CARD_KEY_RSA},         {"RSA-PSS", CARD_KEY_RSA},
    {"EC", CARD_KEY_EC},           {"ED25519", CARD_KEY_ED25519},
    {"ED448", CARD_KEY_ED448},     {"X25519", CARD_KEY_X25519},
    {"X448", CARD_KEY_X448},
    {"ML-DSA-44", CARD_KEY_ML_DSA_44},
    {"ML-DSA-65", CARD_KEY_ML_DSA_65},
    {"ML-DSA-87", CARD_KEY_ML_DSA_87},
    {"ML-KEM-512", CARD_KEY_ML_KEM_512},
    {"ML-KEM-768", CARD_KEY_ML_KEM_768},
    {"ML-KEM-1024", CARD_KEY_ML_KEM_1024}};

static const struct prov_key_type *find_type(const EVP_PKEY *public)
{
    for (size_t i = 0; i < nitems(types); i++)
        if (EVP_PKEY_is_a(public, types[i].name))
            return &types[i];
    return NULL;
}

int prov_key_new(struct prov_ctx *ctx, struct card_key *card, bool private,
                 struct prov_key **out)
{
    const struct prov_key_type *type;
    struct prov_key *key;
    EVP_PKEY *public;
    int rc;

    if ((rc = software_public_key(ctx, card_key_public(card), &public)) < 0)
        return card_fail_in(rc, "%s", card_key_name(card));
    type = find_type(public);
    if (type == NULL || type->card != card_key_info(card)->type) {
        EVP_PKEY_free(public);
        return card_fail(CARD_E_UNSUPPORTED, "%s and its public half are of "
                         "different types", card_key_name(card));
    }
    if ((key = make_key(ctx)) == NULL) {
        EVP_PKEY_free(public);
        return card_fail(CARD_E_MEMORY, "out of memory");
    }
    key->card = card_key_ref(card);
    key->public = public;
    key->type = type;
    key->private = private;
    *out = key;
    return 0;
}

struct prov_key *prov_key_ref(struct prov_key *key)
{
    atomic_fetch_add(&key->refs, 1);
    return key;
}

void prov_key_free(struct prov_key *key)
{
    if (key == NULL || atomic_fetch_sub(&key->refs, 1) > 1)
        return;
    prov_outlive_cleanup(key->prov);
    EVP_PKEY_free(key->public);
    card_key_free(key->card);
    OPENSSL_free(key);
}

const char *prov_key_type(const struct prov_key *key)
{
    return key->type->name;
}

const char *prov_key_name(const struct prov_key *key)
{
    return key->card != NULL ? card_key_name(key->card) : "a peer's key";
}

size_t prov_key_size(const struct prov_key *key)
{
    return (size_t)EVP_PKEY_get_size(key->public);
}

bool prov_key_hides_size(const struct prov_key *key)
{
    return key->private && key->type->card == CARD_KEY_RSA
           && key->prov->config.hide_size
           && (card_key_can(key->card) & CARD_CAN_PSS) == 0
           && (card_key_info(key->card)->uses & CARD_USE_AUTH) != 0;
}

int prov_key_check_room(const struct prov_key *key, size_t size)
{
    size_t needed = prov_key_size(key);

    if (size >= needed)
        return 1;
    return prov_refuse(key->prov, CARD_E_BUFFER, "room for %zu bytes is needed,"
                       " the program gives %zu%s", needed, size,
                       prov_key_hides_size(key)
                           ? ": set pkcs1-only-max-size = no for it" : "");
}

static OSSL_FUNC_keymgmt_load_fn load_rsa, load_rsa_pss, load_ec, load_ed25519,
    load_ed448, load_x25519, load_x448;
static OSSL_FUNC_keymgmt_import_fn import_ec, import_x25519, import_x448;
static OSSL_FUNC_keymgmt_import_types_fn ec_import_types, raw_import_types;
static OSSL_FUNC_keymgmt_export_types_fn rsa_export_types, ec_export_types;
static OSSL_FUNC_keymgmt_gettable_params_fn rsa_gettable_params,
    ec_gettable_params;
static OSSL_FUNC_keymgmt_query_operation_name_fn rsa_operation_name,
    ec_operation_name, ed25519_operation_name, ed448_operation_name;

/* --- Life ---------------------------------------------------------------- */

/*
 * libcrypto makes an empty key before it tries an import, and then drops it
 * without an error; with no such function it would leave one behind.
 */
void *keymgmt_new(void *provctx)
{
    return make_key(provctx);
}

void keymgmt_free(void *key)
{
    prov_key_free(key);
}

static void log_hidden_size(const struct prov_key *key)
{
    char line[512];

    snprintf(line, sizeof(line), "%s: the card pads PKCS#1 v1.5 only, so the "
             "key serves TLS 1.2 but no TLS 1.3, which demands RSA-PSS; limit "
             "a server with this key to TLS 1.2 (pkcs1-only-max-size)",
             card_key_name(key->card));
    config_log(&key->prov->config, line);
}

void *keymgmt_load(const void *reference, size_t size, const char *type)
{
    struct prov_reference ref;

    if (reference == NULL || size != sizeof(ref))
        return NULL;
    memcpy(&ref, reference, sizeof(ref));
    if (ref.magic != prov_reference_magic
        || strcmp(prov_key_type(ref.key), type) != 0)
        return NULL;
    if (prov_key_hides_size(ref.key))
        log_hidden_size(ref.key);
    return prov_key_ref(ref.key);
}

static void *load_rsa(const void *reference, size_t size)
{
    return keymgmt_load(reference, size, "RSA");
}

static void *load_rsa_pss(const void *reference, size_t size)
{
    return keymgmt_load(reference, size, "RSA-PSS");
}

static void *load_ec(const void *reference, size_t size)
{
    return keymgmt_load(reference, size, "EC");
}

static void *load_ed25519(const void *reference, size_t size)
{
    return keymgmt_load(reference, size, "ED25519");
}

static void *load_ed448(const void *reference, size_t size)
{
    return keymgmt_load(reference, size, "ED448");
}

static void *load_x25519(const void *reference, size_t size)
{
    return keymgmt_load(reference, size, "X25519");
}

static void *load_x448(const void *reference, size_t size)
{
    return keymgmt_load(reference, size, "X448");
}

void *keymgmt_dup(const void *from, int selection)
{
    const struct prov_key *key = from;
    struct prov_key *copy = make_key(key->prov);

    if (copy == NULL || key->public == NULL)
        return copy;
    if (!EVP_PKEY_up_ref(key->public)) {
        prov_key_free(copy);
        return NULL;
    }
    copy->public = key->public;
    copy->type = key->type;
    copy->card = key->card != NULL ? card_key_ref(key->card) : NULL;
    copy->private =
        key->private && (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0;
    return copy;
}

/* --- What the public half answers ---------------------------------------- */

int keymgmt_has(const void *keydata, int selection)
{
    const struct prov_key *key = keydata;

    if (key == NULL || key->public == NULL)
        return 0;
    return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 || key->private;
}

/* The public half tells keys apart, private ones too. */
int keymgmt_match(const void *keydata1, const void *keydata2, int selection)
{
    const struct prov_key *a = keydata1, *b = keydata2;

    if (a->public == NULL || b->public == NULL)
        return a->public == b->public;
    if ((selection & OSSL_KEYMGMT_SELECT_KEYPAIR) == 0)
        return EVP_PKEY_parameters_eq(a->public, b->public) == 1;
    return EVP_PKEY_eq(a->public, b->public) == 1;
}

/*
 * All there is of a public key object; of a private key nothing when its
 * private half is asked for as well: libcrypto would go on with the rest as if
 * it were the key.
 */
int keymgmt_export(void *keydata, int selection, OSSL_CALLBACK *cb, void *arg)
{
    const struct prov_key *key = keydata;

    if (key == NULL || key->public == NULL)
        return 0;
    if (key->private && (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0)
        return 0;
    selection &= ~OSSL_KEYMGMT_SELECT_PRIVATE_KEY;
    return EVP_PKEY_export(key->public, selection, cb, arg);
}

/* --- Import -------------------------------------------------------------- */

int keymgmt_no_import(void *keydata, int selection, const OSSL_PARAM params[])
{
    (void)keydata;
    (void)selection;
    (void)params;
    return 0;
}

const OSSL_PARAM *keymgmt_no_import_types(int selection)
{
    (void)selection;
    return NULL;
}

/*
 * A peer's public half, and never more than that. The selection does not tell:
 * libcrypto offers all there is of any key.
 */
static int import_peer(struct prov_key *key, const char *type,
                       const OSSL_PARAM params[])
{
    EVP_PKEY_CTX *ctx;
    int ok;

    if (key->public != NULL
        || OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_PRIV_KEY) != NULL
        || OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_PUB_KEY) == NULL)
        return 0;
    ctx = EVP_PKEY_CTX_new_from_name(prov_libctx(key->prov), type, NULL);
    ok = ctx != NULL && EVP_PKEY_fromdata_init(ctx) > 0
         && EVP_PKEY_fromdata(ctx, &key->public, EVP_PKEY_PUBLIC_KEY,
                              prov_unconst(params)) > 0;
    EVP_PKEY_CTX_free(ctx);
    if (ok)
        key->type = find_type(key->public);
    return ok && key->type != NULL;
}

static int import_ec(void *keydata, int selection, const OSSL_PARAM params[])
{
    (void)selection;
    return import_peer(keydata, "EC", params);
}

static int import_x25519(void *keydata, int selection,
                         const OSSL_PARAM params[])
{
    (void)selection;
    return import_peer(keydata, "X25519", params);
}

static int import_x448(void *keydata, int selection, const OSSL_PARAM params[])
{
    (void)selection;
    return import_peer(keydata, "X448", params);
}

/* --- Parameters by type -------------------------------------------------- */

#define COMMON_PARAMS                                                          \
    OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),                                \
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),                   \
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),                        \
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),       \
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0)
#define RSA_PARAMS                                                             \
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),                             \
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0)
#define PUBLIC_PARAM OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0)
#define GROUP_PARAM OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0)

static const OSSL_PARAM rsa_public[] = {RSA_PARAMS, OSSL_PARAM_END};
static const OSSL_PARAM ec_public[] = {GROUP_PARAM, PUBLIC_PARAM,
                                       OSSL_PARAM_END};
static const OSSL_PARAM raw_public[] = {PUBLIC_PARAM, OSSL_PARAM_END};

static const OSSL_PARAM *for_public(int selection, const OSSL_PARAM *params)
{
    return (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0 ? params : NULL;
}

static const OSSL_PARAM *rsa_export_types(int selection)
{
    return for_public(selection, rsa_public);
}

static const OSSL_PARAM *ec_export_types(int selection)
{
    return for_public(selection, ec_public);
}

const OSSL_PARAM *keymgmt_raw_export_types(int selection)
{
    return for_public(selection, raw_public);
}

static const OSSL_PARAM *ec_import_types(int selection)
{
    return for_public(selection, ec_public);
}

static const OSSL_PARAM *raw_import_types(int selection)
{
    return for_public(selection, raw_public);
}

static const OSSL_PARAM *rsa_gettable_params(void *provctx)
{
    static const OSSL_PARAM gettable[] = {COMMON_PARAMS, RSA_PARAMS,
                                          OSSL_PARAM_END};

    (void)provctx;
    return gettable;
}

static const OSSL_PARAM *ec_gettable_params(void *provctx)
{
    static const OSSL_PARAM gettable[] = {
        COMMON_PARAMS, GROUP_PARAM, PUBLIC_PARAM,
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_PUB_X, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_PUB_Y, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_ENCODING, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, NULL,
                               0),
        OSSL_PARAM_END};

    (void)provctx;
    return gettable;
}

const OSSL_PARAM *keymgmt_raw_gettable_params(void *provctx)
{
    static const OSSL_PARAM gettable[] = {
        COMMON_PARAMS, PUBLIC_PARAM,
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
        OSSL_PARAM_END};

    (void)provctx;
    return gettable;
}

int keymgmt_get_params(void *keydata, OSSL_PARAM params[])
{
    const struct prov_key *key = keydata;
    OSSL_PARAM *p;

    if (key == NULL || key->public == NULL
        || !EVP_PKEY_get_params(key->public, params))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_MAX_SIZE);
    return p == NULL || !prov_key_hides_size(key)
           || OSSL_PARAM_set_int(p, HIDDEN_SIZE);
}

/* --- Tables -------------------------------------------------------------- */

static const char *rsa_operation_name(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? PROV_SIGN_RSA : "RSA";
}

static const char *ec_operation_name(int operation)
{
    switch (operation) {
    case OSSL_OP_SIGNATURE:
        return PROV_SIGN_EC;
    case OSSL_OP_KEYEXCH:
        return "ECDH";
    default:
        return NULL;
    }
}

/* NULL: the operation is called like the key. */
static const char *ed25519_operation_name(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? PROV_SIGN_ED25519 : NULL;
}

static const char *ed448_operation_name(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? PROV_SIGN_ED448 : NULL;
}

#define RSA_FUNCTIONS                                                          \
    {OSSL_FUNC_KEYMGMT_EXPORT_TYPES, (void (*)(void))rsa_export_types},        \
        {OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS,                                    \
         (void (*)(void))rsa_gettable_params},                                 \
        {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME,                               \
         (void (*)(void))rsa_operation_name}
#define PEER_FUNCTIONS                                                         \
    {OSSL_FUNC_KEYMGMT_SET_PARAMS, (void (*)(void))peer_set_params},           \
        {OSSL_FUNC_KEYMGMT_SETTABLE_PARAMS,                                    \
         (void (*)(void))peer_settable_params}

static const OSSL_DISPATCH rsa_functions[] = {
    COMMON_FUNCTIONS,
    NO_IMPORT,
    RSA_FUNCTIONS,
    KEYGEN_FUNCTIONS,
    {OSSL_FUNC_KEYMGMT_LOAD, (void (*)(void))load_rsa},
    {OSSL_FUNC_KEYMGMT_GEN_INIT, (void (*)(void))prov_keygen_init_rsa},
    {0, NULL}};

/* No generation: a token does not note the restriction. */
static const OSSL_DISPATCH rsa_pss_functions[] = {
    COMMON_FUNCTIONS,
    NO_IMPORT,
    RSA_FUNCTIONS,
    {OSSL_FUNC_KEYMGMT_LOAD, (void (*)(void))load_rsa_pss},
    {0, NULL}};

static const OSSL_DISPATCH ec_functions[] = {
    COMMON_FUNCTIONS,
    PEER_FUNCTIONS,
    KEYGEN_FUNCTIONS,
    {OSSL_FUNC_KEYMGMT_LOAD, (void (*)(void))load_ec},
    {OSSL_FUNC_KEYMGMT_IMPORT, (void (*)(void))import_ec},
    {OSSL_FUNC_KEYMGMT_IMPORT_TYPES, (void (*)(void))ec_import_types},
    {OSSL_FUNC_KEYMGMT_EXPORT_TYPES, (void (*)(void))ec_export_types},
    {OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, (void (*)(void))ec_gettable_params},
    {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME,
     (void (*)(void))ec_operation_name},
    {OSSL_FUNC_KEYMGMT_GEN_INIT, (void (*)(void))prov_keygen_init_ec},
    {OSSL_FUNC_KEYMGMT_GEN_SET_TEMPLATE,
     (void (*)(void))prov_keygen_set_template},
    {0, NULL}};

static const OSSL_DISPATCH ed25519_functions[] = {
    COMMON_FUNCTIONS,
    NO_IMPORT,
    RAW_FUNCTIONS,
    KEYGEN_FUNCTIONS,
    {OSSL_FUNC_KEYMGMT_LOAD, (void (*)(void))load_ed25519},
    {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME,
     (void (*)(void))ed25519_operation_name},
    {OSSL_FUNC_KEYMGMT_GEN_INIT, (void (*)(void))prov_keygen_init_ed25519},
    {0, NULL}};

static const OSSL_DISPATCH ed448_functions[] = {
    COMMON_FUNCTIONS,
    NO_IMPORT,
    RAW_FUNCTIONS,
    KEYGEN_FUNCTIONS,
    {OSSL_FUNC_KEYMGMT_LOAD, (void (*)(void))load_ed448},
    {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME,
     (void (*)(void))ed448_operation_name},
    {OSSL_FUNC_KEYMGMT_GEN_INIT, (void (*)(void))prov_keygen_init_ed448},
    {0, NULL}};

static const OSSL_DISPATCH x25519_functions[] = {
    COMMON_FUNCTIONS,
    PEER_FUNCTIONS,
    RAW_FUNCTIONS,
    KEYGEN_FUNCTIONS,
    {OSSL_FUNC_KEYMGMT_LOAD, (void (*)(void))load_x25519},
    {OSSL_FUNC_KEYMGMT_IMPORT, (void (*)(void))import_x25519},
    {OSSL_FUNC_KEYMGMT_IMPORT_TYPES, (void (*)(void))raw_import_types},
    {OSSL_FUNC_KEYMGMT_GEN_INIT, (void (*)(void))prov_keygen_init_x25519},
    {0, NULL}};

static const OSSL_DISPATCH x448_functions[] = {
    COMMON_FUNCTIONS,
    PEER_FUNCTIONS,
    RAW_FUNCTIONS,
    KEYGEN_FUNCTIONS,
    {OSSL_FUNC_KEYMGMT_LOAD, (void (*)(void))load_x448},
    {OSSL_FUNC_KEYMGMT_IMPORT, (void (*)(void))import_x448},
    {OSSL_FUNC_KEYMGMT_IMPORT_TYPES, (void (*)(void))raw_import_types},
    {OSSL_FUNC_KEYMGMT_GEN_INIT, (void (*)(void))prov_keygen_init_x448},
    {0, NULL}};

const struct prov_algorithm prov_keymgmts[] = {
    {PROV_NAMES_RSA, "", rsa_functions, "RSA key on a card"},
    {PROV_NAMES_RSA_PSS, "", rsa_pss_functions, "RSA-PSS key on a card"},
    {PROV_NAMES_EC, "", ec_functions, "EC key on a card"},
    {PROV_NAMES_ED25519, "", ed25519_functions, "Ed25519 key on a card"},
    {PROV_NAMES_ED448, "", ed448_functions, "Ed448 key on a card"},
    {PROV_NAMES_X25519, "", x25519_functions, "X25519 key on a card"},
    {PROV_NAMES_X448, "", x448_functions, "X448 key on a card"},
    ML_KEYMGMTS
    {NULL, NULL, NULL, NULL}};
