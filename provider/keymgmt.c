/*
 * RSA keys on cards as OpenSSL sees them. The public half is a stock key, to
 * which parameters, export and comparison are passed on. Nothing is imported:
 * a software key that libcrypto offers us must stay where it is.
 */
#include "provider/provider.h"

#include <stdio.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

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

int prov_key_new(struct prov_ctx *ctx, struct card_key *card, bool private,
                 struct prov_key **out)
{
    struct prov_key *key;
    EVP_PKEY *public;
    int rc;

    if (card_key_info(card)->type != CARD_KEY_RSA)
        return card_fail(CARD_E_UNSUPPORTED, "%s is not an RSA key",
                         card_key_name(card));
    if ((rc = software_public_key(ctx, card_key_cert(card), &public)) < 0)
        return card_fail_in(rc, "%s", card_key_name(card));
    if ((key = make_key(ctx)) == NULL) {
        EVP_PKEY_free(public);
        return card_fail(CARD_E_MEMORY, "out of memory");
    }
    key->card = card_key_ref(card);
    key->public = public;
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
    EVP_PKEY_free(key->public);
    card_key_free(key->card);
    OPENSSL_free(key);
}

size_t prov_key_size(const struct prov_key *key)
{
    return (size_t)EVP_PKEY_get_size(key->public);
}

bool prov_key_hides_size(const struct prov_key *key)
{
    return key->private && key->prov->config.hide_size
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

static OSSL_FUNC_keymgmt_new_fn key_new;
static OSSL_FUNC_keymgmt_free_fn key_free;
static OSSL_FUNC_keymgmt_load_fn key_load;
static OSSL_FUNC_keymgmt_dup_fn key_dup;
static OSSL_FUNC_keymgmt_has_fn key_has;
static OSSL_FUNC_keymgmt_match_fn key_match;
static OSSL_FUNC_keymgmt_import_fn key_import;
static OSSL_FUNC_keymgmt_import_types_fn key_import_types;
static OSSL_FUNC_keymgmt_export_fn key_export;
static OSSL_FUNC_keymgmt_export_types_fn key_export_types;
static OSSL_FUNC_keymgmt_gettable_params_fn key_gettable_params;
static OSSL_FUNC_keymgmt_get_params_fn key_get_params;
static OSSL_FUNC_keymgmt_query_operation_name_fn key_query_operation_name;

/*
 * libcrypto makes an empty key before it tries an import, and then drops it
 * without an error; with no such function it would leave one behind.
 */
static void *key_new(void *provctx)
{
    return make_key(provctx);
}

static void key_free(void *key)
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

static void *key_load(const void *reference, size_t size)
{
    struct prov_reference ref;

    if (reference == NULL || size != sizeof(ref))
        return NULL;
    memcpy(&ref, reference, sizeof(ref));
    if (ref.magic != prov_reference_magic)
        return NULL;
    if (prov_key_hides_size(ref.key))
        log_hidden_size(ref.key);
    return prov_key_ref(ref.key);
}

static void *key_dup(const void *from, int selection)
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
    copy->card = card_key_ref(key->card);
    copy->private =
        key->private && (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0;
    return copy;
}

static int key_has(const void *keydata, int selection)
{
    const struct prov_key *key = keydata;

    if (key == NULL || key->public == NULL)
        return 0;
    return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 || key->private;
}

/* The public half tells keys apart, whatever is asked to be compared. */
static int key_match(const void *keydata1, const void *keydata2, int selection)
{
    const struct prov_key *a = keydata1, *b = keydata2;

    (void)selection;
    if (a->public == NULL || b->public == NULL)
        return a->public == b->public;
    return EVP_PKEY_eq(a->public, b->public) == 1;
}

/*
 * All there is of a public key object; of a private key nothing when its
 * private half is asked for as well: libcrypto would go on with the rest as if
 * it were the key.
 */
static int key_export(void *keydata, int selection, OSSL_CALLBACK *cb,
                      void *arg)
{
    const struct prov_key *key = keydata;

    if (key == NULL || key->public == NULL)
        return 0;
    if (key->private && (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0)
        return 0;
    selection &= ~OSSL_KEYMGMT_SELECT_PRIVATE_KEY;
    return EVP_PKEY_export(key->public, selection, cb, arg);
}

/* Refused, but there: libcrypto exports its oldest keys without a look. */
static int key_import(void *keydata, int selection, const OSSL_PARAM params[])
{
    (void)keydata;
    (void)selection;
    (void)params;
    return 0;
}

static const OSSL_PARAM *key_import_types(int selection)
{
    (void)selection;
    return NULL;
}

static const OSSL_PARAM *key_export_types(int selection)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0), OSSL_PARAM_END};

    return (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0 ? types : NULL;
}

static const OSSL_PARAM *key_gettable_params(void *provctx)
{
    static const OSSL_PARAM gettable[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0), OSSL_PARAM_END};

    (void)provctx;
    return gettable;
}

static int key_get_params(void *keydata, OSSL_PARAM params[])
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

static const char *key_query_operation_name(int operation)
{
    (void)operation;
    return "RSA";
}

const OSSL_DISPATCH prov_keymgmt_functions[] = {
    {OSSL_FUNC_KEYMGMT_NEW, (void (*)(void))key_new},
    {OSSL_FUNC_KEYMGMT_FREE, (void (*)(void))key_free},
    {OSSL_FUNC_KEYMGMT_LOAD, (void (*)(void))key_load},
    {OSSL_FUNC_KEYMGMT_DUP, (void (*)(void))key_dup},
    {OSSL_FUNC_KEYMGMT_HAS, (void (*)(void))key_has},
    {OSSL_FUNC_KEYMGMT_MATCH, (void (*)(void))key_match},
    {OSSL_FUNC_KEYMGMT_IMPORT, (void (*)(void))key_import},
    {OSSL_FUNC_KEYMGMT_IMPORT_TYPES, (void (*)(void))key_import_types},
    {OSSL_FUNC_KEYMGMT_EXPORT, (void (*)(void))key_export},
    {OSSL_FUNC_KEYMGMT_EXPORT_TYPES, (void (*)(void))key_export_types},
    {OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, (void (*)(void))key_gettable_params},
    {OSSL_FUNC_KEYMGMT_GET_PARAMS, (void (*)(void))key_get_params},
    {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME,
     (void (*)(void))key_query_operation_name},
    {0, NULL}};
