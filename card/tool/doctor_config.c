/*
 * openssl.cnf: is the provider activated there, in a sane order, with keys that
 * it knows, and does no other serve the same URIs?
 */
#include "card/tool/doctor.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/store.h>

#include "card/tool/config.h"
#include "card/tool/ossl.h"
#include "card/tool/registry.h"

enum { REMEDY_MAX = PATH_MAX + 128 };

/* A configuration as it stands, and what was found in it. */
struct config {
    char *path;
    CONF *conf;
    const char *name; /* of our provider's entry, lent; NULL: there is none */
};

/* ---- what is written there ----------------------------------------------- */

static bool is_section(const CONF *conf, const char *name)
{
    return NCONF_get_section(conf, name) != NULL;
}

static bool is_active(const CONF *conf, const char *section)
{
    static const char *const no[] = {"0", "no", "off", "false"};
    const char *value = NCONF_get_string(conf, section, "activate");

    for (size_t i = 0; value != NULL && i < nitems(no); i++)
        if (strcasecmp(value, no[i]) == 0)
            return false;
    return value != NULL;
}

/* What activate wrote for this user may be there, and this terminal new. */
static void activation_remedy(char *out, size_t cap)
{
    char path[PATH_MAX];
    size_t used;

    if (registry_path(false, path, sizeof(path))) {
        used = strlen(path);
        snprintf(path + used, sizeof(path) - used, "/" REGISTRY_CONF);
        if (access(path, R_OK) == 0) {
            snprintf(out, cap, _("in this terminal: export OPENSSL_CONF=%s"),
                     path);
            return;
        }
    }
    snprintf(out, cap, "%s", _("tessera activate, for this user; sudo tessera "
                               "activate --system, for the machine"));
}

/* Why there are no providers: a name that leads nowhere, or none at all. */
static void tell_none(struct doctor *d, const struct config *c)
{
    const char *init = NCONF_get_string(c->conf, NULL, "openssl_conf");
    const char *list = init != NULL
                           ? NCONF_get_string(c->conf, init, "providers")
                           : NULL;
    char remedy[REMEDY_MAX];

    if (list != NULL || (init != NULL && !is_section(c->conf, init))) {
        doctor_finding(d, "config", _("correct the name of the section"),
                       _("%s names the section [%s], and there is none of that "
                         "name"), c->path, list != NULL ? list : init);
    } else {
        activation_remedy(remedy, sizeof(remedy));
        doctor_finding(d, "config", remedy,
                       _("%s activates no provider: programs do not find "
                         "tessera"), c->path);
    }
}

/* Where an entry stands, from 0; -1: nowhere. */
static int place_of(const STACK_OF(CONF_VALUE) *entries, const char *name)
{
    for (int i = 0; i < sk_CONF_VALUE_num(entries); i++) {
        const CONF_VALUE *entry = sk_CONF_VALUE_value(entries, i);

        if (strcmp(config_plain_name(entry->name), name) == 0)
            return i;
    }
    return -1;
}

static void check_sections(struct doctor *d, const struct config *c,
                           const STACK_OF(CONF_VALUE) *entries)
{
    for (int i = 0; i < sk_CONF_VALUE_num(entries); i++) {
        const CONF_VALUE *entry = sk_CONF_VALUE_value(entries, i);

        if (!is_section(c->conf, entry->value))
            doctor_finding(d, "config", _("correct the name of the section"),
                           _("the provider %s in %s has the section [%s], and "
                             "there is none of that name"),
                           config_plain_name(entry->name), c->path,
                           entry->value);
    }
}

static int find_ours(const struct config *c,
                     const STACK_OF(CONF_VALUE) *entries)
{
    for (int i = 0; i < sk_CONF_VALUE_num(entries); i++)
        if (config_is_tessera(c->conf, sk_CONF_VALUE_value(entries, i)))
            return i;
    return -1;
}

/* True: tessera is activated. */
static bool check_ours(struct doctor *d, struct config *c,
                       const STACK_OF(CONF_VALUE) *entries, int at)
{
    const CONF_VALUE *entry;

    if (at < 0) {
        doctor_finding(d, "config",
                       _("write at its end: .include /usr/share/doc/tessera/"
                         "examples/openssl.cnf"),
                       _("%s does not name tessera among its providers"),
                       c->path);
        return false;
    }
    entry = sk_CONF_VALUE_value(entries, at);
    if (!is_section(c->conf, entry->value))
        return false; /* that was told */
    if (!is_active(c->conf, entry->value)) {
        doctor_finding(d, "config", _("write activate = 1 in that section"),
                       _("tessera is not activated in [%s] of %s"),
                       entry->value, c->path);
        return false;
    }
    c->name = config_plain_name(entry->name);
    return true;
}

