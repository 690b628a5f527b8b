/*
 * A login with the card as a program would make it: through the provider.
 */
#ifndef CARD_TOOL_TEST_TLS_H
#define CARD_TOOL_TEST_TLS_H

#include <openssl/ssl.h>

#include "card/tool/authorities.h"
#include "card/tool/test.h"

/* The card's key and certificate, in OpenSSL's hands. */
struct tls_card {
    struct tool *t;
    struct card_set set;
    struct card *card;
    size_t pin;                     /* of the key, or CARD_MAX_PINS */
    struct secret *value;           /* of that PIN; NULL: not asked for yet */
    char title[CARD_LABEL_MAX];     /* of the card */
    struct cert_text text;
    char uri[CARD_URI_MAX + 1];     /* of the key */
    unsigned can;                   /* enum card_can */
    X509 *cert;
    struct authorities authorities; /* that are on the card too */
    OSSL_LIB_CTX *libctx;
    OSSL_PROVIDER *stock, *ours;
    EVP_PKEY *key;                  /* NULL until tls_card_unlock */
};

/*
 * The key for that use of the card that --card names, with its certificate, as
 * far as no PIN is needed. An exit status, with the message given. Free it
 * always.
 */
int tls_card_open(struct tool *t, const char *usage, struct tls_card *out);
/* Ask for the PIN and load the key: an exit status, with the message given. */
int tls_card_unlock(struct tls_card *c);
void tls_card_free(struct tls_card *c);

/* A server, by URL. */
struct tls_server {
    char *host, *port, *path;
};

/* One attempt to log in. */
struct tls_attempt {
    struct tls_card *card;
    const struct tls_server *server;
    int fd;
    SSL *ssl;
    bool connected; /* TLS stands */
    bool asked;     /* it wants a client's certificate */
    bool proved;    /* the card signed for it */
    char status[256], line[1024]; /* of HTTP, and of the page */
    int rc;         /* a failure of the card's: enum card_error */
    char why[1200]; /* what failed, and what to do; empty: nothing */
};

/*
 * Connect, shake hands with `version` at most (0: any), ask for the page. What
 * happened is in *a, also after a failure; tls_attempt_end frees it.
 */
void tls_attempt(struct tls_attempt *a, SSL_CTX *ctx, int version);
void tls_attempt_end(struct tls_attempt *a);
/*
 * Shake hands alone, with no certificate. False: there is no way to log in, for
 * a reason that is in a->why; what the server has against nobody is none.
 */
bool tls_probe(struct tls_attempt *a, SSL_CTX *ctx);

#endif
