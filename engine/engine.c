/*
 * The ENGINE face, for programs that still load keys with --engine: it opens
 * the URI through OSSL_STORE and hands out the provider's own key, so there is
 * one code path. It replaces no method and is never a default engine. Controls
 * have the names and numbers of libp11's engine: its callers need no change.
 */
#include "engine/engine.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

enum engine_command {
    ENGINE_MODULE_PATH = ENGINE_CMD_BASE + 1,
    ENGINE_PIN,
    ENGINE_VERBOSE,
    ENGINE_QUIET,
    ENGINE_LOAD_CERT,
    ENGINE_INIT_ARGS,
    ENGINE_USER_INTERFACE,
    ENGINE_CALLBACK_DATA,
    ENGINE_FORCE_LOGIN,
    ENGINE_RE_ENUMERATE,
    ENGINE_VLOG_A,
    ENGINE_DEBUG_LEVEL,
    ENGINE_KEYGEN
};

/* In ascending order of number, as ENGINE_ctrl demands. */
static const ENGINE_CMD_DEFN engine_commands[] = {
    {ENGINE_MODULE_PATH, "MODULE_PATH", "Absolute path of a PKCS#11 module",
     ENGINE_CMD_FLAG_STRING},
    {ENGINE_PIN, "PIN", "PIN for the keys loaded from now on",
     ENGINE_CMD_FLAG_STRING},
    {ENGINE_VERBOSE, "VERBOSE", "Log to stderr", ENGINE_CMD_FLAG_NO_INPUT},
    {ENGINE_QUIET, "QUIET", "Do not log", ENGINE_CMD_FLAG_NO_INPUT},
    {ENGINE_LOAD_CERT, "LOAD_CERT_CTRL", "Load a certificate by URI",
     ENGINE_CMD_FLAG_INTERNAL},
    {ENGINE_INIT_ARGS, "INIT_ARGS", "Argument for that module",
     ENGINE_CMD_FLAG_STRING},
    {ENGINE_USER_INTERFACE, "SET_USER_INTERFACE", "UI_METHOD to ask the PIN",
     ENGINE_CMD_FLAG_INTERNAL},
    {ENGINE_CALLBACK_DATA, "SET_CALLBACK_DATA", "User data of that UI_METHOD",
     ENGINE_CMD_FLAG_INTERNAL},
    {ENGINE_FORCE_LOGIN, "FORCE_LOGIN", "Log in before public objects too",
     ENGINE_CMD_FLAG_NO_INPUT},
    {ENGINE_RE_ENUMERATE, "RE_ENUMERATE", "Look at slots and tokens anew",
     ENGINE_CMD_FLAG_NO_INPUT},
    {ENGINE_VLOG_A, "VLOG_A", "Function that takes the log",
     ENGINE_CMD_FLAG_INTERNAL},
    {ENGINE_DEBUG_LEVEL, "DEBUG_LEVEL", "Log to stderr from 6 on (5)",
     ENGINE_CMD_FLAG_NUMERIC},
    {ENGINE_KEYGEN, "KEYGEN", "Make a key pair on a token",
     ENGINE_CMD_FLAG_INTERNAL},
    {0, NULL, NULL, 0}};

/* What LOAD_CERT_CTRL points at. */
struct cert_request {
    const char *id; /* URI */
    X509 *cert;     /* out: the caller's */
};

/* What VLOG_A points at. */
struct vlog_request {
    tessera_vlog_fn *vlog;
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

static EVP_PKEY *engine_private_key(ENGINE *e, const char *id, UI_METHOD *ui,
                                    void *ui_data)
{
    return engine_load_private(engine_get0_state(e), id, ui, ui_data);
}

static EVP_PKEY *engine_public_key(ENGINE *e, const char *id, UI_METHOD *ui,
                                   void *ui_data)
{
    return engine_load_public(engine_get0_state(e), id, ui, ui_data);
}

/* --- Controls ------------------------------------------------------------- */

static int answer_cert(struct engine_state *state, struct cert_request *request)
{
    if (request == NULL || request->cert != NULL) {
        ERR_raise(ERR_LIB_ENGINE, ERR_R_PASSED_INVALID_ARGUMENT);
        return 0;
    }
    request->cert = engine_load_cert(state, request->id);
    return request->cert != NULL;
}

struct secret *engine_pin(struct engine_state *state)
{
    struct secret *pin;