/* True: it is active, so the rest of the configuration can be tried. */
static bool check_default(struct doctor *d, const struct config *c,
                          const STACK_OF(CONF_VALUE) *entries, int ours)
{
    int at = place_of(entries, "default");

    if (at < 0 ||
        !is_active(c->conf, sk_CONF_VALUE_value(entries, at)->value)) {
        doctor_finding(d, "config_default",
                       _("name default before tessera, with a section of its "
                         "own that says activate = 1"),
                       _("%s activates providers, but not OpenSSL's own, "
                         "\"default\": nothing works without it"), c->path);
        return false;
    }
    if (at > ours)
        doctor_finding(d, "config_order",
                       _("move the line of default before tessera's"),
                       _("%s names tessera before default, so that OpenSSL "
                         "gives it keys in files and new keys as well"),
                       c->path);
    return true;
}

/* ---- what it does -------------------------------------------------------- */

/* The provider reads its section when a key is first wanted. */
static bool try_settings(const void *arg, char *text, size_t cap)
{
    const struct config *c = arg;
    OSSL_LIB_CTX *libctx = OSSL_LIB_CTX_new();
    OSSL_STORE_CTX *store;

    if (libctx == NULL || OSSL_LIB_CTX_load_config(libctx, c->path) != 1) {
        ossl_error(text, cap);
        return false;
    }
    store = OSSL_STORE_open_ex("card://", libctx, NULL, NULL, NULL, NULL, NULL,
                               NULL);
    if (store == NULL)
        ossl_error(text, cap);
    return store != NULL;
}

struct clash {
    const char *ours;
    char *text;
    size_t cap;
};

static void note_loader(OSSL_STORE_LOADER *loader, void *arg)
{
    struct clash *clash = arg;
    const char *name =
        OSSL_PROVIDER_get0_name(OSSL_STORE_LOADER_get0_provider(loader));

    if (OSSL_STORE_LOADER_is_a(loader, "pkcs11") &&
        strcmp(name, clash->ours) != 0)
        snprintf(clash->text, clash->cap, "%s", name);
}

/* The words are the name of another provider that serves pkcs11: URIs. */
static bool find_clash(const void *arg, char *text, size_t cap)
{
    const struct config *c = arg;
    struct clash clash = {c->name, text, cap};
    OSSL_LIB_CTX *libctx = OSSL_LIB_CTX_new();

    text[0] = '\0';
    if (libctx != NULL && OSSL_LIB_CTX_load_config(libctx, c->path) == 1)
        OSSL_STORE_LOADER_do_all_provided(libctx, note_loader, &clash);
    return text[0] == '\0';
}

static void check_settings(struct doctor *d, const struct config *c)
{
    char text[512];

    if (doctor_apart(try_settings, c, text, sizeof(text)))
        doctor_ok(d, "settings", _("the provider takes its settings"));
    else if (!d->pin_file || strstr(text, "PIN file") == NULL) /* else told */
        doctor_finding(d, "settings", _("correct what is named"),
                       _("with %s: %s"), c->path, text);
}

static void check_clash(struct doctor *d, const struct config *c)
{
    char text[512];

    if (!doctor_apart(find_clash, c, text, sizeof(text)))
        doctor_finding(d, "clash",
                       _("activate one of them only: tessera takes that one's "
                         "settings (MIGRATE-pkcs11-provider.md)"),
                       _("another provider serves pkcs11: URIs as well, and "
                         "which one OpenSSL asks is chance: %s"), text);
}

/* ---- all of it ----------------------------------------------------------- */

static void check_content(struct doctor *d, struct config *c)
{
    const STACK_OF(CONF_VALUE) *entries = config_plugins(c->conf, "providers");
    unsigned before = d->findings;
    int ours;

    doctor_engines(d, c->conf);
    if (entries == NULL) {
        tell_none(d, c);
        return;
    }
    check_sections(d, c, entries);
    ours = find_ours(c, entries);
    if (!check_ours(d, c, entries, ours) ||
        !check_default(d, c, entries, ours))
        return;
    if (d->findings == before)
        doctor_ok(d, "config", _("%s activates tessera"), c->path);
    if (!d->provider)
        return;
    check_settings(d, c);
    check_clash(d, c);
}

static bool load(struct doctor *d, struct config *c)
{
    char text[512];
    long line = 0;

    if (c->path == NULL || (c->conf = NCONF_new(NULL)) == NULL)
        return false;
    if (access(c->path, R_OK) < 0) {
        doctor_finding(d, "config",
                       _("correct the variable OPENSSL_CONF, or the file's "
                         "mode"),
                       _("OpenSSL's configuration %s cannot be read: %s"),
                       c->path, strerror(errno));
        return false;
    }
    if (NCONF_load(c->conf, c->path, &line) > 0)
        return true;
    ossl_error(text, sizeof(text));
    doctor_finding(d, "config", _("correct that line"),
                   _("OpenSSL's configuration %s is malformed in line %ld: "
                     "%s"), c->path, line, text);
    return false;
}

void doctor_config(struct doctor *d)
{
    struct config c = {.path = CONF_get1_default_config_file()};

    if (load(d, &c))
        check_content(d, &c);
    NCONF_free(c.conf);
    OPENSSL_free(c.path);
    ERR_clear_error();
}
