/*
 * A connection to a server, with little patience.
 */
#ifndef CARD_TOOL_NET_H
#define CARD_TOOL_NET_H

#include <stdbool.h>
#include <stddef.h>

enum { NET_PATIENCE_MS = 10000 };

/*
 * Connect to the first address of the host that answers. A descriptor that does
 * not block; -1, with what is wrong and what to do in `why`.
 */
int net_connect(const char *host, const char *port, char *why, size_t cap);
/* Until it can be read, or written: false after NET_PATIENCE_MS. */
bool net_wait(int fd, bool write);

#endif