    lock_take(&state->lock);
    pin = secret_ref(state->pin);
    lock_release(&state->lock);
    return pin;
}

/* NULL or "" forgets the PIN. */
static int set_pin(struct engine_state *state, const char *pin)
{
    struct secret *fresh = NULL, *old;

    if (pin != NULL && pin[0] != '\0') {
        fresh = secret_new(bytes_from(pin, strlen(pin) + 1));
        if (fresh == NULL) {
            ERR_raise(ERR_LIB_ENGINE, ERR_R_MALLOC_FAILURE);
            return 0;
        }
    }
    lock_take(&state->lock);
    old = state->pin;
    state->pin = fresh;
    lock_release(&state->lock);
    secret_free(old);
    return 1;
}

/* NULL takes a setting back. */
static int set_text(struct engine_state *state, char **setting,
                    const char *text)
{
    char *fresh = NULL;

    if (text != NULL && (fresh = OPENSSL_strdup(text)) == NULL) {
        ERR_raise(ERR_LIB_ENGINE, ERR_R_MALLOC_FAILURE);
        return 0;
    }
    OPENSSL_free(*setting);
    *setting = fresh;
    engine_forget_provider(state);
    return 1;
}

static int set_level(struct engine_state *state, int level)
{
    bool change = (level >= ENGINE_LEVEL_INFO)
                  != (state->level >= ENGINE_LEVEL_INFO);

    state->level = level;
    if (change)
        engine_forget_provider(state);
    return 1;
}

static int set_vlog(struct engine_state *state,
                    const struct vlog_request *request)
{
    state->vlog = request == NULL ? NULL : request->vlog;
    engine_forget_provider(state);
    return 1;
}

static int force_login(struct engine_state *state)
{
    if (!state->force_login)
        engine_forget_provider(state);
    state->force_login = true;
    return 1;
}

static int engine_ctrl(ENGINE *e, int command, long number, void *pointer,
                       void (*function)(void))
{
    struct engine_state *state = engine_get0_state(e);

    (void)function;
    switch (command) {
    case ENGINE_MODULE_PATH:
        return set_text(state, &state->module, pointer);
    case ENGINE_INIT_ARGS:
        return set_text(state, &state->init_args, pointer);
    case ENGINE_PIN:
        return set_pin(state, pointer);
    case ENGINE_VERBOSE:
        return set_level(state, ENGINE_LEVEL_DEBUG);
    case ENGINE_QUIET:
        return set_level(state, 0);
    case ENGINE_DEBUG_LEVEL:
        return set_level(state, number < 0 ? 0 : (int)number);
    case ENGINE_VLOG_A:
        return set_vlog(state, pointer);
    case ENGINE_FORCE_LOGIN:
        return force_login(state);
    case ENGINE_RE_ENUMERATE:
        return 1; /* done: each load of a key looks at all slots anew */
    case ENGINE_LOAD_CERT:
        return answer_cert(state, pointer);
    case ENGINE_KEYGEN:
        return engine_keygen(state, pointer);
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

/* --- Life ----------------------------------------------------------------- */

/* Nothing to do: a card is reached when a key is used. */
static int engine_init(ENGINE *e)
{
    (void)e;
    return 1;
}

static void engine_state_free(struct engine_state *state)
{
    if (state == NULL)
        return;
    engine_forget_provider(state);
    secret_free(state->pin);
    OPENSSL_free(state->module);
    OPENSSL_free(state->init_args);
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
    if (state != NULL)
        state->level = ENGINE_LEVEL_NOTICE;
    return state;
}

static int engine_bind(ENGINE *e, const char *wanted)
{
    const char *id = engine_id(wanted);
    struct engine_state *state;

    if (id == NULL)
        return 0;
    if (!CRYPTO_THREAD_run_once(&state_once, engine_reserve_state)
        || state_index < 0)
        return 0;
    state = engine_state_new();
    if (state == NULL || !ENGINE_set_ex_data(e, state_index, state)) {
        engine_state_free(state);
        return 0;
    }
    return ENGINE_set_id(e, id)
           && ENGINE_set_name(e, "tessera: keys that never leave the card")
           && ENGINE_set_init_function(e, engine_init)
           && ENGINE_set_destroy_function(e, engine_destroy)
           && ENGINE_set_ctrl_function(e, engine_ctrl)
           && ENGINE_set_cmd_defns(e, engine_commands)
           && ENGINE_set_load_privkey_function(e, engine_private_key)
           && ENGINE_set_load_pubkey_function(e, engine_public_key)
           && ENGINE_set_flags(e, ENGINE_FLAGS_NO_REGISTER_ALL);
}

/* The header's macros write the two functions that libcrypto looks up. */
#pragma GCC visibility push(default)
IMPLEMENT_DYNAMIC_BIND_FN(engine_bind)
IMPLEMENT_DYNAMIC_CHECK_FN()
#pragma GCC visibility pop
