/*
 * Files of this user that tell other processes of a token's PIN: a lock while
 * one logs in, and a mark that a PIN was rejected. Neither holds anything of
 * the PIN.
 */
#define _GNU_SOURCE /* secure_getenv, flock, O_NOFOLLOW */
#include "card/pkcs11/p11.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_STEPS = 300, STEP_MS = 100 }; /* 30 s, as for a card */

/* Ours alone, or it is not used. */
static bool is_private_folder(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
           st.st_uid == geteuid() && (st.st_mode & 022) == 0;
}

static bool make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0700) < 0 && errno != EEXIST && errno != EROFS)
            return false;
        *slash = '/';
    }
    return (mkdir(path, 0700) == 0 || errno == EEXIST) &&
           is_private_folder(path);
}

/* The first of the usual places that can be had. */
static bool find_folder(char *out, size_t cap)
{
    static const char *const variables[] = {"XDG_STATE_HOME",
                                            "STATE_DIRECTORY"}; /* systemd's */
    const char *home = secure_getenv("HOME");

    for (size_t i = 0; i < nitems(variables); i++) {
        const char *state = secure_getenv(variables[i]);

        if (state == NULL || state[0] != '/')
            continue;
        snprintf(out, cap, "%s/tessera", state);
        if (make_folders(out))
            return true;
    }
    if (geteuid() == 0) {
        snprintf(out, cap, "/var/lib/tessera");
        return make_folders(out);
    }
    if (home != NULL && home[0] == '/') {
        snprintf(out, cap, "%s/.local/state/tessera", home);
        if (make_folders(out))
            return true;
    }
    snprintf(out, cap, "/var/tmp/tessera-%ld", (long)geteuid());
    return make_folders(out);
}

/* Serial and label in hex: whatever they are, the name is one. */
static bool file_of(const struct p11_identity *token, const char *kind,
                    char *out, size_t cap)
{
    char serial[2 * sizeof(token->serial)], label[2 * sizeof(token->label)];
    char folder[3072];

    if (!find_folder(folder, sizeof(folder)))
        return false;
    bytes_to_hex(bytes_of_string(token->serial), serial, sizeof(serial));
    bytes_to_hex(bytes_of_string(token->label), label, sizeof(label));
    return (size_t)snprintf(out, cap, "%s/%s-%s.%s", folder, serial, label,
                            kind) < cap;
}

static int open_file(const char *path)
{
    return open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
}

/*
 * Where no file can be had the login goes on: a lock is for processes that run
 * at a time, and the marks of one process are kept in memory too.
 */
int p11_mark_lock(const struct p11_identity *token, int *fd)
{
    const struct timespec step = {0, STEP_MS * 1000000L};
    char path[4096];

    *fd = -1;
    if (!file_of(token, "lock", path, sizeof(path)) ||
        (*fd = open_file(path)) < 0)
        return 0;
    for (int i = 0; i < WAIT_STEPS; i++) {
        if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK)
            break;
        nanosleep(&step, NULL);
    }
    close(*fd);
    *fd = -1;
    return card_fail(CARD_E_BUSY, "another program logs in to token \"%s\" "
                     "and does not end", token->label);
}

/* Told, not only closed: a child forked meanwhile has the descriptor too. */
void p11_mark_unlock(int *fd)
{
    if (*fd >= 0) {
        flock(*fd, LOCK_UN);
        close(*fd);
    }
    *fd = -1;
}

void p11_mark_forget(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

bool p11_mark_is_set(const struct p11_identity *token)
{
    char path[4096];

    return file_of(token, "rejected", path, sizeof(path)) &&
           access(path, F_OK) == 0;
}

void p11_mark_set(const struct p11_identity *token)
{
    char path[4096];
    int fd;

    if (file_of(token, "rejected", path, sizeof(path)) &&
        (fd = open_file(path)) >= 0)
        close(fd);
}

void p11_mark_clear(const struct p11_identity *token)
{
    char path[4096];

    if (file_of(token, "rejected", path, sizeof(path)))
        unlink(path);
}
