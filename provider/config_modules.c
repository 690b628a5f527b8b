/*
 * The PKCS#11 modules of the configuration and the environment. A module sees
 * the PIN and runs as the program, so whoever can replace it, or a folder on
 * the way to it, must be trusted already (threat T24). What is loaded later is
 * the path without links that was looked at, not the one that led there.
 */
#define _XOPEN_SOURCE 700 /* realpath, S_ISVTX */
#include "provider/config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

/* --- Trust ---------------------------------------------------------------- */

static int refuse(const char *module, const char *entry, const char *why)
{
    bool itself = strcmp(module, entry) == 0;

    return card_fail(CARD_E_CONFIG, "PKCS#11 module %s: %s%s%s", module,
                     itself ? "" : entry, itself ? "" : " ", why);
}

/*
 * Whoever owns the root folder has everything: it is root, but looks like
 * nobody where user namespaces do not map root.
 */
static bool is_trusted(uid_t owner)
{
    struct stat root;

    return owner == 0 || owner == geteuid()
           || (stat("/", &root) == 0 && owner == root.st_uid);
}

/* In a sticky folder only an entry's owner can replace it. */
static bool others_can_write(const struct stat *st)
{
    bool group = (st->st_mode & S_IWGRP) != 0 && st->st_gid != 0;
    bool sticky = S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) != 0;

    return (group || (st->st_mode & S_IWOTH) != 0) && !sticky;
}

/* A link has no mode of its own, but its owner can lead it elsewhere. */
static int check_entry(const char *module, const char *entry)
{
    struct stat st;

    if (lstat(entry, &st) < 0)
        return refuse(module, entry, strerror(errno));
    if (!is_trusted(st.st_uid))
        return refuse(module, entry, "belongs to another user: chown it to "
                                     "root");
    if (!S_ISLNK(st.st_mode) && others_can_write(&st))
        return refuse(module, entry, "can be written by others: chmod go-w "
                                     "it");
    return 0;
}

/* The path and each folder in it. */
static int check_way(const char *module, const char *path)
{
    char entry[PATH_MAX];
    int rc = check_entry(module, "/");

    for (size_t i = 1; rc == 0 && i <= strlen(path); i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        snprintf(entry, sizeof(entry), "%.*s", (int)i, path);
        rc = check_entry(module, entry);
    }
    return rc;
}

/* Links may lead elsewhere: both ways must be safe. */
static int check_module(const char *path, char real[PATH_MAX])
{
    struct stat st;
    int rc;

    if (path[0] != '/')
        return refuse(path, path, "is no absolute path: name the file from / "
                                  "on");
    if (strlen(path) >= PATH_MAX)
        return refuse(path, path, "is too long");
    if (realpath(path, real) == NULL || stat(real, &st) < 0)
        return refuse(path, path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return refuse(path, path, "is not a regular file");
    if ((rc = check_way(path, path)) < 0)
        return rc;
    return check_way(path, real);
}

/* --- Which ---------------------------------------------------------------- */

static int add_module(const struct prov_ctx *ctx, struct prov_config *config,
                      const char *path, const char *init_args)
{
    struct card_module *module = &config->modules[config->module_count];
    char real[PATH_MAX];
    int rc = check_module(path, real);

    if (rc < 0)
        return card_fail_in(rc, "provider %s", ctx->name);
    if ((module->path = OPENSSL_strdup(real)) == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    module->init_args = init_args;
    config->module_count++;
    return 0;
}

void config_free_modules(struct prov_config *config)
{
    for (size_t i = 0; i < config->module_count; i++)
        OPENSSL_free(prov_unconst(config->modules[i].path));
    config->module_count = 0;
}

/*
 * The module without a number; *alone: the environment names it, and it
 * stands for all that are configured.
 */
static int read_first(const struct prov_ctx *ctx, struct prov_config *config,
                      bool *alone)
{
    static const char *const paths[] = {"pkcs11-module-path", "pkcs11_module",
                                        NULL};
    static const char *const arguments[] = {"pkcs11-module-init-args",
                                            "init_args", NULL};
    const char *environment = config_environment("PKCS11_PROVIDER_MODULE");
    const char *key, *path, *init_args;
    int rc;

    if ((rc = config_one_of(ctx, paths, &key, &path)) < 0
        || (rc = config_one_of(ctx, arguments, &key, &init_args)) < 0)
        return rc;
    *alone = environment != NULL && config_setting(ctx, paths[0]) == NULL;
    if (*alone)
        path = environment;
    if (path == NULL)
        path = config_environment("PKCS11_MODULE_PATH");
    if (path == NULL && init_args != NULL)
        return card_fail(CARD_E_CONFIG, "%s in the section of provider %s, and "
                         "no pkcs11-module-path", key, ctx->name);
    return path == NULL ? 0 : add_module(ctx, config, path, init_args);
}

static int read_numbered(const struct prov_ctx *ctx, unsigned number,
                         struct prov_config *config)
{
    char path_key[40], arguments_key[40];
    const char *path, *init_args;

    snprintf(path_key, sizeof(path_key), "pkcs11-module-path.%u", number);
    snprintf(arguments_key, sizeof(arguments_key),
             "pkcs11-module-init-args.%u", number);
    path = config_value(ctx, path_key);
    init_args = config_value(ctx, arguments_key);
    if (path == NULL && init_args != NULL)
        return card_fail(CARD_E_CONFIG, "%s in the section of provider %s, and "
                         "no %s", arguments_key, ctx->name, path_key);
    return path == NULL ? 0 : add_module(ctx, config, path, init_args);
}

int config_read_modules(const struct prov_ctx *ctx, struct prov_config *config)
{
    bool alone = false;
    int rc = read_first(ctx, config, &alone);

    for (unsigned i = 2; rc == 0 && !alone && i <= PROV_MAX_MODULES; i++)
        rc = read_numbered(ctx, i, config);
    return rc;
}
