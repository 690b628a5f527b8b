/*
 * The provider's section of the configuration file, and the log it names. Read
 * when a key is first wanted: an error in it must not break the programs that
 * use OpenSSL without a card. Of the environment: TESSERA_LOG, as the key log.
 */
#define _GNU_SOURCE /* secure_getenv, O_NOFOLLOW */
#include "provider/provider.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <openssl/conf.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

/* libcrypto's own keys in the section of any provider, and ours. */
static const char *const core_keys[] = {"identity", "soft_load", "module",
                                        "activate"};
static const char *const our_keys[] = {
    "pin", "pin-source", "pin-for-signature", "pin-rule", "pkcs1-only-max-size",
    "log", "trace"};

/* Lent by libcrypto; NULL when the key is not there. */
static const char *get_value(const struct prov_ctx *ctx, const char *key)
{
    char *value = NULL;
    OSSL_PARAM params[] = {OSSL_PARAM_END, OSSL_PARAM_END};

    params[0] = OSSL_PARAM_construct_utf8_ptr(key, &value, 0);
    return ctx->core.get_params(ctx->handle, params) ? value : NULL;
}

/* One of two words, the first meaning true. */
static int read_choice(const struct prov_ctx *ctx, const char *key,
                       const char *yes, const char *no, bool *out)
{
    const char *value = get_value(ctx, key);

    if (value == NULL)
        return 0;
    if (strcmp(value, yes) != 0 && strcmp(value, no) != 0)
        return card_fail(CARD_E_CONFIG, "%s in the section of provider %s: "
                         "\"%s\" or \"%s\"", key, ctx->name, yes, no);
    *out = strcmp(value, yes) == 0;
    return 0;
}

static const char *skip_prefix(const char *value, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(value, prefix, len) == 0 ? value + len : NULL;
}

static int read_pin_text(const struct prov_ctx *ctx, const char *text,
                         struct secret **out)
{
    struct bytes pin = bytes_of_string(text);

    if (pin.len == 0 || pin.len > CARD_MAX_PIN)
        return card_fail(CARD_E_CONFIG, "pin in the section of provider %s: "
                         "1 to %d characters", ctx->name, CARD_MAX_PIN);
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

static int read_pin(const struct prov_ctx *ctx, struct prov_config *config)
{
    const char *text = get_value(ctx, "pin");
    const char *path = get_value(ctx, "pin-source");
    const char *after;
    int rc;

    if (text != NULL && path != NULL)
        return card_fail(CARD_E_CONFIG, "pin and pin-source are both in the "
                         "section of provider %s: keep one", ctx->name);
    if (text != NULL && (path = skip_prefix(text, "file:")) == NULL)
        return read_pin_text(ctx, text, &config->pin);
    if (path == NULL)
        return 0;
    if ((after = skip_prefix(path, "file:")) != NULL)
        path = after;
    if (is_for_others(path, config))
        return 0;
    rc = secret_from_file(path, &config->pin);
    if (rc < 0)
        card_fail_in(rc, "%s in the section of provider %s",
                     text != NULL ? "pin" : "pin-source", ctx->name);
    return rc;
}

static int open_log(const struct prov_ctx *ctx, struct prov_config *config)
{
    const char *path = get_value(ctx, "log");

    if (path == NULL)
        path = secure_getenv("TESSERA_LOG");
    if (path == NULL || path[0] == '\0')
        return 0;
    if (strcmp(path, "stderr") == 0) {
        config->log_fd = STDERR_FILENO;
        return 0;
    }
    config->log_fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW
                                    | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0600);
    if (config->log_fd < 0 && errno == EACCES)
        return 0; /* another user's */
    if (config->log_fd < 0)
        return card_fail(CARD_E_CONFIG, "log of provider %s: %s: %s",
                         ctx->name, path, strerror(errno));
    config->own_log_fd = true;
    return 0;
}

/* In its own keys libcrypto lets "1.key" stand for "key". */
static const char *skip_dot(const char *name)
{
    const char *dot = strchr(name, '.');

    return dot != NULL ? dot + 1 : name;
}

static bool is_known(const char *key)
{
    for (size_t i = 0; i < nitems(our_keys); i++)
        if (strcmp(key, our_keys[i]) == 0)
            return true;
    for (size_t i = 0; i < nitems(core_keys); i++)
        if (strcmp(skip_dot(key), core_keys[i]) == 0)
            return true;
    return false;
}

