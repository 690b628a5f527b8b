/*
 * The registry's folder, its lock, and the list of what was put there, which
 * sha256sum --check reads too.
 */
#define _GNU_SOURCE /* secure_getenv */
#include "card/tool/registry_int.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "card/base/folder.h"

#define LIST_TITLE                                                             \
    "# Written by tessera activate; tessera deactivate removes these files.\n"
#define LIST_MADE "# folders made: "

enum {
    LIST_BYTES_MAX = 1 << 18,
    OTHERS_WRITE = S_IWGRP | S_IWOTH,
    MAKE_MAX = 2, /* ~/.config and ~/.config/tessera */
    LOCK_TRIES = 100,
    LOCK_PAUSE_NS = 100000000
};

/* ---- names and hashes ---------------------------------------------------- */

bool registry_safe(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789._-";

    return name[0] != '\0' && name[0] != '.' && name[0] != '-' &&
           strspn(name, allowed) == strlen(name);
}

static bool is_trust(const char *name)
{
    size_t len = strlen(name);

    return len > 4 && strcmp(name + len - 4, ".crt") == 0;
}

bool registry_of_card(const char *name, const char *stem)
{
    static const char prefix[] = "tessera-";
    size_t len = strlen(stem);

    if (is_trust(name) && strncmp(name, prefix, sizeof(prefix) - 1) == 0)
        name += sizeof(prefix) - 1;
    return strncmp(name, stem, len) == 0 && name[len] == '-';
}

int registry_place(const struct registry *r, const char *name,
                   const char **path)
{
    *path = is_trust(name) ? REGISTRY_TRUST : r->path;
    return is_trust(name) ? r->trust : r->folder;
}

void registry_hash(struct bytes content, char hash[REGISTRY_HASH_MAX])
{
    unsigned char value[EVP_MAX_MD_SIZE];
    size_t len = 0;

    if (EVP_Q_digest(NULL, "SHA256", NULL, content.data, content.len, value,
                     &len) != 1)
        len = 0;
    bytes_to_hex(bytes_from(value, len), hash, REGISTRY_HASH_MAX);
    for (char *c = hash; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
}

/* ---- the list ------------------------------------------------------------ */

bool registry_list_has(const struct registry *r, const char *name,
                       const char *hash)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->entries[i].name, name) == 0 &&
            strcmp(r->entries[i].hash, hash) == 0)
            return true;
    return false;
}

bool registry_list_add(struct registry *r, const char *name, const char *hash)
{
    struct registry_entry *entry = &r->entries[r->count];

    if (registry_list_has(r, name, hash))
        return true;
    if (r->count == REGISTRY_ENTRIES)
        return false;
    snprintf(entry->name, sizeof(entry->name), "%s", name);
    snprintf(entry->hash, sizeof(entry->hash), "%s", hash);
    r->count++;
    return true;
}

void registry_list_drop(struct registry *r, const char *name)
{
    size_t kept = 0;

    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->entries[i].name, name) != 0)
            r->entries[kept++] = r->entries[i];
    r->count = kept;
}

bool registry_has(const struct registry *r, const char *stem)
{
    for (size_t i = 0; i < r->count; i++)
        if (stem == NULL ? strcmp(r->entries[i].name, REGISTRY_CONF) != 0
                         : registry_of_card(r->entries[i].name, stem))
            return true;
    return false;
}

/* "HASH  NAME". */
static bool take_line(struct registry *r, char *line)
{
    const size_t digits = REGISTRY_HASH_MAX - 1;
    const char *name = line + digits + 2;

    if (sscanf(line, LIST_MADE "%zu", &r->made) == 1 || line[0] == '#')
        return true;
    if (strspn(line, "0123456789abcdef") != digits ||
        strncmp(line + digits, "  ", 2) != 0 || !registry_safe(name) ||
        strlen(name) >= REGISTRY_NAME_MAX || (is_trust(name) && !r->system))
        return false;
    line[digits] = '\0';
    return registry_list_add(r, name, line);
}

static bool take_lines(struct registry *r, char *text)
{
    char *rest = NULL;

    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest))
        if (!take_line(r, line))
            return false;
    return true;
}

