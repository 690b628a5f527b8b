/*
 * Where OpenSSL of this machine has its plugins, and what it says of failures:
 * for the subcommands that look at it from outside.
 */
#ifndef CARD_TOOL_OSSL_H
#define CARD_TOOL_OSSL_H

#include <stddef.h>

/* As libcrypto finds them; lent. */
const char *ossl_providers(void);
const char *ossl_engines(void);

/*
 * What the errors on the queue come to: enum card_error and its sentence if one
 * is our provider's; else 0, and the first that says anything. The queue is
 * empty afterwards.
 */
int ossl_error(char *out, size_t cap);

#endif
