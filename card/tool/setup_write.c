/*
 * setup --write: a block of ours in a file that is somebody's. Marks stand
 * around it, so that it can be replaced, and found by who looks for it.
 */
#define _GNU_SOURCE /* memmem */
#include "card/tool/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "card/base/folder.h"
#include "card/tool/registry.h"

enum {
    FILE_MAX = 1 << 20,
    BACKUPS_MAX = 100,
    OTHERS_WRITE = S_IWGRP | S_IWOTH,
    MODE_NEW = 0644
};

/* The file as it is and as it is to be. */
struct target {
    struct tool *t;
    int folder;
    char path[SETUP_PATH_MAX]; /* of the folder */
    char name[WRITE_NAME_MAX];
    bool exists;
    mode_t mode;
    struct buf now;
    char *next;
    size_t next_len;
};

/* ---- the folder and the file --------------------------------------------- */

static bool split(struct target *f, const char *file)
{
    char *folder = strdup(file), *name = strdup(file);
    bool ok = folder != NULL && name != NULL &&
              (size_t)snprintf(f->path, sizeof(f->path), "%s",
                               dirname(folder)) < sizeof(f->path) &&
              (size_t)snprintf(f->name, sizeof(f->name), "%s",
                               basename(name)) < sizeof(f->name);

    free(folder);
    free(name);
    if (!ok)
        tool_error(f->t, _("%s: the name is too long"), file);
    return ok;
}

/* The folder of PEM files is made; others are the programs'. */
static bool open_folder(struct target *f, const struct setup *s)
{
    struct stat st;

    if (strcmp(f->path, s->folder) == 0 && lstat(f->path, &st) < 0 &&
        folder_make(f->path, OTHERS_WRITE) &&
        strcmp(f->path, REGISTRY_SYSTEM) == 0)
        chmod(f->path, 0755);
    if ((f->folder = folder_open(f->path, OTHERS_WRITE)) >= 0)
        return true;
    if (lstat(f->path, &st) < 0 && errno == ENOENT)
        tool_error(f->t, _("the folder %s is not there: install %s first, or "
                           "name the file with --file"), f->path,
                   s->program->name);
    else if (geteuid() != 0 && s->program->service != NULL)
        tool_error(f->t, _("only root may write %s: put sudo before the "
                           "command"), s->file);
    else
        tool_error(f->t, _("the folder %s is not used: it must be a folder, "
                           "yours, and for nobody else to write"), f->path);
    return false;
}

