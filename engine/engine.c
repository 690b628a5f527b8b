/*
 * The ENGINE face, for programs that still load keys with --engine: it opens
 * the URI through OSSL_STORE and hands out the provider's own key, so there is
 * one code path. It replaces no method and is never a default engine.
 */
#include <stdio.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <openssl/x509.h>

#include "card/base/bytes.h"
#include "card/base/lock.h"
#include "card/base/secret.h"

#define PROVIDER "tessera"

enum { ENGINE_MAX_QUERY = 128 };

/* provider/provider.c, linked in: the engine works with no provider set up. */
OSSL_provider_init_fn tessera_provider_init;

/* Names and numbers of the PKCS#11 engine: its callers need no change. */
enum engine_command {
    ENGINE_PIN = ENGINE_CMD_BASE + 2,
    ENGINE_LOAD_CERT = ENGINE_CMD_BASE + 5,
    ENGINE_USER_INTERFACE = ENGINE_CMD_BASE + 7,
    ENGINE_CALLBACK_DATA = ENGINE_CMD_BASE + 8
};

/* In ascending order of number, as ENGINE_ctrl demands. */
static const ENGINE_CMD_DEFN engine_commands[] = {
    {ENGINE_PIN, "PIN", "PIN for the keys loaded from now on",
     ENGINE_CMD_FLAG_STRING},
    {ENGINE_LOAD_CERT, "LOAD_CERT_CTRL", "Load a certificate by URI",
     ENGINE_CMD_FLAG_INTERNAL},
    {ENGINE_USER_INTERFACE, "SET_USER_INTERFACE", "UI_METHOD to ask the PIN",
     ENGINE_CMD_FLAG_INTERNAL},
    {ENGINE_CALLBACK_DATA, "SET_CALLBACK_DATA", "User data of that UI_METHOD",
     ENGINE_CMD_FLAG_INTERNAL},
    {0, NULL, NULL, 0}};

/* What LOAD_CERT_CTRL points at. */
struct engine_load_cert {
    const char *id; /* URI */
    X509 *cert;     /* out: the caller's */
};

struct engine_state {
    struct secret *pin;      /* with its NUL, or NULL */
    UI_METHOD *ui;
    void *ui_data;
    struct lock lock;        /* guards provider */
    OSSL_PROVIDER *provider; /* the built-in, or NULL: the configuration's */
};

/* libcrypto has no other place for data of an engine than a numbered slot. */
static CRYPTO_ONCE state_once = CRYPTO_ONCE_STATIC_INIT;
static int state_index = -1;

