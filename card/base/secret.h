/*
 * A PIN in memory: pages of its own, locked, left out of core dumps, wiped
 * when the last reference goes. It survives fork: server workers need it.
 */
#ifndef CARD_BASE_SECRET_H
#define CARD_BASE_SECRET_H

#include "card/base/bytes.h"

struct secret;

/*
 * A copy of at most one page of bytes, with one reference. NULL when memory
 * fails. A limit on locked memory (RLIMIT_MEMLOCK) does not make it fail.
 */
struct secret *secret_new(struct bytes value);
struct secret *secret_ref(struct secret *s);
/* NULL allowed. */
void secret_free(struct secret *s);
/* Lent while a reference is held; NULL gives no bytes. */
struct bytes secret_view(const struct secret *s);

/*
 * The PIN in a file (threat T7): opened without following a last symlink and
 * without blocking; a regular file, owned by root or the effective user, no
 * access for group and others, at most 256 bytes. One trailing line end (LF or
 * CR LF) is cut; what is left is not empty, has no control character (NUL, a
 * second line) and no byte order mark. CARD_E_CONFIG with what is wrong and how
 * to mend it; nothing of the content is in the sentence.
 */
int secret_from_file(const char *path, struct secret **out);
/*
 * Of a file with several values, one a line: line `line`, 0 is the first. All
 * else as above, for every line of it.
 */
int secret_from_file_line(const char *path, unsigned line, struct secret **out);

#endif
