/*
 * What programs pass in parameters: texts may lack their end, and any of them
 * may be of another type or hold nothing.
 */
#ifndef PROVIDER_PARAMS_H
#define PROVIDER_PARAMS_H

#include "provider/provider.h"

/* A copy of a text; false if it is none, or longer than `cap` allows. */
bool param_text(const OSSL_PARAM *p, char *out, size_t cap);
/*
 * A copy of bytes in the place of *data, which is freed; of no bytes *data is
 * NULL. False, and nothing changed, when it is another type or memory fails.
 */
bool param_octets(const OSSL_PARAM *p, unsigned char **data, size_t *len);
/* The hash of that name: 1, or 0 with errors raised and *out as it was. */
int param_digest(struct prov_ctx *ctx, const OSSL_PARAM *p,
                 const struct prov_digest **out);

#endif
