/*
 * Files that are there whole or not at all: what the disk has no room for, or a
 * folder does not take, leaves everything as it was.
 */
#ifndef CARD_TOOL_WRITE_FILE_H
#define CARD_TOOL_WRITE_FILE_H

#include <signal.h>
#include <sys/types.h>

#include "card/tool/tool.h"

enum {
    WRITE_MAX = 256,     /* files of one change */
    WRITE_NAME_MAX = 256 /* bytes of a name with the NUL */
};

struct write_one {
    int folder; /* lent */
    char name[WRITE_NAME_MAX], temporary[64];
};

/*
 * One change of several files. Each is written under a temporary name beside
 * its place and forced to the disk; only when that was done for all are they
 * put in place, in that order. Signals wait from begin to end.
 */
struct write_batch {
    struct tool *t;
    struct write_one files[WRITE_MAX];
    size_t count, placed;
    sigset_t signals; /* as before */
};

/* NULL after a message. */
struct write_batch *write_begin(struct tool *t);
/*
 * Write a file of that mode, whatever the umask, and of the group of the one it
 * replaces. `path` is the folder's, for messages. False, after a message:
 * nothing has changed, go on to write_end.
 */
bool write_add(struct write_batch *b, int folder, const char *path,
               const char *name, mode_t mode, struct bytes content);
/* Put them in place. False after a message. */
bool write_commit(struct write_batch *b);
/* Remove temporaries that were not put in place, and free it; NULL allowed. */
void write_end(struct write_batch *b);

/*
 * Remove temporaries that a killed program left in a folder. Nobody else may be
 * writing there.
 */
void write_clean(int folder);

/*
 * The file of --out: made, or put in the place of a regular file. An exit
 * status, after a message if it is not TOOL_DONE.
 */
int write_out(struct tool *t, const char *path, struct bytes content);

#endif
