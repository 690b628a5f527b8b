/*
 * What a card's holder or an administrator does, and no plugin: see which
 * readers and cards are there and what a card says of itself, see the state of
 * its PINs, change and unblock them. The library card-admin, which the tool
 * alone links. As in card.h all functions return 0 or enum card_error.
 */
#ifndef CARD_ADMIN_H
#define CARD_ADMIN_H

#include "card/card.h"
#include "card/readers.h"

struct card;

/* ---- readers ------------------------------------------------------------- */

/*
 * All readers, those without a card too. Of an all-zero struct: what is there
 * now, at once. Of what an earlier call gave: as soon as that is no longer so,
 * or after `timeout_ms` (below 0: never) with CARD_E_TIMEOUT. Waiting costs
 * nothing; a signal ends it as the program's handlers say. No reader at all is
 * success with a count of 0. CARD_E_NO_SERVICE.
 */
int card_readers(struct card_context *ctx, struct reader_states *readers,
                 int timeout_ms);

/* ---- cards --------------------------------------------------------------- */

enum { CARD_MAX_APPLICATIONS = 4 };

/*
 * The applications that drivers know on one card: PIV and OpenPGP may share
 * one. Each is a card of its own here, with one reference.
 */
struct card_set {
    struct card *cards[CARD_MAX_APPLICATIONS];
    size_t count;
};

/* What is read of a card, without a PIN, in one transaction. */
enum card_read {
    CARD_READ_OBJECTS = 1 << 0, /* keys, and certificates with their DER */
    CARD_READ_PINS = 1 << 1,    /* PINs and PUKs with their state, as far as it
                                   is told at no cost */
    CARD_READ_LABEL = 1 << 2
};

/*
 * Open the card in a reader, and read `what` (enum card_read) of it at once,
 * as card_read. CARD_E_NOT_MINE: no driver knows it. CARD_E_BUSY: others hold
 * it (after `patience_ms`; 0: as long as for any use).
 */
int card_open_all(struct card_context *ctx, const char *reader,
                  unsigned patience_ms, unsigned what, struct card_set *out);
void card_set_free(struct card_set *set);

/* Which card it is; lent while it is open, "" where a card has no such thing. */
struct card_identity {
    const char *reader;
    const char *driver;       /* as in card:driver=ias */
    const char *title;        /* "CPS3 99002752" */
    const char *model, *serial;
    const char *label;        /* after CARD_READ_LABEL */
    struct bytes atr;
    const char *protocol;     /* "T=0", "T=1" */
};
void card_identify(const struct card *c, struct card_identity *out);

/*
 * May be called again for what was not read yet; the state of PINs is read anew
 * each time. A certificate that cannot be read is left empty.
 */
int card_read(struct card *c, unsigned what);

/*
 * Records by index, in the order of the card; NULL: no more. Lent while the
 * card is open; the PINs' until the next call for that card.
 */
const struct card_key_info *card_key_at(const struct card *c, size_t i);
const struct card_cert_info *card_cert_at(const struct card *c, size_t i,
                                          struct bytes *der);
const struct card_pin_info *card_pin_at(const struct card *c, size_t i);

/* The certificate that pairs with a key, the newest valid one: false if none. */
bool card_cert_of_key(const struct card *c, size_t key, size_t *cert);
/* The PIN that guards a key, the PUK that unblocks a PIN: false if none. */
bool card_pin_of_key(const struct card *c, size_t key, size_t *pin);
bool card_puk_of_pin(const struct card *c, size_t pin, size_t *puk);
/* The PIN that a person means who names none: of the key for logins. */
bool card_main_pin(const struct card *c, size_t *pin);

/*
 * The shortest URI by which a search finds this key or certificate first: by
 * usage= where that is enough, else by id=, object= or issuer=; and its card
 * among all, by serial= or reader=. Appended, no NUL. CARD_E_BUFFER.
 */
int card_object_uri(const struct card *c, enum card_kind kind, size_t i,
                    struct buf *out);
/* A key to use, with card.h's functions. After CARD_READ_OBJECTS. */
int card_use_key(struct card *c, size_t i, struct card_key **out);

/*
 * What else the card says: each field goes to `put`, whose error ends it and
 * is returned. Only reads that need no PIN.
 */
int card_describe(struct card *c, card_field_fn *put, void *arg);

/*
 * What can be read of a card that no driver knows: its ATR's historical bytes,
 * EF.DIR and EF.ATR (7816-4 12.1), if it has them. Only SELECT and READ BINARY.
 */
int card_describe_unknown(struct card_context *ctx, const char *reader,
                          card_field_fn *put, void *arg);

/* ---- PINs ---------------------------------------------------------------- */

/* What became of a command that presents or sets a PIN (threat T21). */
enum card_outcome {
    CARD_NOT_DONE, /* all is as before, but for the tries */
    CARD_DONE,
    CARD_UNKNOWN   /* the command went out and no answer came back */
};

/*
 * A person's try.
 *   told      tries left when they were asked; with fewer nothing is sent
 *             (CARD_E_PIN_REFUSED). Below 0: none was told
 *   last_try  they know that a wrong value blocks it: else the last try is kept
 */
struct card_try {
    int told;
    bool last_try;
};

struct card_pin_result {
    enum card_outcome outcome;
    int tries_left; /* of what was presented, afterwards; or CARD_TRIES_* */
    bool reinsert;  /* the card wants to be taken out and put back */
};

/*
 * Whether a value can be this PIN: length and characters, as the card says.
 * CARD_E_PIN_FORMAT says what was expected. Nothing is sent.
 */
int card_check_pin(const struct card_pin_info *pin, struct bytes value);
/*
 * This reader's own keypad takes that PIN: for verifying, or for changing. Then
 * card_verify_pin and card_change_pin ignore values when `keypad` is set.
 */
bool card_keypad_fits(struct card *c, size_t pin, bool change);

/*
 * Present, change, unblock: values are checked before anything is sent, tries
 * are read in the same transaction, and each value is presented once, never
 * again by itself. *result is filled in always. Afterwards the card is reset,
 * so that it is left with no PIN verified. After a fault (CARD_UNKNOWN) nothing
 * but the state is read again, if it can be at no cost.
 *
 * CARD_E_PIN_WRONG, _LOCKED, _FORMAT, _REFUSED, CARD_E_UNSUPPORTED (no PUK, or
 * not with this card), transport errors.
 */
int card_verify_pin(struct card *c, size_t pin, struct bytes value,
                    const struct card_try *how, bool keypad,
                    struct card_pin_result *result);
int card_change_pin(struct card *c, size_t pin, struct bytes old,
                    struct bytes new, const struct card_try *how, bool keypad,
                    struct card_pin_result *result);
int card_unblock_pin(struct card *c, size_t pin, struct bytes puk,
                     struct bytes new, const struct card_try *how,
                     struct card_pin_result *result);

/*
 * card_verify_pin, and then in the same transaction what the card shows only
 * after that: a CPS's activity situations. CARD_E_NOT_FOUND: it has no such.
 */
int card_describe_private(struct card *c, size_t pin, struct bytes value,
                          const struct card_try *how, bool keypad,
                          struct card_pin_result *result, card_field_fn *put,
                          void *arg);

#endif
