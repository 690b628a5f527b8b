/*
 * What the tool obeys of the provider's section in openssl.cnf, so that both do
 * the same with a card.
 */
#include "card/tool/tool.h"

#include <string.h>

#include <openssl/conf.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

/* By the provider's usual name, or by the file that is ours. */
static bool is_ours(const CONF *conf, const CONF_VALUE *entry)
{
    static const char file[] = "tessera.so";
    const char *module = NCONF_get_string(conf, entry->value, "module");
    size_t len = module != NULL ? strlen(module) : 0, tail = sizeof(file) - 1;

    return strcmp(entry->name, "tessera") == 0 ||
           (len >= tail && strcmp(module + len - tail, file) == 0);
}

/* The section's name, lent; NULL: the provider is not configured. */
static const char *find_section(const CONF *conf)
{
    const char *init = NCONF_get_string(conf, NULL, "openssl_conf");
    const char *list = init != NULL ? NCONF_get_string(conf, init, "providers")
                                    : NULL;
    const STACK_OF(CONF_VALUE) *entries =
        list != NULL ? NCONF_get_section(conf, list) : NULL;

    for (int i = 0; i < sk_CONF_VALUE_num(entries); i++)
        if (is_ours(conf, sk_CONF_VALUE_value(entries, i)))
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
        out->cache = !says_no(conf, section, "cache");
        out->keypad = !says_no(conf, section, "keypad");
    }
    NCONF_free(conf);
    OPENSSL_free(file);
    ERR_clear_error();
}
