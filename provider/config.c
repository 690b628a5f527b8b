/*
 * The provider's section of the configuration file, and what the environment
 * adds. Read when a key is first wanted: an error in it must not break the
 * programs that use OpenSSL without a card.
 */
#define _GNU_SOURCE /* secure_getenv, faccessat's AT_EACCESS */
#include "provider/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <openssl/params.h>

const char *config_setting(const struct prov_ctx *ctx, const char *key)
{
    const OSSL_PARAM *found = NULL;

    if (ctx->settings != NULL)
        found = OSSL_PARAM_locate_const(ctx->settings, key);
    return found == NULL ? NULL : found->data;
}

const char *config_value(const struct prov_ctx *ctx, const char *key)
{
    const char *set = config_setting(ctx, key);
    char *value = NULL;
    OSSL_PARAM params[] = {OSSL_PARAM_END, OSSL_PARAM_END};

    if (set != NULL)
        return set;
    params[0] = OSSL_PARAM_construct_utf8_ptr(key, &value, 0);
    return ctx->core.get_params(ctx->handle, params) ? value : NULL;
}

int tessera_provider_set(void *provctx, const OSSL_PARAM settings[],
                         tessera_vlog_fn *vlog)
{
    struct prov_ctx *ctx = provctx;

    OSSL_PARAM_free(ctx->settings);
    ctx->settings = OSSL_PARAM_dup(settings);
    ctx->vlog = vlog;
    return ctx->settings != NULL;
}

int config_one_of(const struct prov_ctx *ctx, const char *const keys[],
                  const char **key, const char **value)
{
    *key = *value = NULL;
    for (; *keys != NULL; keys++) {
        const char *found = config_value(ctx, *keys);

        if (found != NULL && *value != NULL)
            return card_fail(CARD_E_CONFIG, "%s and %s are both in the section "
                             "of provider %s: keep one", *key, *keys,
                             ctx->name);
        if (found != NULL) {
            *key = *keys;
            *value = found;
        }
    }
    return 0;
}

