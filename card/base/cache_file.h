/*
 * The files of the cache. Each is a kind, shorts (a byte of length, and bytes),
 * and the SHA-256 of all before it. The hash finds what a power cut or a bad
 * disk did; against people there are the rights of the folder, and still
 * nothing in a file is believed longer than the file is.
 */
#ifndef CARD_BASE_CACHE_FILE_H
#define CARD_BASE_CACHE_FILE_H

#include "card/base/bytes.h"
#include "card/base/cache.h"

enum {
    CACHE_FILE_NAME_MAX = 256, /* bytes with the NUL */
    CACHE_CHECKSUM = 32,       /* bytes */
    CACHE_SHORT_MAX = 255      /* bytes */
};

/* The last character but one is the version of what follows. */
#define CACHE_CARD_KIND "tessera card 1\n"
#define CACHE_HINTS_KIND "tessera hints 1\n"
#define CACHE_HINTS_NAME "hints"

bool cache_take_short(struct bytes *cursor, struct bytes *out);
/* At most CACHE_SHORT_MAX bytes, into a buffer that was made for them. */
void cache_put_short(struct buf *out, struct bytes bytes);

/*
 * Read a sound file of that kind. *file holds what *body, all between kind and
 * checksum, shows: free it with buf_free. False: both are empty.
 */
bool cache_file_read(struct cache *cache, const char *name, const char *kind,
                     struct buf *file, struct bytes *body);
/*
 * Put a file in place; *file starts with its kind and has room for the
 * checksum. What cannot be replaced is deleted: it is out of date.
 */
void cache_file_write(struct cache *cache, const char *name, struct buf *file);
void cache_file_delete(struct cache *cache, const char *name);

#endif
