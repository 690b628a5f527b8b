/*
 * Under which id the engine is wanted. libcrypto tells when it looks for an
 * engine by id, but not when a section of the configuration names our file
 * (dynamic_path): then the id stands in that section.
 */
#define _GNU_SOURCE /* dladdr */
#include "engine/engine.h"

#include <dlfcn.h>
#include <string.h>

#include <openssl/conf.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

/* The first is ours, and the one when nobody knows better. */
static const char *const ids[] = {"tessera", "pkcs11"};

static const char *known_id(const char *id)
{
    for (size_t i = 0; i < nitems(ids); i++)
        if (strcmp(id, ids[i]) == 0)
            return ids[i];
    return NULL;
}

/* libcrypto lets "1.name" stand for "name". */
static const char *skip_dot(const char *name)
{
    const char *dot = strchr(name, '.');

    return dot != NULL ? dot + 1 : name;
}

/* The id that an entry under `engines` gives to the file, or NULL. */
static const char *id_in(const CONF *conf, const CONF_VALUE *entry,
                         const char *file)
{
    STACK_OF(CONF_VALUE) *section = NCONF_get_section(conf, entry->value);
    const char *id = skip_dot(entry->name);
    bool is_ours = false;

    for (int i = 0; i < sk_CONF_VALUE_num(section); i++) {
        const CONF_VALUE *pair = sk_CONF_VALUE_value(section, i);
        const char *name = skip_dot(pair->name);

        if (strcmp(name, "engine_id") == 0)
            id = pair->value;
        if (strcmp(name, "dynamic_path") == 0)
            is_ours = strcmp(pair->value, file) == 0;
    }
    return is_ours ? known_id(id) : NULL;
}

/* The first: libcrypto takes no second engine from a file. */
static const char *id_in_file(const CONF *conf, const char *file)
{
    const char *init = NCONF_get_string(conf, NULL, "openssl_conf");
    const char *list = NULL;
    const char *id = NULL;
    STACK_OF(CONF_VALUE) *entries = NULL;

    if (init != NULL)
        list = NCONF_get_string(conf, init, "engines");
    if (list != NULL)
        entries = NCONF_get_section(conf, list);
    for (int i = 0; id == NULL && i < sk_CONF_VALUE_num(entries); i++)
        id = id_in(conf, sk_CONF_VALUE_value(entries, i), file);
    return id;
}

static const char *configured_id(void)
{
    char *path = CONF_get1_default_config_file();
    CONF *conf = NCONF_new(NULL);
    const char *id = NULL;
    Dl_info self;

    ERR_set_mark();
    if (path != NULL && conf != NULL && dladdr(ids, &self) != 0
        && NCONF_load(conf, path, NULL) > 0)
        id = id_in_file(conf, self.dli_fname);
    ERR_pop_to_mark();
    NCONF_free(conf);
    OPENSSL_free(path);
    return id != NULL ? id : ids[0];
}

const char *engine_id(const char *wanted)
{
    return wanted != NULL ? known_id(wanted) : configured_id();
}
