/*
 * What every reader of a card may know of it (directories, certificates), kept
 * in files of the user's cache folder so that a next process need not read it
 * again; and what was last seen in which reader. It saves time and decides
 * nothing: a file that is missing, damaged, foreign or of another state of the
 * card is as if it had never been, and no PIN and no state of one goes in.
 */
#ifndef CARD_BASE_CACHE_H
#define CARD_BASE_CACHE_H

#include "card/base/bytes.h"
#include "card/base/crypto.h"
#include "card/object.h"

enum {
    CACHE_MAX_MARK = 64,       /* bytes */
    CACHE_MAX_NAME = 255,      /* bytes of an entry's name */
    CACHE_MAX_CONTENT = 65535, /* bytes of an entry */
    CACHE_MAX_ENTRIES = 64,    /* of one card */
    CACHE_MAX_CARD = 262144,   /* bytes of one card's file */
    CACHE_MAX_CARDS = 64,      /* in the folder: the oldest goes */
    CACHE_MAX_HINTS = 64,      /* the oldest goes */
    CACHE_DRIVER_MAX = 32      /* bytes with the NUL */
};

struct cache;      /* the folder of one context: never changes, needs no lock */
struct cache_card; /* what is kept of one card: used under that card's lock */

/*
 * Where this user's cache is: XDG_CACHE_HOME/tessera, or below systemd's
 * CACHE_DIRECTORY, or /var/cache/tessera (root) or HOME/.cache/tessera. Nothing
 * is made or looked at. False: nowhere.
 */
bool cache_folder(char *out, size_t cap);

/*
 * A cache in that folder, which is made, 0700, when something is first written;
 * one that others can look into is not used. `crypto` is lent for its life.
 * CARD_E_MEMORY.
 *
 * All functions below take NULL for a cache or a card that has none: nothing is
 * found and nothing kept. What cannot be written is not kept either: that costs
 * time only and is no error.
 */
int cache_new(struct crypto *crypto, const char *folder, struct cache **out);
/* After every cache_card of it. */
void cache_free(struct cache *cache);

/*
 * What is kept of the card with that serial, as that driver reads it. *out is
 * NULL without a cache, and for a card that tells no serial. Nothing is read
 * yet. CARD_E_MEMORY.
 */
int cache_card_new(struct cache *cache, const char *driver, const char *serial,
                   struct cache_card **out);
void cache_card_free(struct cache_card *card);

/*
 * The card says in what state its content is: whatever it changes with each
 * update, or nothing where a card cannot be updated. What was kept under
 * another mark is dropped. Before this nothing is found and nothing is kept,
 * and so after a mark over CACHE_MAX_MARK.
 */
void cache_card_confirm(struct cache_card *card, struct bytes mark);
/* `content` is lent until the next keep, forget or confirm. */
bool cache_card_find(const struct cache_card *card, struct bytes name,
                     struct bytes *content);
/*
 * In memory, until saved; instead of what had that name. What is over a cap is
 * not kept.
 */
void cache_card_keep(struct cache_card *card, struct bytes name,
                     struct bytes content);
/* The card contradicts it: all goes, at the next save the file too. */
void cache_card_forget(struct cache_card *card);
/*
 * Write the file if anything changed; outside any transaction. The file is
 * replaced as a whole: of two programs that save, the last one wins.
 */
void cache_card_save(struct cache_card *card);

/*
 * Which card was last seen in a reader, for the order in which readers are
 * tried: never more than an order, for readers are given new cards and names.
 */
struct cache_hint {
    char driver[CACHE_DRIVER_MAX];
    char serial[CARD_SERIAL_MAX];
    char label[CARD_LABEL_MAX];
};

/*
 * What was last seen in this reader with this ATR; or else, with the driver
 * alone filled, what had this ATR in any reader.
 */
bool cache_hint_find(struct cache *cache, const char *reader, struct bytes atr,
                     struct cache_hint *out);
/* Written only if it is not known already. */
void cache_hint_keep(struct cache *cache, const char *reader, struct bytes atr,
                     const struct cache_hint *hint);

#endif
