/*
 * Files with which processes of one user tell each other of a PIN: that a wrong
 * one was entered. Nothing of the PIN is in them.
 */
#ifndef CARD_BASE_MARK_H
#define CARD_BASE_MARK_H

#include "card/base/bytes.h"

enum { MARK_MAX_PATH = 4096 };

/*
 * Where a file of that name is, or would be; its folder is made if need be:
 * XDG_STATE_HOME/tessera, or systemd's STATE_DIRECTORY, or /var/lib/tessera
 * (root) or HOME/.local/state/tessera, or one in /var/tmp. False: nowhere.
 */
bool mark_path(const char *name, char *out, size_t cap);
/* A descriptor of it, made if need be; -1. */
int mark_open(const char *path);

bool mark_is_set(const char *name);
/* False: it could not be, and another process will not see it. */
bool mark_set(const char *name);
void mark_clear(const char *name);

#endif
