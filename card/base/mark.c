/*
 * Marks are empty files in this user's state folder.
 */
#include "card/base/mark.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "card/base/folder.h"

enum { OTHERS_WRITE = S_IWGRP | S_IWOTH, FOLDER_MAX = MARK_MAX_PATH / 2 };

static const struct folder_custom custom = {
    "XDG_STATE_HOME", "STATE_DIRECTORY", "/var/lib", ".local/state/tessera"};

/* The first of the usual places that can be had. */
static bool find_folder(char *out, size_t cap)
{
    for (unsigned i = 0; i < FOLDER_PLACES; i++)
        if (folder_place(&custom, i, out, cap) &&
            folder_make(out, OTHERS_WRITE))
            return true;
    if (geteuid() == 0)
        return false;
    snprintf(out, cap, "/var/tmp/tessera-%ld", (long)geteuid());
    return folder_make(out, OTHERS_WRITE);
}

bool mark_path(const char *name, char *out, size_t cap)
{
    char folder[FOLDER_MAX];

    return find_folder(folder, sizeof(folder)) &&
           (size_t)snprintf(out, cap, "%s/%s", folder, name) < cap;
}

int mark_open(const char *path)
{
    return open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
}

bool mark_is_set(const char *name)
{
    char path[MARK_MAX_PATH];
    struct stat st;

    return mark_path(name, path, sizeof(path)) &&
           (lstat(path, &st) == 0 || errno != ENOENT);
}

bool mark_set(const char *name)
{
    char path[MARK_MAX_PATH];
    int fd;

    if (!mark_path(name, path, sizeof(path)) || (fd = mark_open(path)) < 0)
        return false;
    close(fd);
    return true;
}

void mark_clear(const char *name)
{
    char path[MARK_MAX_PATH];

    if (mark_path(name, path, sizeof(path)))
        unlink(path);
}
