/*
 * What activate registered: putting files there, and taking them back.
 */
#include "card/tool/registry_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "card/base/folder.h"
#include "card/tool/ossl.h"
#include "card/tool/samples.h"
#include "card/tool/system_conf.h"

enum { FILE_BYTES_MAX = 1 << 20 };

/* ---- files to be --------------------------------------------------------- */

BIO *registry_file(struct registry_files *files, const char *name)
{
    BIO *content;

    if (files->count == REGISTRY_FILES || !registry_safe(name) ||
        strlen(name) >= REGISTRY_NAME_MAX ||
        (content = BIO_new(BIO_s_mem())) == NULL)
        return NULL;
    snprintf(files->files[files->count].name, REGISTRY_NAME_MAX, "%s", name);
    files->files[files->count++].content = content;
    return content;
}

void registry_files_free(struct registry_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        BIO_free(files->files[i].content);
    files->count = 0;
}

/* A user's file takes the system's place, and so begins with it. */
bool registry_add_conf(const struct registry *r, struct registry_files *files)
{
    BIO *out = registry_file(files, REGISTRY_CONF);
    char path[4096];

    if (out == NULL)
        return false;
    if (!r->system) {
        system_conf_path(path, sizeof(path));
        BIO_printf(out, "# Written by tessera activate or tessera setup.\n"
                        ".include %s\n\n", path);
    }
    return BIO_puts(out, sample_text(REGISTRY_CONF)) > 0;
}

void registry_read(const struct registry *r, const char *name, struct buf *out)
{
    *out = (struct buf){NULL, 0, 0};
    if (r->folder >= 0)
        folder_read(r->folder, name, FILE_BYTES_MAX, out);
}

/* ---- what is there ------------------------------------------------------- */

enum there {
    THERE_NOT,
    THERE_AS_LISTED, /* ours to replace or remove */
    THERE_AS_WANTED,
    THERE_OTHERWISE  /* changed since, or somebody else's */
};

/* `wanted` is a hash, or NULL. */
static enum there look(const struct registry *r, const char *name,
                       const char *wanted)
{
    char hash[REGISTRY_HASH_MAX];
    enum there there = THERE_OTHERWISE;
    struct buf content;
    struct stat st;
    const char *path;
    int folder = registry_place(r, name, &path);

    if (folder < 0 || (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
                       errno == ENOENT))
        return THERE_NOT;
    if (!folder_read(folder, name, FILE_BYTES_MAX, &content))
        return THERE_OTHERWISE;
    registry_hash(buf_view(&content), hash);
    if (wanted != NULL && strcmp(hash, wanted) == 0)
        there = THERE_AS_WANTED;
    else if (registry_list_has(r, name, hash))
        there = THERE_AS_LISTED;
    buf_free(&content);
    return there;
}

/* ---- put ----------------------------------------------------------------- */

/* What is to be done about one file: see look. */
struct plan {
    enum there there[REGISTRY_FILES];
    char hash[REGISTRY_FILES][REGISTRY_HASH_MAX];
};

static bool make_plan(const struct registry *r,
                      const struct registry_files *files, struct plan *plan)
{
    for (size_t i = 0; i < files->count; i++) {
        const char *name = files->files[i].name, *path;

        registry_hash(ossl_content(files->files[i].content), plan->hash[i]);
        plan->there[i] = look(r, name, plan->hash[i]);
        if (registry_place(r, name, &path) < 0) {
            tool_error(r->t, _("the folder %s is missing, or others may write "
                               "there"), path);
            return false;
        }
        if (plan->there[i] != THERE_OTHERWISE)
            continue;
        if (strcmp(name, REGISTRY_CONF) != 0) {
            tool_error(r->t, _("%s/%s is there already and is not what tessera "
                               "wrote: move it away. Nothing was changed"),
                       path, name);
            return false;
        }
        tool_say(r->t, _("%s/%s is kept as it is: it is not what tessera "
                         "activate writes, or was changed since"), path, name);
    }
    return true;
}

/* The list with what is to come, and either with or without what was. */
static bool list_plan(struct registry *r, const struct registry_files *files,
                      const struct plan *plan, bool keep)
{
    bool ok = true;

    for (size_t i = 0; i < files->count; i++) {
        if (plan->there[i] == THERE_OTHERWISE)
            continue;
        if (!keep)
            registry_list_drop(r, files->files[i].name);
        ok = ok &&
             registry_list_add(r, files->files[i].name, plan->hash[i]);
    }
    if (!ok)
        tool_error(r->t, _("%s is full"), r->path);
    return ok;
}

static mode_t mode_of(const struct registry *r)
{
    return r->system ? 0644 : 0600;
}

static bool add_list(const struct registry *r, struct write_batch *b)
{
    BIO *text = registry_list_text(r);
    bool ok = text != NULL &&
              write_add(b, r->folder, r->path, REGISTRY_LIST, mode_of(r),
                        ossl_content(text));

    BIO_free(text);
    return ok;
}

