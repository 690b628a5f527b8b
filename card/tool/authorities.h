/*
 * Certificates of certification authorities, and their revocation lists: from
 * files, from the card, from what chain --install kept.
 */
#ifndef CARD_TOOL_AUTHORITIES_H
#define CARD_TOOL_AUTHORITIES_H

#include <openssl/x509.h>

#include "card/tool/cert_text.h"
#include "card/tool/tool.h"

struct authorities {
    STACK_OF(X509) *certs;
    STACK_OF(X509_CRL) *crls;
};

/* False: no memory. */
bool authorities_init(struct authorities *a);
void authorities_clear(struct authorities *a);

/* Every certificate and list in a file: PEM, or one of them as DER. */
int authorities_add_file(struct tool *t, struct authorities *a,
                         const char *path);
/* The same of PEM in memory, as far as it can be read. */
void authorities_add_pem(struct authorities *a, struct bytes pem);
/* The authorities' certificates that are on the card. */
void authorities_add_card(struct authorities *a, const struct card *c);

/*
 * Write the certificates between `der` and its root, the next one first, as far
 * as they are known. False: no memory.
 */
bool authorities_put_chain(const struct authorities *a, struct bytes der,
                           BIO *out);

#endif
