/*
 * Files of this user that tell other processes of a token's PIN: a lock while
 * one logs in, and a mark that a PIN was rejected. Neither holds anything of
 * the PIN.
 */
#define _DEFAULT_SOURCE /* flock */
#include "card/pkcs11/p11.h"

#include <errno.h>
#include <stdio.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "card/base/mark.h"

enum { WAIT_STEPS = 300, STEP_MS = 100 }; /* 30 s, as for a card */
enum { NAME_MAX_LEN = 256 };

/* Serial and label in hex: whatever they are, the name is one. */
static const char *name_of(const struct p11_identity *token, const char *kind,
                           char out[NAME_MAX_LEN])
{
    char serial[2 * sizeof(token->serial)], label[2 * sizeof(token->label)];

    bytes_to_hex(bytes_of_string(token->serial), serial, sizeof(serial));
    bytes_to_hex(bytes_of_string(token->label), label, sizeof(label));
    snprintf(out, NAME_MAX_LEN, "%s-%s.%s", serial, label, kind);
    return out;
}

static bool lock_path(const struct p11_identity *token, char *out, size_t cap)
{
    char name[NAME_MAX_LEN];

    return mark_path(name_of(token, "lock", name), out, cap);
}

/*
 * Where no file can be had the login goes on: a lock is for processes that run
 * at a time, and the marks of one process are kept in memory too.
 */
int p11_mark_lock(const struct p11_identity *token, int *fd)
{
    const struct timespec step = {0, STEP_MS * 1000000L};
    char path[MARK_MAX_PATH];

    *fd = -1;
    if (!lock_path(token, path, sizeof(path)) || (*fd = mark_open(path)) < 0)
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
    char name[NAME_MAX_LEN];

    return mark_is_set(name_of(token, "rejected", name));
}

void p11_mark_set(const struct p11_identity *token)
{
    char name[NAME_MAX_LEN];

    mark_set(name_of(token, "rejected", name));
}

void p11_mark_clear(const struct p11_identity *token)
{
    char name[NAME_MAX_LEN];

    mark_clear(name_of(token, "rejected", name));
}
