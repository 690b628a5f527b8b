/*
 * openssl.cnf as libcrypto reads it (config(5)), and what the tool obeys of the
 * provider's section, so that both do the same with a card.
 */
#include "card/tool/config.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "card/tool/ossl.h"

const STACK_OF(CONF_VALUE) *config_plugins(const CONF *conf, const char *list)
{
    const char *init = NCONF_get_string(conf, NULL, "openssl_conf");
    const char *section = init != NULL ? NCONF_get_string(conf, init, list)
                                       : NULL;

    return section != NULL ? NCONF_get_section(conf, section) : NULL;
}

const char *config_plain_name(const char *name)
{
    const char *dot = strchr(name, '.');

    return dot != NULL ? dot + 1 : name;
}

bool config_is_tessera(const CONF *conf, const CONF_VALUE *entry)
{
    const char *file = NCONF_get_string(conf, entry->value, "module");

    file = file != NULL ? ossl_file_of(file) : config_plain_name(entry->name);
    return strcmp(file, "tessera") == 0 || strcmp(file, OSSL_PLUGIN) == 0;
}

/* ---- what the tool obeys ------------------------------------------------- */

/* The section's name, lent; NULL: the provider is not configured. */
static const char *find_section(const CONF *conf)
{
    const STACK_OF(CONF_VALUE) *entries = config_plugins(conf, "providers");

    for (int i = 0; i < sk_CONF_VALUE_num(entries); i++)
        if (config_is_tessera(conf, sk_CONF_VALUE_value(entries, i)))
            return sk_CONF_VALUE_value(entries, i)->value;
    return NULL;
}

static bool says_no(const CONF *conf, const char *section, const char *key)
{
    const char *value = NCONF_get_string(conf, section, key);

    return value != NULL && strcmp(value, "no") == 0;
}

/* A file that cannot be read is doctor's to tell. */
void tool_config(struct tool_config *out)
{
    char *file = CONF_get1_default_config_file();
    CONF *conf = NCONF_new(NULL);
    const char *section;

    *out = (struct tool_config){.cache = true, .keypad = true};
    if (file != NULL && conf != NULL && NCONF_load(conf, file, NULL) > 0 &&
        (section = find_section(conf)) != NULL) {
        out->activated = true;
        out->cache = !says_no(conf, section, "cache");
        out->keypad = !says_no(conf, section, "keypad");
    }
    NCONF_free(conf);
    OPENSSL_free(file);
    ERR_clear_error();
}
