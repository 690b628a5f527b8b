/*
 * Provider and engine: are they where OpenSSL looks, can they be loaded, and
 * are they of this version? And libp11's engine, which goes before ours.
 */
#define _XOPEN_SOURCE 700 /* realpath */
#include "card/tool/doctor.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include "card/tool/config.h"
#include "card/tool/ossl.h"

/* ---- the provider -------------------------------------------------------- */

/* The words are its version. */
static bool load_provider(const void *arg, char *text, size_t cap)
{
    OSSL_LIB_CTX *libctx = OSSL_LIB_CTX_new();
    OSSL_PROVIDER *ours = NULL;
    char *version = NULL;
    OSSL_PARAM params[] = {OSSL_PARAM_END, OSSL_PARAM_END};

    (void)arg;
    params[0] = OSSL_PARAM_construct_utf8_ptr(OSSL_PROV_PARAM_VERSION,
                                              &version, 0);
    if (libctx != NULL)
        ours = OSSL_PROVIDER_load(libctx, "tessera");
    if (ours == NULL) {
        ossl_error(text, cap);
        return false;
    }
    OSSL_PROVIDER_get_params(ours, params);
    snprintf(text, cap, "%s", version != NULL ? version : "?");
    return true;
}

static void check_provider(struct doctor *d)
{
    const char *folder = ossl_providers();
    char path[PATH_MAX], text[512];

    snprintf(path, sizeof(path), "%s/" OSSL_PLUGIN, folder);
    if (access(path, F_OK) < 0) {
        doctor_finding(d, "provider",
                       getenv("OPENSSL_MODULES") != NULL
                           ? _("the variable OPENSSL_MODULES names that "
                               "folder: correct or unset it; or install "
                               "tessera-provider")
                           : _("sudo apt-get install tessera-provider"),
                       _("the provider is not installed: there is no %s"),
                       path);
        return;
    }
    if (!doctor_apart(load_provider, NULL, text, sizeof(text))) {
        doctor_finding(d, "provider", _("install tessera-provider again"),
                       _("the provider %s cannot be loaded: %s"), path, text);
        return;
    }
    d->provider = true;
    if (strcmp(text, TESSERA_VERSION) == 0)
        doctor_ok(d, "provider", _("the provider %s, version %s"), path, text);
    else
        doctor_finding(d, "provider",
                       _("install tessera-provider and tessera of one "
                         "version"),
                       _("the provider %s is version %s, this program %s"),
                       path, text, TESSERA_VERSION);
}

/* ---- the engine ---------------------------------------------------------- */

static bool load_engine(const void *path, char *text, size_t cap)
{
    void *engine = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    if (engine != NULL && dlsym(engine, "bind_engine") != NULL)
        return true;
    snprintf(text, cap, "%s", engine == NULL ? dlerror()
                                             : _("it is no engine"));
    return false;
}

static void check_engine(struct doctor *d)
{
    char path[PATH_MAX], text[512];

    if (OPENSSL_version_major() >= 4) {
        doctor_ok(d, "engine", _("this OpenSSL has no engines, and needs "
                                 "none"));
        return;
    }
    snprintf(path, sizeof(path), "%s/" OSSL_PLUGIN, ossl_engines());
    if (access(path, F_OK) < 0)
        doctor_finding(d, "engine",
                       _("sudo apt-get install tessera-engine; only programs "
                         "that know engines alone need it"),
                       _("the engine is not installed: there is no %s"), path);
    else if (!doctor_apart(load_engine, path, text, sizeof(text)))
        doctor_finding(d, "engine", _("install tessera-engine again"),
                       _("the engine %s cannot be loaded: %s"), path, text);
    else
        doctor_ok(d, "engine", _("the engine %s"), path);
}

/* ---- libp11's ------------------------------------------------------------ */

static bool is_ours(const char *path)
{
    char real[PATH_MAX];

    return realpath(path, real) != NULL &&
           strcmp(ossl_file_of(real), OSSL_PLUGIN) == 0;
}

static void check_old_file(struct doctor *d, const char *name)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s", ossl_engines(), name);
    if (access(path, F_OK) < 0)
        return;
    if (is_ours(path))
        doctor_ok(d, "old_engine", _("%s is a link to tessera"), path);
    else
        doctor_finding(d, "old_engine",
                       _("remove it (libengine-pkcs11-openssl) and put a link "
                         "to tessera.so there: see MIGRATE-libp11.md"),
                       _("libp11's engine is in the way: programs that ask for "
                         "the engine pkcs11 get %s"), path);
}

void doctor_plugins(struct doctor *d)
{
    check_provider(d);
    check_engine(d);
    check_old_file(d, "pkcs11.so");
    check_old_file(d, "libpkcs11.so");
}

/* In openssl.cnf: an engine for PKCS#11 that is a file of others. */
static void check_entry(struct doctor *d, const CONF *conf,
                        const CONF_VALUE *entry)
{
    const char *id = NCONF_get_string(conf, entry->value, "engine_id");
    const char *path = NCONF_get_string(conf, entry->value, "dynamic_path");

    if (id == NULL)
        id = config_plain_name(entry->name);
    if (strstr(id, "pkcs11") == NULL || path == NULL || is_ours(path))
        return;
    doctor_finding(d, "old_engine",
                   _("let dynamic_path name tessera's file, and leave the rest "
                     "as it is: see MIGRATE-libp11.md"),
                   _("openssl.cnf loads another engine under the name %s: %s"),
                   id, path);
}

void doctor_engines(struct doctor *d, const CONF *conf)
{
    const STACK_OF(CONF_VALUE) *entries = config_plugins(conf, "engines");

    for (int i = 0; i < sk_CONF_VALUE_num(entries); i++)
        check_entry(d, conf, sk_CONF_VALUE_value(entries, i));
}
