/*
 * Inside the card layer: a card in use, and the one ritual to use it.
 * Included by card/ *.c only.
 */
#ifndef CARD_CARD_INT_H
#define CARD_CARD_INT_H

#include <stdatomic.h>

#include "card/base/cache.h"
#include "card/base/crypto.h"
#include "card/base/lock.h"
#include "card/card.h"
#include "card/driver/driver.h"
#include "card/pkcs11/slot.h"
#include "card/reader/reader.h"

struct card_context {
    struct card_settings settings;
    const struct reader_ops *readers;
    void *reader_io;
    struct reader_trace *trace; /* in front of the readers, or NULL */
    struct p11_module **modules; /* each counted; loaded at the first search */
    struct crypto *crypto;
    struct cache *cache;        /* or NULL: it never changes, needs no lock */
    struct lock lock;           /* guards cards */
    struct card *cards;         /* open ones; each is there while referenced */
};

/* What this process knows of one PIN of a card. */
struct pin_memory {
    bool verified;           /* by us, and nothing says it no longer holds */
    bool presented;          /* VERIFY was sent, whatever came back */
    struct secret *typed;    /* by a person, accepted; for re-login */
    struct secret *rejected; /* by the card: never presented again */
};

/* What a person typed, and how many tries were left when asked. */
struct typed_pin {
    struct secret *value;
    int told;
};

/*
 * What a person sees of a card (admin.c): the objects that are there, as
 * indices of the token's, in the order in which a search gives them.
 */
struct card_view {
    unsigned read; /* enum card_read */
    size_t key[CARD_MAX_KEYS], cert[CARD_MAX_CERTS];
    size_t key_count, cert_count;
    struct buf public[CARD_MAX_KEYS]; /* as token.keys: of those without a
                                         certificate */
};

/*
 * A card in a reader: the only place with concurrency. One per context and
 * serial number.
 */
struct card {
    struct card *next; /* in context->cards */
    unsigned refs;     /* guarded by the context's lock */
    struct card_context *context;
    struct lock lock;  /* guards all below but name; held in a transaction */
    struct lock ask;   /* one person is asked once: never with `lock` held */
    atomic_bool ready; /* a concurrent driver may go on without `lock` */
    struct p11_slot *slot; /* of a PKCS#11 token: its reader's io; else NULL */
    struct reader reader;
    struct token token;
    struct pin_memory pins[CARD_MAX_PINS]; /* as token.pins */
    struct buf certs[CARD_MAX_CERTS];      /* DER read so far, as token.certs */
    struct card_view *view; /* or NULL */
    bool check_identity; /* at the start of the next transaction */
    /* Guarded by the context's lock. */
    bool by_name;        /* opened because a URI named its driver */
    unsigned after;      /* drivers of the card that come before, as `asked` */
    char name[CARD_LABEL_MAX + READER_NAME_MAX + 8]; /* for people */
};

struct card_key {
    atomic_uint refs;
    struct card *card;
    struct card_key_info info;
    struct buf public;      /* DER SubjectPublicKeyInfo */
    size_t sig_max;         /* bytes */
    struct secret *named_pin;   /* stored, for this very key (URI) */
    struct secret *fetched_pin; /* from a callback at load */
    bool callback_skipped;      /* not asked at load: tries were lost */
    bool not_last;              /* count-full rule off for this key */
    bool quiet;                 /* no person is asked for this use */
    char name[CARD_LABEL_MAX * 2 + READER_NAME_MAX + 32];
};

/* open.c: cards by reader, shared within a context. */

/*
 * What is looked for in a reader.
 *   asked     drivers that had their turn: a bit each, by place in the table
 *   known     those of them that know the card
 *   patience  milliseconds to wait for a card others hold; 0: as long as a use
 */
struct card_wanted {
    const char *reader;
    const char *driver; /* its name, or NULL: any */
    unsigned asked, known;
    unsigned patience;
};

/*
 * The card in a reader, with one reference, as the first driver knows it that
 * was not asked before; w->asked has it then. In a transaction, for card_end:
 * what was selected to tell whose it is need not be selected again.
 * CARD_E_NOT_MINE: none knows it.
 */
int card_open(struct card_context *ctx, struct card_wanted *w,
              struct card **out);
/* For the next search: what is where. */
void card_keep_hint(const struct card *c);
/* Another driver may know an application beside this one on the card. */
bool card_has_neighbours(const struct card *c);
void card_unref(struct card *c);
struct card *card_ref(struct card *c);
/* The token in a slot of a module, with one reference. */
int card_open_token(struct card_context *ctx, struct p11_module *module,
                    const struct p11_slot_entry *slot, struct card **out);