static bool read_file(struct target *f)
{
    struct stat st;

    if (fstatat(f->folder, f->name, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
        errno == ENOENT) {
        f->mode = MODE_NEW;
        return true;
    }
    if (!folder_read(f->folder, f->name, FILE_MAX, &f->now)) {
        tool_error(f->t, _("%s/%s is left alone: it is no plain file, or not "
                           "yours, or others may write to it, or it is too "
                           "large. Paste what tessera setup prints without "
                           "--write"), f->path, f->name);
        return false;
    }
    f->exists = true;
    f->mode = st.st_mode & 0777;
    return true;
}

/* ---- the block ----------------------------------------------------------- */

static struct bytes find(struct bytes all, const char *mark)
{
    const uint8_t *at =
        all.len == 0 ? NULL : memmem(all.data, all.len, mark, strlen(mark));

    return at == NULL ? bytes_from(NULL, 0)
                      : bytes_from(at, (size_t)(all.data + all.len - at));
}

static void put(FILE *to, struct bytes part)
{
    if (part.len > 0)
        fwrite(part.data, 1, part.len, to);
}

/*
 * What stands before our block and behind it. Without one all is before. False:
 * it begins and does not end.
 */
static bool cut(const struct target *f, const char *start, const char *end,
                struct bytes *before, struct bytes *behind)
{
    struct bytes all = buf_view(&f->now), block = find(all, start), rest, done;

    *before = bytes_from(all.data, all.len - block.len);
    *behind = bytes_from(NULL, 0);
    if (block.len == 0)
        return true;
    rest = find(block, end);
    *behind = rest;
    return bytes_take(behind, strlen(end), &done);
}

static bool compose(struct target *f, const struct setup *s)
{
    char start[64], end[64];
    struct bytes before, behind;
    FILE *to = NULL;

    snprintf(start, sizeof(start), "# >>> tessera setup %s\n",
             s->program->name);
    snprintf(end, sizeof(end), "# <<< tessera setup %s\n", s->program->name);
    if (!cut(f, start, end, &before, &behind)) {
        tool_error(f->t, _("%s/%s is left alone: of the block of tessera in it "
                           "the last line is missing (%.*s)"), f->path,
                   f->name, (int)strlen(end) - 1, end);
        return false;
    }
    if ((to = open_memstream(&f->next, &f->next_len)) == NULL) {
        tool_error(f->t, _("out of memory"));
        return false;
    }
    put(to, before);
    if (before.len > 0 && before.data[before.len - 1] != '\n')
        fputc('\n', to);
    fprintf(to, "%s%s%s", start, s->text, end);
    put(to, behind);
    if (fclose(to) == 0)
        return true;
    tool_error(f->t, _("out of memory"));
    return false;
}

/* ---- the change ---------------------------------------------------------- */

/* A name nothing has yet: of the first change, of the second... */
static bool name_backup(const struct target *f, char out[WRITE_NAME_MAX])
{
    struct stat st;

    for (int i = 1; i <= BACKUPS_MAX; i++) {
        char number[16] = "";

        if (i > 1)
            snprintf(number, sizeof(number), ".%d", i);
        if ((size_t)snprintf(out, WRITE_NAME_MAX, "%s.tessera-backup%s",
                             f->name, number) >= WRITE_NAME_MAX)
            break;
        if (fstatat(f->folder, out, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
            errno == ENOENT)
            return true;
    }
    tool_error(f->t, _("%s/%s is left alone: there is no name left for a "
                       "backup beside it"), f->path, f->name);
    return false;
}

static bool replace(const struct target *f, const char *backup)
{
    struct write_batch *b = write_begin(f->t);
    bool ok;

    ok = b != NULL &&
         (!f->exists || write_add(b, f->folder, f->path, backup, f->mode,
                                  buf_view(&f->now))) &&
         write_add(b, f->folder, f->path, f->name, f->mode,
                   bytes_from(f->next, f->next_len)) &&
         write_commit(b);
    write_end(b);
    return ok;
}

static int change(struct target *f, bool *changed, char backup[SETUP_PATH_MAX])
{
    char name[WRITE_NAME_MAX] = "";

    *changed = !f->exists || !bytes_equal(buf_view(&f->now),
                                          bytes_from(f->next, f->next_len));
    if (!*changed)
        return TOOL_DONE;
    if (f->exists && !name_backup(f, name))
        return TOOL_REFUSED;
    if (!replace(f, name))
        return TOOL_FAILED;
    if (f->exists &&
        (size_t)snprintf(backup, SETUP_PATH_MAX, "%s/%s", f->path, name) >=
            SETUP_PATH_MAX)
        backup[0] = '\0';
    return TOOL_DONE;
}

/* One text for both, or each would undo what the other wrote. */
static int write_shared(const struct setup *s, bool *changed)
{
    struct registry_files files = {.count = 0};
    int status;
    struct registry *r = registry_open(s->t, false, true, &status);

    if (r == NULL)
        return status;
    if (registry_add_conf(r, &files)) {
        status = registry_put(r, &files, changed);
    } else {
        tool_error(s->t, _("out of memory"));
        status = TOOL_FAILED;
    }
    registry_files_free(&files);
    registry_close(r);
    return status;
}

int setup_write(const struct setup *s, bool *changed,
                char backup[SETUP_PATH_MAX])
{
    struct target *f;
    int status = TOOL_REFUSED;

    *changed = false;
    backup[0] = '\0';
    if (s->shared)
        return write_shared(s, changed);
    f = calloc(1, sizeof(*f));
    if (f == NULL) {
        tool_error(s->t, _("out of memory"));
        return TOOL_FAILED;
    }
    f->t = s->t;
    f->folder = -1;
    if (split(f, s->file) && open_folder(f, s) && read_file(f) &&
        compose(f, s))
        status = change(f, changed, backup);
    if (f->folder >= 0)
        close(f->folder);
    buf_free(&f->now);
    free(f->next);
    free(f);
    return status;
}
