/*
 * The OpenSSL 3 provider: what it offers, its life, and the one crossing from
 * the card layer's errors to OpenSSL's. Activation costs nothing: no
 * configuration, reader or library context is touched before a key is wanted.
 */
#include "provider/provider.h"

#include <assert.h>
#include <stdarg.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include "card/base/cache.h"
#include "provider/ml.h"

void *prov_unconst(const void *data)
{
    return (void *)(uintptr_t)data;
}

static unsigned reason_of(int rc)
{
    switch (rc) {
    case CARD_E_MEMORY:
        return ERR_R_MALLOC_FAILURE;
    case CARD_E_UNSUPPORTED:
        return ERR_R_UNSUPPORTED;
    case CARD_E_CANCELLED:
        return ERR_R_INTERRUPTED_OR_CANCELLED;
    default:
        return (unsigned)-rc;
    }
}

int prov_refuse(const struct prov_ctx *ctx, int code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    ctx->core.new_error(ctx->handle);
    ctx->core.vset_error(ctx->handle, reason_of(code), format, args);
    va_end(args);
    return 0;
}

int prov_result(const struct prov_ctx *ctx, int rc)
{
    const struct card_error_name *name;
    const char *sentence = card_error_sentence();

    if (rc >= 0)
        return 1;
    name = card_error_name(rc);
    if (sentence[0] == '\0')
        sentence = name->words;
    /*
     * libcrypto drops the errors of keys in files that it reads by itself.
     * Before there are cards another thread may be writing to the config.
     */
    if (atomic_load(&ctx->cards) != NULL)
        config_log(prov_unconst(&ctx->config), sentence);
    return prov_refuse(ctx, rc, "%s%s%s", sentence,
                       name->remedy[0] != '\0' ? "; " : "", name->remedy);
}

void prov_outlive_cleanup(const struct prov_ctx *ctx)
{
    if (OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) != 1
        && ctx->core.up_ref != NULL)
        ctx->core.up_ref(ctx->handle, 0);
}

void prov_enter(const struct prov_ctx *ctx)
{
    ctx->core.set_error_mark(ctx->handle);
}

void prov_leave(const struct prov_ctx *ctx)
{
    ctx->core.pop_error_to_mark(ctx->handle);
}

OSSL_LIB_CTX *prov_libctx(struct prov_ctx *ctx)
{
    OSSL_LIB_CTX *libctx;

    /* In a forked child the parent's may be locked by threads not here. */
    if (lock_take(&ctx->lock) || ctx->libctx == NULL)
        ctx->libctx = OSSL_LIB_CTX_new_from_dispatch(ctx->handle,
                                                     ctx->core_functions);
    libctx = ctx->libctx;
    lock_release(&ctx->lock);
    return libctx;
}

/*
 * A module may hash with the program's libcrypto. SoftHSM, where that has no
 * hash, says of the right PIN that it is wrong: a try would be spent.
 */
static int check_default_provider(const struct prov_ctx *ctx)
{
    EVP_MD *md;

    ctx->core.set_error_mark(ctx->handle);
    md = EVP_MD_fetch(NULL, "SHA256", NULL);
    ctx->core.pop_error_to_mark(ctx->handle);
    EVP_MD_free(md);
    return md != NULL ? 0
                      : card_fail(CARD_E_CONFIG, "OpenSSL has no SHA-256 here, "
                                  "and PKCS#11 modules may need it: activate "
                                  "the default provider as well");
}

static int make_cards(struct prov_ctx *ctx, struct card_context **out)
{
    const struct prov_config *config = &ctx->config;
    char folder[PATH_MAX];
    struct card_settings settings = {
        .ask_pin = prompt_ask_pin,
        .ask_arg = &ctx->config,
        .pin = config->pin,
        .trace = config->trace,
        .pin_for_signature = config->pin_for_signature,
        .pin_not_last = config->pin_not_last,
        .modules = config->modules,
        .module_count = config->module_count,
        .check_tokens = config->check_tokens,
        .login_always = config->login_always,
        .no_keypad = config->no_keypad,
    };

    if (config_has_log(config)) {
        settings.log = config_log;
        settings.log_arg = &ctx->config;
    }
    if (config->cache && cache_folder(folder, sizeof(folder)))
        settings.cache = folder;
    return card_context_new(&settings, out);
}

static int open_cards(struct prov_ctx *ctx)
{
    struct prov_config config;
    struct card_context *cards;
    int rc;

    if ((rc = config_read(ctx, &config)) < 0)
        return rc;
    if (config.module_count > 0 && (rc = check_default_provider(ctx)) < 0) {
        config_clear(&config);
        return rc;
    }
    ctx->config = config;
    if ((rc = make_cards(ctx, &cards)) < 0)
        config_clear(&ctx->config);
    else
        atomic_store(&ctx->cards, cards);
    return rc;
}

