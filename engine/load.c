/*
 * Loading keys and certificates through OSSL_STORE, from the provider that
 * serves the engine: the one that the configuration activates, or an instance
 * of our own with the settings of the engine's controls.
 */
#include "engine/engine.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/store.h>

#include "card/uri.h"
#include "engine/legacy.h"

#define OWN_NAME "tessera-engine-"

/* --- What the engine does ------------------------------------------------- */

static void engine_log(const struct engine_state *state, const char *format,
                       ...) __attribute__((format(printf, 2, 3)));

static void engine_log(const struct engine_state *state, const char *format,
                       ...)
{
    va_list args;

    va_start(args, format);
    if (state->vlog != NULL)
        state->vlog(ENGINE_LEVEL_INFO, format, args);
    else if (state->level >= ENGINE_LEVEL_INFO)
        vfprintf(stderr, format, args);
    va_end(args);
}

/* --- The provider --------------------------------------------------------- */

/*
 * Write the property query of a provider that is ours, and not the own instance
 * of an engine; 0 ends the search.
 */
static int recognise(OSSL_PROVIDER *provider, void *query)
{
    const char *name = OSSL_PROVIDER_get0_name(provider);
    char *words = NULL;
    OSSL_PARAM params[] = {OSSL_PARAM_END, OSSL_PARAM_END};
    int len;

    params[0] = OSSL_PARAM_construct_utf8_ptr(OSSL_PROV_PARAM_NAME, &words, 0);
    if (strncmp(name, OWN_NAME, sizeof(OWN_NAME) - 1) == 0
        || !OSSL_PROVIDER_get_params(provider, params) || words == NULL
        || strncmp(words, "tessera: ", 9) != 0)
        return 1;
    len = snprintf(query, ENGINE_MAX_QUERY, "provider=%s", name);
    return len >= ENGINE_MAX_QUERY;
}

static OSSL_PARAM text_param(const char *key, const char *value)
{
    /* The cast: OSSL_PARAM knows no const. */
    return OSSL_PARAM_construct_utf8_string(key, (char *)(uintptr_t)value, 0);
}

/* What the controls set, as keys of a provider's section. */
static bool configure(const struct engine_state *state, OSSL_PROVIDER *provider)
{
    OSSL_PARAM settings[5];
    size_t n = 0;

    if (state->module != NULL)
        settings[n++] = text_param("pkcs11-module-path", state->module);
    if (state->init_args != NULL)
        settings[n++] = text_param("pkcs11-module-init-args",
                                   state->init_args);
    if (state->force_login)
        settings[n++] = text_param("force_login", "yes");
    if (state->level >= ENGINE_LEVEL_INFO && state->vlog == NULL)
        settings[n++] = text_param("log", "stderr");
    settings[n] = OSSL_PARAM_construct_end();
    return tessera_provider_set(OSSL_PROVIDER_get0_provider_ctx(provider),
                                settings, state->vlog);
}

/*
 * A name for each instance: libcrypto would give back the first one of that
 * name, with its settings, even after it was unloaded.
 */
static OSSL_PROVIDER *load_own(const struct engine_state *state)
{
    static atomic_uint count;
    OSSL_PROVIDER *provider;
    char name[sizeof(OWN_NAME) + 10];

    snprintf(name, sizeof(name), OWN_NAME "%u",
             atomic_fetch_add(&count, 1) + 1);
    if (!OSSL_PROVIDER_add_builtin(NULL, name, tessera_provider_init)
        || (provider = OSSL_PROVIDER_try_load(NULL, name, 1)) == NULL)
        return NULL;
    if (!configure(state, provider)) {
        OSSL_PROVIDER_unload(provider);
        return NULL;
    }
    return provider;
}

/* What has no meaning for a provider that is configured already is no help. */
static bool can_use_configured(const struct engine_state *state,
                               const char *query)
{
    if (!state->force_login && state->init_args == NULL)
        return true;
    ERR_raise_data(ERR_LIB_ENGINE, ERR_R_OPERATION_FAIL, "%s without "
                   "MODULE_PATH, and the configuration has %s: set it there",
                   state->force_login ? "FORCE_LOGIN" : "INIT_ARGS", query);
    return false;
}

/*
 * Not done before the first key is loaded: the configuration may name the
 * provider after the engine.
 */