const char *config_environment(const char *name)
{
    const char *value = secure_getenv(name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* One of two words, the first meaning true. */
static int read_choice(const struct prov_ctx *ctx, const char *key,
                       const char *yes, const char *no, bool *out)
{
    const char *value = config_value(ctx, key);

    if (value == NULL)
        return 0;
    if (strcmp(value, yes) != 0 && strcmp(value, no) != 0)
        return card_fail(CARD_E_CONFIG, "%s in the section of provider %s: "
                         "\"%s\" or \"%s\"", key, ctx->name, yes, no);
    *out = strcmp(value, yes) == 0;
    return 0;
}

/* --- PIN ------------------------------------------------------------------ */

static const char *skip_prefix(const char *value, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(value, prefix, len) == 0 ? value + len : NULL;
}

static int read_pin_text(const char *where, const char *text,
                         struct secret **out)
{
    struct bytes pin = bytes_of_string(text);

    if (pin.len == 0 || pin.len > CARD_MAX_PIN)
        return card_fail(CARD_E_CONFIG, "%s: 1 to %d characters", where,
                         CARD_MAX_PIN);
    *out = secret_new(pin);
    return *out != NULL ? 0 : card_fail(CARD_E_MEMORY, "out of memory");
}

/*
 * A file that this user may not read is no stored PIN for this user: the same
 * configuration serves root's services and everybody's certificates. Why is
 * said when a PIN is wanted.
 */
static bool is_for_others(const char *path, struct prov_config *config)
{
    if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0 || errno != EACCES)
        return false;
    snprintf(config->pin_problem, sizeof(config->pin_problem),
             "; the PIN file %s is not readable for this user", path);
    return true;
}

static int read_pin_file(const char *where, const char *path,
                         struct prov_config *config)
{
    int rc;

    if (is_for_others(path, config))
        return 0;
    rc = secret_from_file(path, &config->pin);
    return rc < 0 ? card_fail_in(rc, "%s", where) : 0;
}

/* libp11 and others have the PIN's text in a key or a variable. */
static int read_pin(const struct prov_ctx *ctx, struct prov_config *config)
{
    static const char *const keys[] = {"pin", "pin-source",
                                       "pkcs11-module-token-pin", NULL};
    const char *key, *value, *path;
    char where[256];
    int rc;

    if ((rc = config_one_of(ctx, keys, &key, &value)) < 0)
        return rc;
    if (value == NULL && (value = config_environment("PKCS11_PIN")) != NULL)
        return read_pin_text("PKCS11_PIN in the environment", value,
                             &config->pin);
    if (value == NULL)
        return 0;
    snprintf(where, sizeof(where), "%s in the section of provider %s", key,
             ctx->name);
    path = skip_prefix(value, "file:");
    if (path == NULL && strcmp(key, "pin-source") != 0)
        return read_pin_text(where, value, &config->pin);
    return read_pin_file(where, path != NULL ? path : value, config);
}

static int read_keypad(const struct prov_ctx *ctx, struct prov_config *config)
{
    const char *value = config_value(ctx, "keypad");

    if (value == NULL || strcmp(value, "yes") == 0)
        return 0;
    config->no_keypad = strcmp(value, "no") == 0;
    config->keypad_always = strcmp(value, "always") == 0;
    if (config->no_keypad || config->keypad_always)
        return 0;
    return card_fail(CARD_E_CONFIG, "keypad in the section of provider %s: "
                     "\"yes\", \"no\" or \"always\"", ctx->name);
}

/* --- Login ---------------------------------------------------------------- */

/* Nothing public costs a login, unless it must: so "never" is "auto" here. */
static int read_login_behavior(const struct prov_ctx *ctx,
                               struct prov_config *config)
{
    static const char key[] = "pkcs11-module-login-behavior";
    const char *value = config_value(ctx, key);

    if (value == NULL)
        return 0;
    config->login_always = strcmp(value, "always") == 0;
    if (!config->login_always && strcmp(value, "never") != 0
        && strcmp(value, "auto") != 0)
        return card_fail(CARD_E_CONFIG, "%s in the section of provider %s: "
                         "\"auto\", \"always\" or \"never\"", key, ctx->name);
    return 0;
}

static bool is_yes(const char *value)
{
    return strcmp(value, "1") == 0 || strcasecmp(value, "yes") == 0
           || strcasecmp(value, "true") == 0;
}

/* libp11's: it takes whatever it does not know for no. */
static void read_force_login(const struct prov_ctx *ctx,
                             struct prov_config *config)
{
    const char *value = config_value(ctx, "force_login");

    if (value == NULL)
        value = config_environment("PKCS11_FORCE_LOGIN");
    if (value != NULL && is_yes(value))
        config->login_always = true;
}

/* --- All of it ------------------------------------------------------------ */

static int read_choices(const struct prov_ctx *ctx, struct prov_config *config)
{
    bool full = true;
    int rc;

    if ((rc = read_choice(ctx, "pin-for-signature", "yes", "no",
                          &config->pin_for_signature)) < 0
        || (rc = read_choice(ctx, "pin-rule", "full", "not-last", &full)) < 0
        || (rc = read_choice(ctx, "pkcs1-only-max-size", "yes", "no",
                             &config->hide_size)) < 0
        || (rc = read_choice(ctx, "check-signatures", "yes", "no",
                             &config->check_tokens)) < 0
        || (rc = read_choice(ctx, "cache", "yes", "no", &config->cache)) < 0)
        return rc;
    config->pin_not_last = !full;
    config->trace = config_value(ctx, "trace");
    if (config->trace == NULL)
        config->trace = config_environment("TESSERA_TRACE");
    return 0;
}

int config_read(struct prov_ctx *ctx, struct prov_config *out)
{
    struct prov_config config = {
        .log_fd = -1, .hide_size = true, .cache = true, .vlog = ctx->vlog};
    int rc;

    if ((rc = config_check_keys(ctx)) < 0
        || (rc = read_choices(ctx, &config)) < 0
        || (rc = read_login_behavior(ctx, &config)) < 0
        || (rc = config_read_modules(ctx, &config)) < 0
        || (rc = read_pin(ctx, &config)) < 0
        || (rc = read_keypad(ctx, &config)) < 0
        || (rc = config_open_log(ctx, &config)) < 0) {
        config_clear(&config);
        return rc;
    }
    read_force_login(ctx, &config);
    config_explain_keys(ctx, &config);
    *out = config;
    return 0;
}

void config_clear(struct prov_config *config)
{
    secret_free(config->pin);
    config->pin = NULL;
    config_free_modules(config);
    config_close_log(config);
}
