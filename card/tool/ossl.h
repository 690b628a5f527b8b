/*
 * Where OpenSSL of this machine has its plugins, and what it says of failures:
 * for the subcommands that look at it from outside.
 */
#ifndef CARD_TOOL_OSSL_H
#define CARD_TOOL_OSSL_H

#include <openssl/bio.h>

#include "card/base/bytes.h"

/* The file that is our provider, and in another folder our engine. */
#define OSSL_PLUGIN "tessera.so"

/* The folders where libcrypto looks for them; lent. */
const char *ossl_providers(void);
const char *ossl_engines(void);

/*
 * What the errors on the queue come to: enum card_error and its sentence if one
 * is our provider's; else 0, and the first that says anything. The queue is
 * empty afterwards.
 */
int ossl_error(char *out, size_t cap);

/* What a memory BIO holds: lent until it is written to or freed. */
struct bytes ossl_content(BIO *memory);
/* The last part of a path; lent. */
const char *ossl_file_of(const char *path);

#endif