/* Private objects of this token are seen only after login, or it fails. */
bool card_is_hidden(struct card *c);

/* session.c: every exchange happens between begin and end. */

/*
 * Lock, reconnect if this is a forked child or the connection is lost, start a
 * transaction, recover from a reset. Nothing is selected. On error nothing is
 * held.
 */
int card_begin(struct card *c);
/* The same, waiting at most so long for a card others hold. */
int card_begin_within(struct card *c, unsigned milliseconds);
void card_end(struct card *c, enum reader_end how);
/* Nothing is known of the card's state any more. */
void card_forget_state(struct card *c);
/*
 * DER of one certificate, lent while the card is referenced: read inside a
 * transaction unless known already, or (outside) only if known already.
 */
int card_cert(struct card *c, size_t index, struct bytes *der);
bool card_cert_known(struct card *c, size_t index, struct bytes *der);

/* pin.c: inside a transaction. */

/*
 * The PIN that guards a key; *pin NULL when there is none.
 */
int pin_of_key(struct card_key *key, struct card_pin_info **pin);
struct pin_memory *pin_memory_of(struct card *c,
                                 const struct card_pin_info *pin);
/* Signature keys: the PIN goes with each use, and is gone after it. */
bool pin_is_exclusive(const struct card_key *key);
/*
 * Present the right PIN for a key: `typed` by a person for this use, or NULL
 * for what is stored. CARD_E_PIN_NEEDED (none is stored) and
 * CARD_E_PIN_REFUSED (policy; or fewer tries than the person was told): a
 * person may be asked, the PIN's tries are fresh. All other errors are final.
 */
int pin_login(struct card_key *key, struct card_pin_info *pin,
              const struct typed_pin *typed);

/*
 * There is a stored PIN for this key, or none is needed. Whether it may be
 * presented is for the login to see.
 */
int pin_is_at_hand(struct card_key *key, bool *at_hand);
/*
 * Present a value and nothing else: of a card that tells no tries, with the
 * marks that keep a stored PIN to one try.
 */
int pin_verify(struct card *c, struct card_pin_info *pin, struct bytes value,
               bool stored);
/* All tries are there again. */
void pin_clear_marks(const struct card *c, const struct card_pin_info *pin);
/* One was lost otherwise than by pin_verify. */
void pin_mark_wrong(const struct card *c, const struct card_pin_info *pin);
/* The card rejected this PIN: it is never presented again. */
void pin_reject(struct pin_memory *memory, struct secret *value);
/*
 * Ask a person, outside a transaction and without the card's lock, but with
 * card->ask held. `why` is what pin_login returned, and comes back if there is
 * nobody to ask.
 */
int pin_ask(struct card_key *key, const struct card_pin_info *pin, int why,
            struct typed_pin *typed);
/* This thread is being asked: its callback must not ask again. */
bool pin_is_being_asked(void);

/* key.c: with a reference to the card and copies of the rest. */
int key_new(struct card *c, const struct card_key_info *info,
            struct bytes public, struct card_key **out);
/*
 * Stands for keys of a token that are seen only after login: it has the token's
 * PIN, and sources for it, but can do nothing.
 */
int key_new_door(struct card *c, struct card_key **out);

/*
 * name=value with what RFC 7512 2.3 demands percent-encoded, all of it if
 * `binary`; nothing when there is no value. `name` brings the separator.
 */
int uri_put_attribute(struct buf *out, const char *name, struct bytes value,
                      bool binary);

/* sign.c: nothing but the login; as for any use, a person may be asked. */
int key_login(struct card_key *key);

/* match.c */

/* A key and a certificate of it have the same iD, and it is not empty. */
bool match_pair(const struct card_id *a, const struct card_id *b);
bool match_slot(const struct card_uri *uri, const struct p11_slot_entry *slot);
bool match_library(const struct card_uri *uri, struct p11_module *module);
/* C_GetSlotInfo is asked only for a URI that wants it. */
bool match_wants_slot_words(const struct card_uri *uri);
bool match_slot_words(const struct card_uri *uri, const char *description,
                      const char *manufacturer);
bool match_reader(const struct card_uri *uri, const char *reader);
/* Inside a transaction: may read the token's label. */
int match_token(const struct card_uri *uri, struct card *c, bool *matches);
bool match_key(const struct card_uri *uri, const struct card_key_info *key);
/* `key` is the key of this certificate, or NULL. */
bool match_cert(const struct card_uri *uri, const struct card_cert_info *cert,
                const struct card_key_info *key);
/* issuer=, subject= */
bool match_names(const struct card_uri *uri, struct bytes der);

/* context.c */
void card_log(const struct card_context *ctx, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
