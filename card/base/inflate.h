/*
 * Decompression, with a limit that no ratio gets around.
 */
#ifndef CARD_BASE_INFLATE_H
#define CARD_BASE_INFLATE_H

#include "card/base/bytes.h"

/*
 * Append what one gzip member (RFC 1952) holds. It must be the whole of `in`,
 * sums and all: CARD_E_PROTOCOL. CARD_E_BUFFER: more than `out` has room for.
 * CARD_E_MEMORY. On error nothing is appended.
 */
int inflate_gzip(struct bytes in, struct buf *out);

#endif