/* False: the file is damaged, after a message. A missing one is empty. */
static bool read_list(struct registry *r)
{
    struct stat st;
    struct buf file;
    char *text;
    bool ok;

    if (fstatat(r->folder, REGISTRY_LIST, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
        errno == ENOENT)
        return true;
    ok = folder_read(r->folder, REGISTRY_LIST, LIST_BYTES_MAX, &file) &&
         (text = strndup((const char *)file.data, file.len)) != NULL;
    if (ok) {
        ok = take_lines(r, text);
        free(text);
    }
    buf_free(&file);
    if (!ok)
        tool_error(r->t, _("%s/%s is damaged, or not yours alone: look at the "
                           "files in that folder and remove what is not "
                           "needed"), r->path, REGISTRY_LIST);
    return ok;
}

BIO *registry_list_text(const struct registry *r)
{
    BIO *text = BIO_new(BIO_s_mem());

    if (text == NULL)
        return NULL;
    BIO_printf(text, "%s%s%zu\n", LIST_TITLE, LIST_MADE, r->made);
    for (size_t i = 0; i < r->count; i++)
        BIO_printf(text, "%s  %s\n", r->entries[i].hash, r->entries[i].name);
    return text;
}

/* ---- the folder ---------------------------------------------------------- */

bool registry_path(bool system, char *out, size_t cap)
{
    const char *xdg = secure_getenv("XDG_CONFIG_HOME");
    const char *home = secure_getenv("HOME");
    int len = -1;

    if (system)
        len = snprintf(out, cap, "%s", REGISTRY_SYSTEM);
    else if (xdg != NULL && xdg[0] == '/')
        len = snprintf(out, cap, "%s/tessera", xdg);
    else if (home != NULL && home[0] == '/')
        len = snprintf(out, cap, "%s/.config/tessera", home);
    return len > 0 && (size_t)len < cap;
}

/* How many folders of the path are missing. */
static size_t count_missing(const char *path)
{
    char above[4096];
    struct stat st;
    size_t missing = 0;
    char *slash;

    snprintf(above, sizeof(above), "%s", path);
    while (lstat(above, &st) < 0 && errno == ENOENT &&
           (slash = strrchr(above, '/')) != NULL && slash != above) {
        missing++;
        *slash = '\0';
    }
    return missing;
}

static bool make_folders(char *path, size_t missing)
{
    char *slash = strrchr(path, '/');
    bool above;

    if (missing == 0)
        return true;
    *slash = '\0';
    above = make_folders(path, missing - 1);
    *slash = '/';
    return above && (mkdir(path, 0700) == 0 || errno == EEXIST);
}

void registry_make_for(const char *file)
{
    const char *name = strrchr(file, '/');
    char path[4096];

    for (int system = 0; name != NULL && system <= 1; system++) {
        size_t missing;

        if (!registry_path(system, path, sizeof(path)) ||
            strlen(path) != (size_t)(name - file) ||
            strncmp(path, file, strlen(path)) != 0)
            continue;
        missing = count_missing(path);
        if (missing > 0 && missing <= MAKE_MAX &&
            make_folders(path, missing) && system)
            chmod(path, 0755);
    }
}

static bool open_folder(struct registry *r, bool make)
{
    size_t missing = count_missing(r->path);

    if (missing > 0 && !make)
        return true;
    r->made = missing;
    if (make_folders(r->path, missing) &&
        (r->folder = folder_open(r->path, OTHERS_WRITE)) >= 0)
        return missing == 0 || !r->system || fchmod(r->folder, 0755) == 0;
    tool_error(r->t, missing > 0
                         ? _("the folder %s cannot be made: %s. Nothing was "
                             "changed")
                         : _("the folder %s is not used: it must be a folder, "
                             "yours, and for nobody else to write (%s)"),
               r->path, strerror(errno));
    return false;
}

/* Whoever reads a folder can hold its lock: that must not last for ever. */
static bool lock(int folder)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};

    for (int tries = 0; tries < LOCK_TRIES; tries++) {
        if (flock(folder, LOCK_EX | LOCK_NB) == 0)
            return true;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return false;
        nanosleep(&pause, NULL);
    }
    errno = EBUSY;
    return false;
}

static bool open_all(struct registry *r, bool make)
{
    if (!open_folder(r, make))
        return false;
    if (r->folder < 0)
        return true;
    if (!lock(r->folder)) {
        tool_error(r->t, _("the folder %s cannot be locked: %s"), r->path,
                   strerror(errno));
        return false;
    }
    if (r->system)
        r->trust = folder_open(REGISTRY_TRUST, S_IWOTH); /* Debian: 2775 */
    write_clean(r->folder);
    if (r->trust >= 0)
        write_clean(r->trust);
    return read_list(r);
}

bool registry_allows_system(struct tool *t)
{
    if (geteuid() == 0)
        return true;
    tool_error(t, _("only root may do that for this machine: sudo tessera %s "
                    "--system"), t->command);
    return false;
}

struct registry *registry_open(struct tool *t, bool system, bool make,
                               int *status)
{
    struct registry *r = calloc(1, sizeof(*r));

    *status = TOOL_REFUSED;
    if (r == NULL) {
        tool_error(t, _("out of memory"));
        return NULL;
    }
    r->t = t;
    r->system = system;
    r->folder = r->trust = -1;
    if (!registry_path(system, r->path, sizeof(r->path))) {
        tool_error(t, _("where your settings are is not known: HOME is not "
                        "set"));
    } else if ((!system || registry_allows_system(t)) && open_all(r, make)) {
        *status = TOOL_DONE;
        return r;
    }
    registry_close(r);
    return NULL;
}

/* Those that activate made, and only while nothing is in them. */
static void remove_empty(struct registry *r)
{
    char *slash;

    for (; r->made > 0 && (rmdir(r->path) == 0 || errno == ENOENT); r->made--)
        if ((slash = strrchr(r->path, '/')) == NULL || slash == r->path)
            break;
        else
            *slash = '\0';
}

void registry_close(struct registry *r)
{
    if (r == NULL)
        return;
    if (r->folder >= 0)
        close(r->folder);
    if (r->trust >= 0)
        close(r->trust);
    remove_empty(r);
    free(r);
}