bool prov_name_is_safe(const struct prov_ctx *ctx)
{
    return strcmp(ctx->name, "default") > 0;
}

int prov_cards(struct prov_ctx *ctx, struct card_context **out)
{
    int rc = 0;

    /* First, because its lock is the same. */
    if (prov_libctx(ctx) == NULL)
        return card_fail(CARD_E_MEMORY, "no library context");
    lock_take(&ctx->lock);
    if (ctx->cards == NULL)
        rc = open_cards(ctx);
    *out = ctx->cards;
    lock_release(&ctx->lock);
    return rc;
}

static OSSL_FUNC_provider_teardown_fn prov_teardown;
static OSSL_FUNC_provider_gettable_params_fn prov_gettable_params;
static OSSL_FUNC_provider_get_params_fn prov_get_params;
static OSSL_FUNC_provider_query_operation_fn prov_query_operation;
static OSSL_FUNC_provider_get_reason_strings_fn prov_get_reason_strings;

static void prov_teardown(void *provctx)
{
    struct prov_ctx *ctx = provctx;

    card_context_free(ctx->cards);
    config_clear(&ctx->config);
    software_forget_digests(ctx);
    OSSL_LIB_CTX_free(ctx->libctx);
    lock_destroy(&ctx->lock);
    OPENSSL_free(ctx->tables.rows);
    OPENSSL_free(ctx->tables.properties);
    OPENSSL_free(ctx->core_functions);
    OSSL_PARAM_free(ctx->settings);
    OPENSSL_free(ctx->name);
    OPENSSL_free(ctx);
}

static const OSSL_PARAM *prov_gettable_params(void *provctx)
{
    static const OSSL_PARAM gettable[] = {
        OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_NAME, NULL, 0),
        OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_VERSION, NULL, 0),
        OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_BUILDINFO, NULL, 0),
        OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, NULL), OSSL_PARAM_END};

    (void)provctx;
    return gettable;
}

static int prov_get_params(void *provctx, OSSL_PARAM params[])
{
    static const char *const texts[][2] = {
        {OSSL_PROV_PARAM_NAME, "tessera: keys that never leave the card"},
        {OSSL_PROV_PARAM_VERSION, PROV_VERSION},
        {OSSL_PROV_PARAM_BUILDINFO, PROV_VERSION}};
    OSSL_PARAM *p;

    (void)provctx;
    for (size_t i = 0; i < nitems(texts); i++) {
        p = OSSL_PARAM_locate(params, texts[i][0]);
        if (p != NULL && !OSSL_PARAM_set_utf8_ptr(p, texts[i][1]))
            return 0;
    }
    p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS);
    return p == NULL || OSSL_PARAM_set_int(p, 1);
}

static const struct {
    int operation;
    const struct prov_algorithm *algorithms;
} offers[] = {{OSSL_OP_STORE, prov_stores},
              {OSSL_OP_KEYMGMT, prov_keymgmts},
              {OSSL_OP_SIGNATURE, prov_signatures},
              {OSSL_OP_ASYM_CIPHER, prov_ciphers},
              {OSSL_OP_KEYEXCH, prov_exchanges},
              ML_OPERATIONS
              {OSSL_OP_ENCODER, prov_encoders},
              {OSSL_OP_DECODER, prov_decoders}};

static_assert(nitems(offers) <= PROV_OPERATIONS, "a table per operation");

static const OSSL_ALGORITHM *prov_query_operation(void *provctx, int operation,
                                                  int *no_cache)
{
    const struct prov_ctx *ctx = provctx;

    *no_cache = 0;
    if (operation != OSSL_OP_STORE && !prov_name_is_safe(ctx))
        return NULL;
    for (size_t i = 0; i < nitems(offers); i++)
        if (offers[i].operation == operation
            && (ctx->blocked & UINT32_C(1) << operation) == 0)
            return ctx->tables.start[i];
    return NULL;
}

static const OSSL_ITEM *prov_get_reason_strings(void *provctx)
{
    const struct prov_ctx *ctx = provctx;

    return ctx->tables.errors;
}

static const OSSL_DISPATCH prov_functions[] = {
    {OSSL_FUNC_PROVIDER_TEARDOWN, (void (*)(void))prov_teardown},
    {OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, (void (*)(void))prov_gettable_params},
    {OSSL_FUNC_PROVIDER_GET_PARAMS, (void (*)(void))prov_get_params},
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))prov_query_operation},
    {OSSL_FUNC_PROVIDER_GET_REASON_STRINGS,
     (void (*)(void))prov_get_reason_strings},
    {0, NULL}};

static const char property_prefix[] = "provider=";

