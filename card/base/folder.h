/*
 * Folders with which processes of one user tell each other something: where
 * they are by custom, that nobody else can meddle with them, and whole files in
 * them.
 */
#ifndef CARD_BASE_FOLDER_H
#define CARD_BASE_FOLDER_H

#include <sys/types.h>

#include "card/base/bytes.h"

/* The customs of a kind of folder: ours is `tessera` below each. */
struct folder_custom {
    const char *xdg;     /* variable of the XDG Base Directory Specification */
    const char *systemd; /* variable of systemd.exec(5): a list, we take one */
    const char *system;  /* root's, absolute */
    const char *home;    /* everybody else's, below HOME */
};

enum { FOLDER_PLACES = 3 };

/*
 * The path of the n-th place, 0 up to FOLDER_PLACES: what the two variables
 * say, then root's or that below HOME. Variables count only where they are
 * absolute paths, and not in programs with rights their user has not (threat
 * T5). False: there is no such place.
 */
bool folder_place(const struct folder_custom *custom, unsigned n, char *out,
                  size_t cap);

/*
 * Make it and all above it, 0700. False if it cannot be had, or is not ours, or
 * gives others one of the rights in `forbidden`. The path is whole again after.
 */
bool folder_make(char *path, mode_t forbidden);
/* A descriptor of what folder_make would accept; -1 if it is not there. */
int folder_open(const char *path, mode_t forbidden);

/*
 * All of a file, of at most `max` bytes: regular, ours, and nobody else's to
 * write. Free with buf_free. False: no such file, and *out is empty.
 */
bool folder_read(int folder, const char *name, size_t max, struct buf *out);
/*
 * Write the file, 0600, under another name and then put it in place: who reads
 * sees the old one or the new one. False: nothing has changed. It is not forced
 * to the disk, so a power cut may leave half of it.
 */
bool folder_write(int folder, const char *name, struct bytes content);

#endif