static bool add_files(const struct registry *r,
                      const struct registry_files *files,
                      const struct plan *plan, struct write_batch *b)
{
    for (size_t i = 0; i < files->count; i++) {
        const char *path, *name = files->files[i].name;
        int folder = registry_place(r, name, &path);

        if ((plan->there[i] == THERE_NOT ||
             plan->there[i] == THERE_AS_LISTED) &&
            !write_add(b, folder, path, name, mode_of(r),
                       ossl_content(files->files[i].content)))
            return false;
    }
    return true;
}

/*
 * The list goes first, with the old hashes and the new ones, and last with the
 * new ones alone: killed between, it still has whatever is there.
 */
static bool write_plan(struct registry *r, const struct registry_files *files,
                       const struct plan *plan, struct system_conf *system,
                       struct write_batch *b)
{
    return list_plan(r, files, plan, true) && add_list(r, b) &&
           add_files(r, files, plan, b) && list_plan(r, files, plan, false) &&
           add_list(r, b) &&
           (system == NULL || system_conf_add(system, b)) && write_commit(b);
}

static bool is_done(const struct registry *r,
                    const struct registry_files *files, const struct plan *plan)
{
    for (size_t i = 0; i < files->count; i++)
        if (plan->there[i] != THERE_OTHERWISE &&
            (plan->there[i] != THERE_AS_WANTED ||
             !registry_list_has(r, files->files[i].name, plan->hash[i])))
            return false;
    return true;
}

/* Of the machine and with openssl.cnf among the files: the include line too. */
static bool wants_system(const struct registry *r,
                         const struct registry_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        if (strcmp(files->files[i].name, REGISTRY_CONF) == 0)
            return r->system;
    return false;
}

static bool put(struct registry *r, const struct registry_files *files,
                const struct plan *plan, bool *changed)
{
    struct system_conf system, *with = NULL;
    struct write_batch *b;
    bool ok = true;

    if (wants_system(r, files)) {
        if (!system_conf_open(r->t, &system))
            return false;
        with = &system;
    }
    *changed = !is_done(r, files, plan) ||
               (with != NULL && !system_conf_has(with));
    if (*changed) {
        b = write_begin(r->t);
        ok = b != NULL && write_plan(r, files, plan, with, b);
        write_end(b);
    }
    if (with != NULL)
        system_conf_close(with);
    return ok;
}

int registry_put(struct registry *r, const struct registry_files *files,
                 bool *changed)
{
    struct plan *plan = calloc(1, sizeof(*plan));
    int status = TOOL_FAILED;

    if (plan == NULL)
        tool_error(r->t, _("out of memory"));
    else if (!make_plan(r, files, plan))
        status = TOOL_REFUSED;
    else if (put(r, files, plan, changed))
        status = TOOL_DONE;
    free(plan);
    return status;
}

/* ---- remove -------------------------------------------------------------- */

static void remove_file(struct registry *r, const char *name, size_t *removed)
{
    const char *path;
    int folder = registry_place(r, name, &path);

    switch (look(r, name, NULL)) {
    case THERE_NOT:
        break;
    case THERE_OTHERWISE:
        tool_say(r->t, _("%s/%s is left: it was changed since it was "
                         "registered"), path, name);
        break;
    default:
        if (unlinkat(folder, name, 0) < 0) {
            tool_error(r->t, _("%s/%s cannot be removed: %s"), path, name,
                       strerror(errno));
            return;
        }
        ++*removed;
    }
    registry_list_drop(r, name);
}

/* What stays in the list could not be removed. */
static void remove_files(struct registry *r, const char *stem, size_t *removed)
{
    char name[REGISTRY_NAME_MAX];
    size_t before;

    for (size_t i = 0; i < r->count;) {
        before = r->count;
        memcpy(name, r->entries[i].name, sizeof(name));
        if (stem == NULL || registry_of_card(name, stem))
            remove_file(r, name, removed);
        if (r->count == before)
            i++;
    }
}

static bool remove_include(struct registry *r)
{
    struct system_conf system;
    char path[4096];
    bool ok;

    system_conf_path(path, sizeof(path));
    if (!r->system || (access(path, F_OK) < 0 && errno == ENOENT))
        return true;
    if (!system_conf_open(r->t, &system))
        return false;
    ok = system_conf_remove(&system);
    system_conf_close(&system);
    return ok;
}

static bool write_list(struct registry *r)
{
    struct write_batch *b = write_begin(r->t);
    bool ok = b != NULL && add_list(r, b) && write_commit(b);

    write_end(b);
    return ok;
}

/* With the last card goes what all share: the include line before its file. */
int registry_remove(struct registry *r, const char *stem, size_t *removed)
{
    *removed = 0;
    if (r->folder < 0)
        return TOOL_DONE;
    if (stem != NULL)
        remove_files(r, stem, removed);
    if (stem == NULL || !registry_has(r, NULL)) {
        if (!remove_include(r))
            return TOOL_FAILED;
        remove_files(r, NULL, removed);
    }
    if (r->count == 0)
        unlinkat(r->folder, REGISTRY_LIST, 0);
    else if (!write_list(r))
        return TOOL_FAILED;
    return stem == NULL && r->count > 0 ? TOOL_FAILED : TOOL_DONE;
}