/* A row and its property string; gives what follows them in the arena. */
static char *set_row(OSSL_ALGORITHM *row, const struct prov_algorithm *from,
                     const char *name, char *text)
{
    size_t size = sizeof(property_prefix) + strlen(name)
                  + strlen(from->properties);

    row->algorithm_names = from->names;
    row->property_definition = text;
    row->implementation = from->functions;
    row->algorithm_description = from->words;
    snprintf(text, size, "%s%s%s", property_prefix, name, from->properties);
    return text + size;
}

/* What the rows take, the empty ones that end each table included. */
static void measure_rows(const char *name, size_t *rows, size_t *text)
{
    const struct prov_algorithm *a;

    *rows = nitems(offers);
    *text = 0;
    for (size_t i = 0; i < nitems(offers); i++)
        for (a = offers[i].algorithms; a->names != NULL; a++) {
            *rows += 1;
            *text += sizeof(property_prefix) + strlen(name)
                     + strlen(a->properties);
        }
}

static bool make_tables(struct prov_tables *t, const char *name)
{
    const struct prov_algorithm *a;
    OSSL_ALGORITHM *row;
    size_t rows, size;
    char *text;

    measure_rows(name, &rows, &size);
    t->rows = row = OPENSSL_zalloc(rows * sizeof(*row));
    t->properties = text = OPENSSL_malloc(size);
    if (row == NULL || text == NULL)
        return false;
    for (size_t i = 0; i < nitems(offers); i++) {
        t->start[i] = row;
        for (a = offers[i].algorithms; a->names != NULL; a++)
            text = set_row(row++, a, name, text);
        row++;
    }
    return true;
}

/* The context starts zeroed, and with it the item that ends the list. */
static void make_reason_strings(struct prov_tables *t)
{
    const struct card_error_name *e = card_error_names;

    for (size_t i = 0; i < nitems(t->errors) - 1 && e->code != CARD_OK; i++) {
        t->errors[i].id = (unsigned)-e->code;
        t->errors[i].ptr = prov_unconst(e->words);
        e++;
    }
}

static void take_core_function(struct prov_core *core, const OSSL_DISPATCH *f)
{
    switch (f->function_id) {
    case OSSL_FUNC_CORE_GET_PARAMS:
        core->get_params = OSSL_FUNC_core_get_params(f);
        break;
    case OSSL_FUNC_CORE_NEW_ERROR:
        core->new_error = OSSL_FUNC_core_new_error(f);
        break;
    case OSSL_FUNC_CORE_VSET_ERROR:
        core->vset_error = OSSL_FUNC_core_vset_error(f);
        break;
    case OSSL_FUNC_CORE_SET_ERROR_MARK:
        core->set_error_mark = OSSL_FUNC_core_set_error_mark(f);
        break;
    case OSSL_FUNC_CORE_POP_ERROR_TO_MARK:
        core->pop_error_to_mark = OSSL_FUNC_core_pop_error_to_mark(f);
        break;
    case OSSL_FUNC_PROVIDER_UP_REF:
        core->up_ref = OSSL_FUNC_provider_up_ref(f);
        break;
    default:
        break;
    }
}

static bool take_core(struct prov_ctx *ctx, const OSSL_DISPATCH *in)
{
    const struct prov_core *core = &ctx->core;
    size_t count = 0;

    while (in[count].function_id != 0)
        take_core_function(&ctx->core, &in[count++]);
    ctx->core_functions = OPENSSL_memdup(in, (count + 1) * sizeof(*in));
    return ctx->core_functions != NULL && core->get_params != NULL
           && core->new_error != NULL && core->vset_error != NULL
           && core->set_error_mark != NULL && core->pop_error_to_mark != NULL;
}

static bool take_name(struct prov_ctx *ctx)
{
    char *name = NULL;
    OSSL_PARAM params[] = {OSSL_PARAM_END, OSSL_PARAM_END};

    params[0] = OSSL_PARAM_construct_utf8_ptr(OSSL_PROV_PARAM_CORE_PROV_NAME,
                                              &name, 0);
    if (ctx->core.get_params(ctx->handle, params) && name != NULL)
        ctx->name = OPENSSL_strdup(name);
    return ctx->name != NULL;
}

int tessera_provider_init(const OSSL_CORE_HANDLE *handle,
                          const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
                          void **provctx)
{
    struct prov_ctx *ctx = OPENSSL_zalloc(sizeof(*ctx));

    if (ctx == NULL)
        return 0;
    ctx->handle = handle;
    ctx->config.log_fd = -1;
    if (lock_init(&ctx->lock) < 0) {
        OPENSSL_free(ctx);
        return 0;
    }
    if (!take_core(ctx, in) || !take_name(ctx)
        || !make_tables(&ctx->tables, ctx->name)) {
        prov_teardown(ctx);
        return 0;
    }
    make_reason_strings(&ctx->tables);
    ctx->blocked = config_blocked_operations(ctx);
    *out = prov_functions;
    *provctx = ctx;
    return 1;
}
