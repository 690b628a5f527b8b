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
    struct p15_token_info info; /* after TOKEN_INFO was listed */
    bool swapped; /* ODF is 5032, TokenInfo 5031: a driver saw it */
    bool mark_asked;
};

extern const struct p15_range p15_whole;

/*
 * The objects at the start of the current EF, appended; padding behind them is
 * not read, and what lies beyond the reach of READ BINARY is left out.
 */
int p15_read_objects(struct token *t, struct p15_range range, struct buf *file);
/*
 * The same of any file, cached; one that is missing, or seen only after login,
 * is empty. Free with buf_free.
 */
int p15_read_file(struct token *t, struct bytes path, struct p15_range range,
                  struct buf *file);

/* The driver's slots. */
int p15_token_list(struct token *t, unsigned what);
int p15_token_read_cert(struct token *t, const struct card_cert_info *cert,
                        struct buf *der);
int p15_token_read_public(struct token *t, const struct card_key_info *key,
                          struct buf *spki);
/* A dialect's mark: lastUpdate of TokenInfo, of a card that has one. */
int p15_token_last_update(struct token *t, struct buf *mark);

#endif