static int check_section(const struct prov_ctx *ctx, const char *file,
                         const CONF_VALUE *entry,
                         STACK_OF(CONF_VALUE) *section)
{
    for (int i = 0; i < sk_CONF_VALUE_num(section); i++) {
        const CONF_VALUE *pair = sk_CONF_VALUE_value(section, i);

        if (!is_known(pair->name))
            return card_fail(CARD_E_CONFIG, "unknown key \"%s\" in [%s] of %s,"
                             " the section of provider %s", pair->name,
                             entry->value, file, ctx->name);
    }
    return 0;
}

/* Whether an entry under `providers` is what we were activated by. */
static bool is_our_section(const struct prov_ctx *ctx, const CONF_VALUE *entry,
                           STACK_OF(CONF_VALUE) *section)
{
    const char *name = skip_dot(entry->name);

    for (int i = 0; i < sk_CONF_VALUE_num(section); i++) {
        const CONF_VALUE *pair = sk_CONF_VALUE_value(section, i);

        if (strcmp(skip_dot(pair->name), "identity") == 0)
            name = pair->value;
    }
    return strcmp(name, ctx->name) == 0;
}

static int check_file(const struct prov_ctx *ctx, const char *file, CONF *conf)
{
    const char *init = NCONF_get_string(conf, NULL, "openssl_conf");
    const char *list;
    STACK_OF(CONF_VALUE) *entries, *section;
    int rc = 0;

    if (init == NULL)
        return 0;
    list = NCONF_get_string(conf, init, "providers");
    entries = list == NULL ? NULL : NCONF_get_section(conf, list);
    for (int i = 0; rc == 0 && i < sk_CONF_VALUE_num(entries); i++) {
        const CONF_VALUE *entry = sk_CONF_VALUE_value(entries, i);

        section = NCONF_get_section(conf, entry->value);
        if (section != NULL && is_our_section(ctx, entry, section))
            rc = check_section(ctx, file, entry, section);
    }
    return rc;
}

/*
 * libcrypto answers questions by key only, so a misspelt key is found by
 * reading the file again. A file that cannot be read has given us no keys.
 */
static int check_keys(const struct prov_ctx *ctx)
{
    char *file = CONF_get1_default_config_file();
    CONF *conf = NCONF_new_ex(ctx->libctx, NULL);
    int rc = 0;

    ctx->core.set_error_mark(ctx->handle);
    if (file != NULL && conf != NULL && NCONF_load(conf, file, NULL) > 0)
        rc = check_file(ctx, file, conf);
    ctx->core.pop_error_to_mark(ctx->handle);
    NCONF_free(conf);
    OPENSSL_free(file);
    return rc;
}

int config_read(struct prov_ctx *ctx, struct prov_config *out)
{
    struct prov_config config = {.log_fd = -1, .hide_size = true};
    bool full = true;
    int rc;

    if ((rc = check_keys(ctx)) < 0
        || (rc = read_choice(ctx, "pin-for-signature", "yes", "no",
                             &config.pin_for_signature)) < 0
        || (rc = read_choice(ctx, "pin-rule", "full", "not-last", &full)) < 0
        || (rc = read_choice(ctx, "pkcs1-only-max-size", "yes", "no",
                             &config.hide_size)) < 0
        || (rc = read_pin(ctx, &config)) < 0
        || (rc = open_log(ctx, &config)) < 0) {
        config_clear(&config);
        return rc;
    }
    config.pin_not_last = !full;
    config.trace = get_value(ctx, "trace");
    *out = config;
    return 0;
}

void config_clear(struct prov_config *config)
{
    secret_free(config->pin);
    config->pin = NULL;
    if (config->own_log_fd)
        close(config->log_fd);
    config->own_log_fd = false;
    config->log_fd = -1;
}

void config_log(void *config, const char *line)
{
    const struct prov_config *c = config;
    char text[1024];
    char when[32];
    struct tm tm;
    time_t now = time(NULL);
    int len;

    if (c->log_fd < 0 || gmtime_r(&now, &tm) == NULL)
        return;
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
    len = snprintf(text, sizeof(text) - 1, "%s tessera[%ld]: %s", when,
                   (long)getpid(), line);
    if (len < 0)
        return;
    if ((size_t)len > sizeof(text) - 2)
        len = (int)sizeof(text) - 2;
    /* One line stays one line, whatever a label on a card holds. */
    for (int i = 0; i < len; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7F)
            text[i] = '?';
    text[len++] = '\n';
    if (write(c->log_fd, text, (size_t)len) < 0)
        return; /* nobody is left to tell */
}
