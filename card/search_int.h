/*
 * A search from inside: what search.c, search_cards.c and search_tokens.c
 * share.
 */
#ifndef CARD_SEARCH_INT_H
#define CARD_SEARCH_INT_H

#include "card/card_int.h"

enum {
    SEARCH_MAX_ENTRIES = 65536, /* objects of one search */
    SEARCH_MAX_TOKENS = 64,
    SEARCH_NOTE_MAX = 256,
    NO_INDEX = -1
};

/* An object found but not yet handed out. */
struct search_entry {
    enum card_kind kind;
    struct card *card; /* a reference */
    struct card_key_info key; /* of keys */
    char label[CARD_LABEL_MAX];
    int cert;       /* its certificate's index in the token, or NO_INDEX */
    struct buf der; /* SubjectPublicKeyInfo or certificate, if not in cert */
};

struct card_search {
    struct card_context *context;
    struct card_uri uri;
    unsigned kinds;
    struct secret *pin;     /* card_search_set_pin */
    struct secret *fetched; /* what `ask` gave */
    card_ask_pin_fn *ask;
    void *ask_arg;
    bool may_log_in; /* card_search_set_ask */
    bool want_certs; /* card_search_want_certs */
    bool searched;
    bool given; /* an object went to the caller */
    struct search_entry *entries;
    size_t count, capacity, next;
    struct card *hidden[SEARCH_MAX_TOKENS]; /* hide private objects: refs */
    size_t hidden_count;
    char seen[SEARCH_NOTE_MAX];   /* what was looked at, for "not found" */
    char others[SEARCH_NOTE_MAX]; /* tokens that were not */
};

/* search.c */

/* A new entry, zeroed, with a reference to the card. CARD_E_LIMIT, _MEMORY. */
int search_add(struct card_search *s, struct card *c, enum card_kind kind,
               struct search_entry **out);
/* Append to a list for an error message, which is cut there. */
void search_note(char list[SEARCH_NOTE_MAX], const char *what);
/* The PIN that the URI or the caller named goes to this key. */
int search_name_pin(const struct card_search *s, struct card_key *key);
/*
 * A fault of one object, which must not hide the others: a certificate that
 * cannot be read, a kind of key we do not know.
 */
bool search_is_objects_fault(int rc);
/*
 * A caller that takes one private key must not get whichever card came first:
 * CARD_E_AMBIGUOUS.
 */
int search_check_one_card(const struct card_search *s);

/* Nobody will log in to those that hide something. */
void search_forget_hidden(struct card_search *s);

/*
 * A certificate that was listed is not on the card: nor is its key (false),
 * unless the card tells the public half.
 */
bool search_forget_cert(struct search_entry *e);

/*
 * Inside a transaction: a key's public half from the card itself, kept in
 * e->der; nothing for what has it already. CARD_E_NOT_FOUND.
 */
int search_read_public(struct search_entry *e);

/* search_order.c: the order in which objects of a card are given. */

/* Indices of the token's certificates and keys. */
struct search_order {
    size_t cert[CARD_MAX_CERTS];
    size_t key[CARD_MAX_KEYS];
};

enum { SEARCH_RANKS = 4 };

/* auth, sign, decrypt, the rest: a key comes with its first use. */
unsigned search_rank(const struct card_key_info *key);

/*
 * The newest valid certificate of a key before its others, an expired one last;
 * keys and certificates of different keys likewise, where the card has its
 * certificates at hand. Inside a transaction: may read certificates.
 */
int search_make_order(struct card *c, struct search_order *out);

/* search_cards.c: cards in readers. */
int search_cards(struct card_search *s);

/* search_tokens.c: tokens of PKCS#11 modules. */

/* Whether the URI is for them rather than for cards in readers. */
bool search_is_for_tokens(const struct card_search *s);
/* What is seen without asking anybody; the rest is left in s->hidden. */
int search_tokens(struct card_search *s);
/* Log in where that shows more, and add it. CARD_E_PIN_*, CARD_E_AMBIGUOUS. */
int search_hidden(struct card_search *s);
/*
 * The one token that the URI names, logged in, for a new object; a reference.
 * CARD_E_NOT_FOUND, CARD_E_AMBIGUOUS, CARD_E_PIN_*.
 */
int search_one_token(struct card_search *s, struct card **out);

#endif