static bool find_provider(struct engine_state *state,
                          char query[ENGINE_MAX_QUERY])
{
    query[0] = '\0'; /* stays so if libcrypto fails */
    if (state->provider == NULL && state->module == NULL
        && OSSL_PROVIDER_do_all(NULL, recognise, query) == 0
        && query[0] != '\0')
        return can_use_configured(state, query);
    if (state->provider == NULL)
        state->provider = load_own(state);
    if (state->provider == NULL)
        return false;
    snprintf(query, ENGINE_MAX_QUERY, "provider=%s",
             OSSL_PROVIDER_get0_name(state->provider));
    return true;
}

bool engine_find_provider(struct engine_state *state,
                          char query[ENGINE_MAX_QUERY])
{
    bool found;

    lock_take(&state->lock);
    found = find_provider(state, query);
    lock_release(&state->lock);
    return found;
}

/* Keys that are still in use hold the provider themselves. */
void engine_forget_provider(struct engine_state *state)
{
    lock_take(&state->lock);
    if (state->provider != NULL)
        OSSL_PROVIDER_unload(state->provider);
    state->provider = NULL;
    lock_release(&state->lock);
}

/* --- Objects -------------------------------------------------------------- */

static OSSL_STORE_CTX *engine_open(struct engine_state *state, const char *id,
                                   int expect, UI_METHOD *ui, void *ui_data)
{
    OSSL_PARAM params[2] = {OSSL_PARAM_END, OSSL_PARAM_END};
    char query[ENGINE_MAX_QUERY], uri[CARD_URI_MAX], shown[256];
    OSSL_STORE_CTX *store;
    struct secret *pin;

    if (!engine_find_provider(state, query))
        return NULL;
    if (id == NULL)
        id = "";
    if (legacy_to_uri(id, uri, sizeof(uri)))
        id = uri;
    engine_log(state, "tessera engine: %s by %s\n",
               card_uri_redact(id, shown, sizeof(shown)), query);
    if (ui == NULL) {
        ui = state->ui;
        ui_data = state->ui_data;
    }
    if ((pin = engine_pin(state)) != NULL)
        params[0] = text_param("tessera-pin",
                               (const char *)secret_view(pin).data);
    /* Mandatory: else a file named like the URI would be read instead. */
    store = OSSL_STORE_open_ex(id, NULL, query, ui, ui_data, params, NULL,
                               NULL);
    secret_free(pin);
    if (store != NULL && !OSSL_STORE_expect(store, expect)) {
        OSSL_STORE_close(store);
        return NULL;
    }
    return store;
}

/* The first object of the expected type; the caller's. */
static OSSL_STORE_INFO *engine_load(struct engine_state *state, const char *id,
                                    int expect, UI_METHOD *ui, void *ui_data)
{
    OSSL_STORE_CTX *store = engine_open(state, id, expect, ui, ui_data);
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

EVP_PKEY *engine_load_private(struct engine_state *state, const char *id,
                              UI_METHOD *ui, void *ui_data)
{
    OSSL_STORE_INFO *info = engine_load(state, id, OSSL_STORE_INFO_PKEY, ui,
                                        ui_data);
    EVP_PKEY *key = info == NULL ? NULL : OSSL_STORE_INFO_get1_PKEY(info);

    OSSL_STORE_INFO_free(info);
    return key;
}

EVP_PKEY *engine_load_public(struct engine_state *state, const char *id,
                             UI_METHOD *ui, void *ui_data)
{
    OSSL_STORE_INFO *info = engine_load(state, id, OSSL_STORE_INFO_PUBKEY, ui,
                                        ui_data);
    EVP_PKEY *key = info == NULL ? NULL : OSSL_STORE_INFO_get1_PUBKEY(info);

    OSSL_STORE_INFO_free(info);
    return key;
}

/*
 * A certificate from the store remembers our property query, and its public
 * key would then be looked for in our provider only: encode and parse it anew.
 */
static X509 *plain_cert(X509 *stored)
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

X509 *engine_load_cert(struct engine_state *state, const char *id)
{
    OSSL_STORE_INFO *info = engine_load(state, id, OSSL_STORE_INFO_CERT, NULL,
                                        NULL);
    X509 *cert =
        info == NULL ? NULL : plain_cert(OSSL_STORE_INFO_get0_CERT(info));

    OSSL_STORE_INFO_free(info);
    return cert;
}
