/*
 * An ISO 7816-15 application on a card, whatever family: its directories, read
 * once and kept in the cache, become the token's keys, certificates and PINs.
 * A driver says how a file is made current and what its keys can do.
 */
#ifndef CARD_DRIVER_P15_TOKEN_H
#define CARD_DRIVER_P15_TOKEN_H

#include "card/driver/driver.h"
#include "card/wire/p15.h"

struct p15_dialect {
    size_t chunk; /* bytes a READ BINARY */
    /*
     * Make an EF current: a FID or path as the directories name it, or a whole
     * path from 3F00. CARD_E_NOT_FOUND.
     */
    int (*select_file)(struct token *t, struct bytes path);
    /* Fill uses and can of a key from the directory. */
    void (*judge)(struct token *t, struct card_key_info *key);
    /*
     * What the card changes whenever its public content changes, appended (at
     * most CACHE_MAX_MARK bytes); asked once, before the first file.
     * CARD_E_NOT_FOUND: there is no such thing, and nothing is cached.
     */
    int (*mark)(struct token *t, struct buf *mark);
};

/* The start of the priv of every driver that uses this. */
struct p15_token {
    const struct p15_dialect *dialect;
    struct p15_odf odf;
    bool odf_read;
    bool mark_asked;
};

/* A whole file, cached; one that is missing is empty. Free with buf_free. */
int p15_read_file(struct token *t, struct bytes path, struct buf *file);

/* The driver's slots. */
int p15_token_list(struct token *t, unsigned what);
int p15_token_read_cert(struct token *t, const struct card_cert_info *cert,
                        struct buf *der);

#endif
