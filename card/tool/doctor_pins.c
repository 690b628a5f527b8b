/*
 * Who can read PINs: those in openssl.cnf and what it includes, their files,
 * the environment. And what `activate` registered.
 */
#define _GNU_SOURCE /* faccessat's AT_EACCESS, environ */
#include "card/tool/doctor.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "card/base/secret.h"
#include "card/tool/registry.h"

enum { INCLUDES_MAX = 4 }; /* deep */

/* ---- files of PINs ------------------------------------------------------- */

/* One that this user may not read is some service's. */
static void check_pin_file(struct doctor *d, const char *path)
{
    struct secret *pin = NULL;

    if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) < 0 &&
        faccessat(AT_FDCWD, path, F_OK, 0) == 0) {
        doctor_ok(d, "pin_file", _("the PIN file %s is not this user's"), path);
        return;
    }
    if (secret_from_file(path, &pin) == 0) {
        doctor_ok(d, "pin_file", _("the PIN file %s is its owner's alone"),
                  path);
        secret_free(pin);
        return;
    }
    d->pin_file = true;
    doctor_finding(d, "pin_file",
                   _("a PIN file is a file of its owner's or root's, with mode "
                     "600, and has the PIN alone in it"), "%s",
                   card_error_sentence());
}

/* ---- configuration ------------------------------------------------------- */

static char *trim(char *text)
{
    size_t len;

    text += strspn(text, " \t\"'");
    len = strlen(text);
    while (len > 0 && strchr(" \t\r\n\"'", text[len - 1]) != NULL)
        text[--len] = '\0';
    return text;
}

static void check_pin_text(struct doctor *d, const char *path, FILE *file)
{
    struct stat st;

    if (fstat(fileno(file), &st) == 0 &&
        (st.st_mode & (S_IRGRP | S_IROTH)) != 0)
        doctor_finding(d, "pin_text",
                       _("put it into a file of mode 600 and name that: pin = "
                         "file:/etc/tessera/pin; or chmod 600 this one"),
                       _("a PIN stands in %s, which others can read"), path);
    else
        doctor_ok(d, "pin_text", _("a PIN stands in %s, which its owner alone "
                                   "can read"), path);
}

static bool is_one_of(const char *key, const char *const keys[])
{
    while (*keys != NULL && strcasecmp(key, *keys) != 0)
        keys++;
    return *keys != NULL;
}

static void check_pair(struct doctor *d, const char *path, FILE *file,
                       const char *key, const char *value)
{
    static const char *const pins[] = {"pin", "pkcs11-module-token-pin", NULL};
    static const char *const sources[] = {"pin-source", NULL};
    bool is_file = strncmp(value, "file:", 5) == 0;

    if (value[0] == '\0' || (!is_one_of(key, pins) && !is_one_of(key, sources)))
        return;
    if (is_file)
        check_pin_file(d, value + 5);
    else if (is_one_of(key, sources))
        check_pin_file(d, value);
    else
        check_pin_text(d, path, file);
}

static void scan(struct doctor *d, const char *path, int depth);

/* A file, or a folder of them as libcrypto has it. */
static void scan_include(struct doctor *d, const char *path, int depth)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    const char *dot;
    char name[PATH_MAX];

    if (folder == NULL) {
        scan(d, path, depth);
        return;
    }
    while ((entry = readdir(folder)) != NULL) {
        dot = strrchr(entry->d_name, '.');
        if (dot == NULL ||
            (strcmp(dot, ".cnf") != 0 && strcmp(dot, ".conf") != 0))
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        scan(d, name, depth);
    }
    closedir(folder);
}

static void scan_line(struct doctor *d, const char *path, FILE *file,
                      char *line, int depth)
{
    static const char include[] = ".include";
    char *text = trim(line), *sign;

    if (strncmp(text, include, sizeof(include) - 1) == 0) {
        text += sizeof(include) - 1;
        scan_include(d, trim(text + strspn(text, " \t=")), depth + 1);
        return;
    }
    if (text[0] == '#' || (sign = strchr(text, '=')) == NULL)
        return;
    *sign = '\0';
    check_pair(d, path, file, trim(text), trim(sign + 1));
}

/* libcrypto does not tell which file a value is from. */
static void scan(struct doctor *d, const char *path, int depth)
{
    FILE *file = depth <= INCLUDES_MAX ? fopen(path, "re") : NULL;
    char line[PATH_MAX];

    if (file == NULL)
        return;
    while (fgets(line, sizeof(line), file) != NULL)
        scan_line(d, path, file, line, depth);
    memory_wipe(line, sizeof(line));
    fclose(file);
}

/* ---- environment --------------------------------------------------------- */

static void check_environment(struct doctor *d)
{
    static const char variable[] = "PKCS11_PIN=", attribute[] = "pin-value=";
    unsigned before = d->findings;

    for (char **at = environ; at != NULL && *at != NULL; at++)
        if (strncmp(*at, variable, sizeof(variable) - 1) == 0 ||
            strstr(*at, attribute) != NULL)
            doctor_finding(d, "pin_environment",
                           _("unset it, and use a PIN file of mode 600: "
                             "programs that are started see all variables"),
                           _("a PIN stands in the environment, in %.*s"),
                           (int)strcspn(*at, "="), *at);
    if (d->findings == before)
        doctor_ok(d, "pin_environment", _("no PIN is in the environment"));
}

/* ---- what was registered ------------------------------------------------- */

static void check_registry(struct doctor *d)
{
    char path[PATH_MAX];
    struct stat st;

    if (!registry_path(false, path, sizeof(path)) || lstat(path, &st) < 0)
        return;
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
        (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        doctor_finding(d, "registry",
                       _("make it this user's own: chown, chmod 700; or remove "
                         "it and activate again"),
                       _("others can change what is registered in %s"), path);
    else
        doctor_ok(d, "registry", _("what activate registered is in %s"), path);
}

void doctor_pins(struct doctor *d)
{
    char *path = CONF_get1_default_config_file();

    if (path != NULL)
        scan(d, path, 0);
    OPENSSL_free(path);
    check_environment(d);
    check_registry(d);
}
