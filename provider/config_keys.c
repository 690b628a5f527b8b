/*
 * The keys of the provider's section: which there are, which are accepted for
 * the sake of configurations written for another provider, and which are
 * misspelt.
 */
#include "provider/config.h"

#include <stdio.h>
#include <string.h>

#include <openssl/conf.h>
#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>

/* libcrypto's own keys in the section of any provider. */
static const char *const core_keys[] = {"identity", "soft_load", "module",
                                        "activate"};

/* Ours, pkcs11-provider's and those of libp11's provider. */
static const struct config_key {
    const char *name;
    const char *meaningless; /* why, or NULL */
} keys[] = {
    {"pin", NULL},
    {"pin-source", NULL},
    {"pin-for-signature", NULL},
    {"pin-rule", NULL},
    {"pkcs1-only-max-size", NULL},
    {"check-signatures", NULL},
    {"cache", NULL},
    {"keypad", NULL},
    {"log", NULL},
    {"trace", NULL},
    {"pkcs11-module-path", NULL},
    {"pkcs11-module-init-args", NULL},
    {"pkcs11-module-token-pin", NULL},
    {"pkcs11-module-login-behavior", NULL},
    {"pkcs11-module-block-operations", NULL},
    {"pkcs11-module-allow-export",
     "public keys are used by OpenSSL itself, wherever they come from"},
    {"pkcs11-module-assume-fips",
     "hashes are computed by OpenSSL, so the property fips=yes is not claimed"},
    {"pkcs11-module-cache-keys", "keys are used where the token has them"},
    {"pkcs11-module-cache-pins",
     "a PIN that was given is kept for later logins, in locked memory"},
    {"pkcs11-module-cache-sessions", "sessions are kept as they are needed"},
    {"pkcs11-module-encode-provider-uri-to-pem",
     "a private key is always written as its URI"},
    {"pkcs11-module-load-behavior", "modules are loaded at their first use"},
    {"pkcs11-module-quirks", "what the quirks avoid is not done"},
    {"pkcs11_module", NULL},
    {"init_args", NULL},
    {"force_login", NULL},
    {"debug_level", NULL}};

/* In its own keys libcrypto lets "1.key" stand for "key". */
static const char *skip_dot(const char *name)
{
    const char *dot = strchr(name, '.');

    return dot != NULL ? dot + 1 : name;
}

/* "pkcs11-module-path.2" and so on. */
static bool is_numbered(const char *key)
{
    static const char *const stems[] = {"pkcs11-module-path",
                                        "pkcs11-module-init-args"};
    char numbered[40];

    for (size_t i = 0; i < nitems(stems); i++) {
        for (unsigned n = 2; n <= PROV_MAX_MODULES; n++) {
            snprintf(numbered, sizeof(numbered), "%s.%u", stems[i], n);
            if (strcmp(key, numbered) == 0)
                return true;
        }
    }
    return false;
}

static bool is_known(const char *key)
{
    for (size_t i = 0; i < nitems(keys); i++)
        if (strcmp(key, keys[i].name) == 0)
            return true;
    for (size_t i = 0; i < nitems(core_keys); i++)
        if (strcmp(skip_dot(key), core_keys[i]) == 0)
            return true;
    return is_numbered(key);
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
int config_check_keys(const struct prov_ctx *ctx)
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

/* --- Accepted only -------------------------------------------------------- */

static void say(struct prov_config *config, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(struct prov_config *config, const char *format, ...)
{
    char line[256];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    config_log(config, line);
}

/* Those that mean nothing here, because we never have them, included. */
static const struct operation {
    const char *name;
    int id;
} operations[] = {{"digest", OSSL_OP_DIGEST},
                  {"cipher", OSSL_OP_CIPHER},
                  {"mac", OSSL_OP_MAC},
                  {"kdf", OSSL_OP_KDF},
                  {"rand", OSSL_OP_RAND},
                  {"keymgmt", OSSL_OP_KEYMGMT},
                  {"keyexch", OSSL_OP_KEYEXCH},
                  {"signature", OSSL_OP_SIGNATURE},
                  {"asym-cipher", OSSL_OP_ASYM_CIPHER},
                  {"kem", OSSL_OP_KEM},
                  {"encoder", OSSL_OP_ENCODER},
                  {"decoder", OSSL_OP_DECODER},
                  {"store", OSSL_OP_STORE},
                  {"skeymgmt", 0}};

static const char block_key[] = "pkcs11-module-block-operations";

/* Cut the next word off a list; empty at its end. */
static struct bytes next_word(const char **list)
{
    struct bytes word;

    *list += strspn(*list, " \t,");
    word = bytes_from(*list, strcspn(*list, " \t,"));
    *list += word.len;
    return word;
}

static const struct operation *find_operation(struct bytes name)
{
    for (size_t i = 0; i < nitems(operations); i++)
        if (bytes_equal(name, bytes_of_string(operations[i].name)))
            return &operations[i];
    return NULL;
}

uint32_t config_blocked_operations(const struct prov_ctx *ctx)
{
    const char *list = config_value(ctx, block_key);
    const struct operation *operation;
    uint32_t blocked = 0;
    struct bytes word;

    while (list != NULL && (word = next_word(&list)).len > 0)
        if ((operation = find_operation(word)) != NULL)
            blocked |= UINT32_C(1) << operation->id;
    return blocked;
}

void config_explain_keys(const struct prov_ctx *ctx,
                         struct prov_config *config)
{
    const char *list = config_value(ctx, block_key);
    struct bytes word;

    for (size_t i = 0; i < nitems(keys); i++)
        if (keys[i].meaningless != NULL
            && config_value(ctx, keys[i].name) != NULL)
            say(config, "%s has no meaning here: %s", keys[i].name,
                keys[i].meaningless);
    while (list != NULL && (word = next_word(&list)).len > 0)
        if (find_operation(word) == NULL)
            say(config, "%s: no operation is called \"%.*s\"", block_key,
                (int)word.len, (const char *)word.data);
}
