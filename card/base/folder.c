/*
 * Folders and files that are this user's alone, or are not used.
 */
#define _GNU_SOURCE /* secure_getenv */
#include "card/base/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* --- Folders -------------------------------------------------------------- */

static bool join(const char *base, size_t base_len, const char *rest, char *out,
                 size_t cap)
{
    int len = snprintf(out, cap, "%.*s/%s", (int)base_len, base, rest);

    return len >= 0 && (size_t)len < cap;
}

/* The value up to a character of `end`: systemd's lists have colons. */
static bool below_variable(const char *name, const char *end, const char *rest,
                           char *out, size_t cap)
{
    const char *value = secure_getenv(name);

    return value != NULL && value[0] == '/' &&
           join(value, strcspn(value, end), rest, out, cap);
}

bool folder_place(const struct folder_custom *custom, unsigned n, char *out,
                  size_t cap)
{
    switch (n) {
    case 0:
        return below_variable(custom->xdg, "", "tessera", out, cap);
    case 1:
        return below_variable(custom->systemd, ":", "tessera", out, cap);
    case 2:
        if (geteuid() == 0)
            return join(custom->system, strlen(custom->system), "tessera", out,
                        cap);
        return below_variable("HOME", "", custom->home, out, cap);
    default:
        return false;
    }
}

static bool is_private(const struct stat *st, mode_t forbidden)
{
    return S_ISDIR(st->st_mode) && st->st_uid == geteuid() &&
           (st->st_mode & forbidden) == 0;
}

bool folder_make(char *path, mode_t forbidden)
{
    struct stat st;

    for (char *slash = strchr(path + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        int rc;

        *slash = '\0';
        rc = mkdir(path, 0700);
        *slash = '/';
        if (rc < 0 && errno != EEXIST && errno != EROFS)
            return false;
    }
    return (mkdir(path, 0700) == 0 || errno == EEXIST) &&
           lstat(path, &st) == 0 && is_private(&st, forbidden);
}

int folder_open(const char *path, mode_t forbidden)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd >= 0 && (fstat(fd, &st) < 0 || !is_private(&st, forbidden))) {
        close(fd);
        return -1;
    }
    return fd;
}

/* --- Files ---------------------------------------------------------------- */

static bool is_readable(int fd, size_t max, size_t *size)
{
    struct stat st;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
        st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0 ||
        st.st_size < 0 || (uintmax_t)st.st_size > max)
        return false;
    *size = (size_t)st.st_size;
    return true;
}

static bool read_all(int fd, struct buf *out)
{
    while (out->len < out->cap) {
        ssize_t n = read(fd, out->data + out->len, out->cap - out->len);

        if (n <= 0)
            return n == 0;
        out->len += (size_t)n;
    }
    return true;
}

/* Nothing but a regular file is waited for. */
bool folder_read(int folder, const char *name, size_t max, struct buf *out)
{
    int fd = openat(folder, name,
                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    size_t size;
    bool ok;

    *out = (struct buf){NULL, 0, 0};
    if (fd < 0)
        return false;
    ok = is_readable(fd, max, &size) && buf_new(out, size) == 0 &&
         read_all(fd, out);
    close(fd);
    if (!ok)
        buf_free(out);
    return ok;
}

/* More than the limit would not fail: it would end the program by SIGXFSZ. */
static bool is_allowed(size_t size)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
           (limit.rlim_cur == RLIM_INFINITY || size <= limit.rlim_cur);
}

/* A name that another writer at the same time does not find. */
static int create(int folder, char *name, size_t cap)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(name, cap, "%ld-%lx-%lx.new", (long)getpid(),
             (unsigned long)now.tv_sec, (unsigned long)now.tv_nsec);
    return openat(folder, name,
                  O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

static bool write_all(int fd, struct bytes content)
{
    while (content.len > 0) {
        ssize_t n = write(fd, content.data, content.len);
        struct bytes done;

        if (n <= 0 || !bytes_take(&content, (size_t)n, &done))
            return false;
    }
    return true;
}

bool folder_write(int folder, const char *name, struct bytes content)
{
    char new_name[80];
    bool ok;
    int fd;

    if (!is_allowed(content.len) ||
        (fd = create(folder, new_name, sizeof(new_name))) < 0)
        return false;
    ok = write_all(fd, content);
    ok = close(fd) == 0 && ok;
    ok = ok && renameat(folder, new_name, folder, name) == 0;
    if (!ok)
        unlinkat(folder, new_name, 0);
    return ok;
}