static void engine_reserve_state(void)
{
    state_index = ENGINE_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

static struct engine_state *engine_get0_state(const ENGINE *e)
{
    return ENGINE_get_ex_data(e, state_index);
}

/* Write the property query of a provider that is ours; 0 ends the search. */
static int engine_recognise(OSSL_PROVIDER *provider, void *query)
{
    char *words = NULL;
    OSSL_PARAM params[] = {OSSL_PARAM_END, OSSL_PARAM_END};
    int len;

    params[0] = OSSL_PARAM_construct_utf8_ptr(OSSL_PROV_PARAM_NAME, &words, 0);
    if (!OSSL_PROVIDER_get_params(provider, params) || words == NULL
        || strncmp(words, "tessera: ", 9) != 0)
        return 1;
    len = snprintf(query, ENGINE_MAX_QUERY, "provider=%s",
                   OSSL_PROVIDER_get0_name(provider));
    return len >= ENGINE_MAX_QUERY;
}

/*
 * The query for the provider that is active, under the name the configuration
 * gave it, or else for the built-in. Not done before the first key is loaded:
 * the configuration may name the provider after the engine.
 */
static bool engine_find_provider(struct engine_state *state,
                                 char query[ENGINE_MAX_QUERY])
{
    bool found;

    lock_take(&state->lock);
    query[0] = '\0'; /* stays so if libcrypto fails */
    found = OSSL_PROVIDER_do_all(NULL, engine_recognise, query) == 0
            && query[0] != '\0';
    if (!found
        && OSSL_PROVIDER_add_builtin(NULL, PROVIDER, tessera_provider_init)) {
        state->provider = OSSL_PROVIDER_try_load(NULL, PROVIDER, 1);
        found = state->provider != NULL
                && engine_recognise(state->provider, query) == 0;
    }
    lock_release(&state->lock);
    return found;
}

static OSSL_STORE_CTX *engine_open(struct engine_state *state,
                                   const char *uri, int expect, UI_METHOD *ui,
                                   void *ui_data)
{
    struct bytes pin = secret_view(state->pin);
    OSSL_PARAM params[2] = {OSSL_PARAM_END, OSSL_PARAM_END};
    char query[ENGINE_MAX_QUERY];
    OSSL_STORE_CTX *store;

    if (!engine_find_provider(state, query))
        return NULL;
    if (ui == NULL) {
        ui = state->ui;
        ui_data = state->ui_data;
    }
    if (pin.len > 0) /* the cast: OSSL_PARAM knows no const */
        params[0] = OSSL_PARAM_construct_utf8_string(
            "tessera-pin", (char *)(uintptr_t)pin.data, pin.len - 1);
    /* Mandatory: else a file named like the URI would be read instead. */
    store = OSSL_STORE_open_ex(uri, NULL, query, ui, ui_data, params, NULL,
                               NULL);
    if (store != NULL && !OSSL_STORE_expect(store, expect)) {
        OSSL_STORE_close(store);
        return NULL;
    }
    return store;
}

/* The first object of the expected type; the caller's. */
static OSSL_STORE_INFO *engine_load(struct engine_state *state,
                                    const char *uri, int expect, UI_METHOD *ui,
                                    void *ui_data)
{
    OSSL_STORE_CTX *store = engine_open(state, uri, expect, ui, ui_data);
    OSSL_STORE_INFO *info = NULL;

    if (store == NULL)
        return NULL;
    while (info == NULL && !OSSL_STORE_eof(store)) {
        info = OSSL_STORE_load(store);
        if (info != NULL && OSSL_STORE_INFO_get_type(info) != expect) {
            OSSL_STORE_INFO_free(info);
            info = NULL;
        }
    }
    OSSL_STORE_close(store);
    return info;
}

static EVP_PKEY *engine_load_private_key(ENGINE *e, const char *uri,
                                         UI_METHOD *ui, void *ui_data)
{
    OSSL_STORE_INFO *info = engine_load(engine_get0_state(e), uri,
                                        OSSL_STORE_INFO_PKEY, ui, ui_data);
    EVP_PKEY *key = info == NULL ? NULL : OSSL_STORE_INFO_get1_PKEY(info);

    OSSL_STORE_INFO_free(info);
    return key;
}

static EVP_PKEY *engine_load_public_key(ENGINE *e, const char *uri,
                                        UI_METHOD *ui, void *ui_data)
{
    OSSL_STORE_INFO *info = engine_load(engine_get0_state(e), uri,
                                        OSSL_STORE_INFO_PUBKEY, ui, ui_data);
    EVP_PKEY *key = info == NULL ? NULL : OSSL_STORE_INFO_get1_PUBKEY(info);

    OSSL_STORE_INFO_free(info);
    return key;
}

/*
 * A certificate from the store remembers our property query, and its public
 * key would then be looked for in our provider only: encode and parse it anew.
 */
static X509 *engine_plain_cert(X509 *stored)
{
    unsigned char *der = NULL;
    const unsigned char *cursor;
    int len = i2d_X509(stored, &der);
    X509 *cert = NULL;

    if (len > 0) {
        cursor = der;
        cert = d2i_X509(NULL, &cursor, len);
    }
    OPENSSL_free(der);
    return cert;
}

static int engine_load_cert(struct engine_state *state,
                            struct engine_load_cert *request)
{
    OSSL_STORE_INFO *info;

    if (request == NULL || request->id == NULL || request->cert != NULL) {
        ERR_raise(ERR_LIB_ENGINE, ERR_R_PASSED_INVALID_ARGUMENT);
        return 0;
    }
    info = engine_load(state, request->id, OSSL_STORE_INFO_CERT, NULL, NULL);
    if (info == NULL)
        return 0;
    request->cert = engine_plain_cert(OSSL_STORE_INFO_get0_CERT(info));
    OSSL_STORE_INFO_free(info);
    return request->cert != NULL;
}

/* NULL or "" forgets the PIN. */
static int engine_set_pin(struct engine_state *state, const char *pin)
{
    struct secret *fresh = NULL;

    if (pin != NULL && pin[0] != '\0') {
        fresh = secret_new(bytes_from(pin, strlen(pin) + 1));
        if (fresh == NULL) {
            ERR_raise(ERR_LIB_ENGINE, ERR_R_MALLOC_FAILURE);
            return 0;
        }
    }
    secret_free(state->pin);
    state->pin = fresh;
    return 1;
}

static int engine_ctrl(ENGINE *e, int command, long number, void *pointer,
                       void (*function)(void))
{
    struct engine_state *state = engine_get0_state(e);

    (void)number;
    (void)function;
    switch (command) {
    case ENGINE_PIN:
        return engine_set_pin(state, pointer);
    case ENGINE_LOAD_CERT:
        return engine_load_cert(state, pointer);
    case ENGINE_CTRL_SET_USER_INTERFACE:
    case ENGINE_USER_INTERFACE:
        state->ui = pointer;
        return 1;
    case ENGINE_CTRL_SET_CALLBACK_DATA:
    case ENGINE_CALLBACK_DATA:
        state->ui_data = pointer;
        return 1;
    default:
        ERR_raise(ERR_LIB_ENGINE, ENGINE_R_CTRL_COMMAND_NOT_IMPLEMENTED);
        return 0;
    }
}

/* Nothing to do: a card is reached when a key is used. */
static int engine_init(ENGINE *e)
{
    (void)e;
    return 1;
}

/* Keys that are still in use hold the provider themselves. */
static void engine_state_free(struct engine_state *state)
{
    if (state == NULL)
        return;
    if (state->provider != NULL)
        OSSL_PROVIDER_unload(state->provider);
    secret_free(state->pin);
    lock_destroy(&state->lock);
    OPENSSL_free(state);
}

static int engine_destroy(ENGINE *e)
{
    engine_state_free(engine_get0_state(e));
    return ENGINE_set_ex_data(e, state_index, NULL);
}

static struct engine_state *engine_state_new(void)
{
    struct engine_state *state = OPENSSL_zalloc(sizeof(*state));

    if (state != NULL && lock_init(&state->lock) < 0) {
        OPENSSL_free(state);
        return NULL;
    }
    return state;
}

static int engine_bind(ENGINE *e, const char *id)
{
    struct engine_state *state;
    const char *name = "tessera";

    if (id != NULL && strcmp(id, "pkcs11") == 0)
        name = "pkcs11";
    else if (id != NULL && strcmp(id, name) != 0)
        return 0;
    if (!CRYPTO_THREAD_run_once(&state_once, engine_reserve_state)
        || state_index < 0)
        return 0;
    state = engine_state_new();
    if (state == NULL || !ENGINE_set_ex_data(e, state_index, state)) {
        engine_state_free(state);
        return 0;
    }
    return ENGINE_set_id(e, name)
           && ENGINE_set_name(e, "tessera: keys that never leave the card")
           && ENGINE_set_init_function(e, engine_init)
           && ENGINE_set_destroy_function(e, engine_destroy)
           && ENGINE_set_ctrl_function(e, engine_ctrl)
           && ENGINE_set_cmd_defns(e, engine_commands)
           && ENGINE_set_load_privkey_function(e, engine_load_private_key)
           && ENGINE_set_load_pubkey_function(e, engine_load_public_key)
           && ENGINE_set_flags(e, ENGINE_FLAGS_NO_REGISTER_ALL);
}

/* The header's macros write the two functions that libcrypto looks up. */
#pragma GCC visibility push(default)
IMPLEMENT_DYNAMIC_BIND_FN(engine_bind)
IMPLEMENT_DYNAMIC_CHECK_FN()
#pragma GCC visibility pop
