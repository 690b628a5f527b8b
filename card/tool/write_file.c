/*
 * Whole files: temporary names, fsync, rename.
 */
#include "card/tool/write_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPORARY_START ".tessera-"
#define TEMPORARY_END ".new"

struct write_batch *write_begin(struct tool *t)
{
    static const int waiting[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXFSZ};
    struct write_batch *b = calloc(1, sizeof(*b));
    sigset_t set;

    if (b == NULL) {
        tool_error(t, _("out of memory"));
        return NULL;
    }
    b->t = t;
    sigemptyset(&set);
    for (size_t i = 0; i < nitems(waiting); i++)
        sigaddset(&set, waiting[i]);
    sigprocmask(SIG_BLOCK, &set, &b->signals);
    return b;
}

static bool write_all(int fd, struct bytes content)
{
    while (content.len > 0) {
        ssize_t n = write(fd, content.data, content.len);
        struct bytes done;

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || !bytes_take(&content, (size_t)n, &done))
            return false;
    }
    return true;
}

static bool fill(int fd, mode_t mode, struct bytes content)
{
    bool ok = write_all(fd, content) && fchmod(fd, mode) == 0 && fsync(fd) == 0;
    int reason = errno;

    if (close(fd) < 0 && ok)
        return false;
    errno = reason;
    return ok;
}

/*
 * Services may read what is replaced by its group. Where that cannot be kept,
 * the group that it gets instead may what all may.
 */
static mode_t keep_group(int folder, const char *name, int fd, mode_t mode)
{
    struct stat st;

    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        !S_ISREG(st.st_mode) || fchown(fd, (uid_t)-1, st.st_gid) == 0)
        return mode;
    return (mode & ~(mode_t)S_IRWXG) | (mode & (mode_t)S_IRWXO) << 3;
}

bool write_add(struct write_batch *b, int folder, const char *path,
               const char *name, mode_t mode, struct bytes content)
{
    struct write_one *one = &b->files[b->count];
    int fd;

    if (b->count == WRITE_MAX || strlen(name) >= sizeof(one->name)) {
        tool_error(b->t, _("%s/%s cannot be written: too many or too long "
                           "names"), path, name);
        return false;
    }
    one->folder = folder;
    snprintf(one->name, sizeof(one->name), "%s", name);
    snprintf(one->temporary, sizeof(one->temporary),
             TEMPORARY_START "%ld-%zu" TEMPORARY_END, (long)getpid(),
             b->count);
    fd = openat(folder, one->temporary,
                O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0)
        b->count++;
    if (fd < 0 || !fill(fd, keep_group(folder, name, fd, mode), content)) {
        tool_error(b->t, _("%s/%s cannot be written: %s. Nothing was changed"),
                   path, name, strerror(errno));
        return false;
    }
    return true;
}

bool write_commit(struct write_batch *b)
{
    for (; b->placed < b->count; b->placed++) {
        const struct write_one *one = &b->files[b->placed];

        if (renameat(one->folder, one->temporary, one->folder, one->name) < 0) {
            tool_error(b->t, _("%s cannot be put in place: %s"), one->name,
                       strerror(errno));
            return false;
        }
    }
    /* What matters is done: a folder that cannot be forced to disk is kept. */
    for (size_t i = 0; i < b->count; i++)
        if (i == 0 || b->files[i].folder != b->files[i - 1].folder)
            fsync(b->files[i].folder);
    return true;
}

/* A write over the limit of ulimit -f left its signal behind. */
static void take_back_signal(void)
{
    static const struct timespec now = {0, 0};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGXFSZ);
    while (sigtimedwait(&set, NULL, &now) > 0)
        ;
}

void write_end(struct write_batch *b)
{
    if (b == NULL)
        return;
    for (size_t i = b->placed; i < b->count; i++)
        unlinkat(b->files[i].folder, b->files[i].temporary, 0);
    take_back_signal();
    sigprocmask(SIG_SETMASK, &b->signals, NULL);
    free(b);
}

static bool is_temporary(const char *name)
{
    size_t len = strlen(name), end = strlen(TEMPORARY_END);

    return bytes_start_with(bytes_of_string(name),
                            bytes_of_string(TEMPORARY_START)) &&
           len > end && strcmp(name + len - end, TEMPORARY_END) == 0;
}

void write_clean(int folder)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    while ((entry = readdir(dir)) != NULL)
        if (is_temporary(entry->d_name))
            unlinkat(folder, entry->d_name, 0);
    closedir(dir);
}

/* ---- --out --------------------------------------------------------------- */

static bool may_be_replaced(int folder, const char *name)
{
    struct stat st;

    return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0
               ? errno == ENOENT
               : S_ISREG(st.st_mode);
}

static int write_one_file(struct tool *t, const char *path, const char *name,
                          struct bytes content)
{
    struct write_batch *b;
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok;

    if (folder < 0) {
        tool_error(t, _("the folder %s cannot be opened: %s"), path,
                   strerror(errno));
        return TOOL_FAILED;
    }
    if (!may_be_replaced(folder, name)) {
        close(folder);
        tool_error(t, _("%s/%s is there and is no plain file: give another "
                        "name"), path, name);
        return TOOL_REFUSED;
    }
    b = write_begin(t);
    ok = b != NULL && write_add(b, folder, path, name, 0644, content) &&
         write_commit(b);
    write_end(b);
    close(folder);
    return ok ? TOOL_DONE : TOOL_FAILED;
}

int write_out(struct tool *t, const char *path, struct bytes content)
{
    char *folder = strdup(path), *name = strdup(path); /* both are written to */
    int status = TOOL_FAILED;

    if (folder == NULL || name == NULL)
        tool_error(t, _("out of memory"));
    else
        status = write_one_file(t, dirname(folder), basename(name), content);
    free(folder);
    free(name);
    return status;
}
