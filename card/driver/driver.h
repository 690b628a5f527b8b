/*
 * A driver answers two questions about one application on one card: which
 * keys, certificates and PINs are there; do this with that key. ISO 7816
 * commands are a library for it (card/wire), not a base class.
 *
 * To add a family: one file here (declared at the end, named in
 * CMakeLists.txt), one row in table.c, one simulator in tests/sim; its tests
 * are as README.md says.
 */
#ifndef CARD_DRIVER_DRIVER_H
#define CARD_DRIVER_DRIVER_H

#include "card/base/bytes.h"
#include "card/base/secret.h"
#include "card/error.h"
#include "card/object.h"
#include "card/reader/reader.h"

enum token_list {
    TOKEN_KEYS = 1 << 0,
    TOKEN_CERTS = 1 << 1,
    TOKEN_PINS = 1 << 2,
    TOKEN_INFO = 1 << 3 /* label, manufacturer */
};

/* What a search wants of a token that searches by itself. */
struct token_query {
    unsigned kinds;       /* enum card_kind */
    const char *label;    /* NULL: any */
    const struct card_id *id; /* len 0: any */
    /* One among others is of no use: this thread's sentence says why. */
    void (*passed_over)(void *log_arg);
    void *log_arg;
};

/*
 * An object found; all lent for the call.
 *   key  of keys; cert of certificates
 *   der  SubjectPublicKeyInfo of a key, unless in_cert; the certificate itself
 */
struct token_found {
    enum card_kind kind;
    const struct card_key_info *key;
    const struct card_cert_info *cert;
    struct bytes der;
    bool in_cert; /* der is a certificate that holds the public half */
};
typedef int token_found_fn(void *arg, const struct token_found *found);

struct driver;
struct cache_card;

/* One application on one card. No locks, no references: testable alone. */
struct token {
    const struct driver *driver;
    struct reader *reader; /* lent */
    char title[CARD_LABEL_MAX];   /* for people: kind and serial */
    char model[CARD_LABEL_MAX];
    char serial[CARD_SERIAL_MAX]; /* as printed for people; names the card */
    char label[CARD_LABEL_MAX];   /* the card's own word: TOKEN_INFO */
    char manufacturer[CARD_LABEL_MAX];
    struct card_key_info keys[CARD_MAX_KEYS];
    size_t key_count;
    struct card_cert_info certs[CARD_MAX_CERTS];
    size_t cert_count;
    bool certs_at_hand; /* once listed, to read them costs nothing */
    struct card_pin_info pins[CARD_MAX_PINS];
    size_t pin_count;
    unsigned listed; /* enum token_list: which arrays are filled */
    bool seen;       /* cards with its ATR were this driver's: perhaps cached */
    bool selected;   /* the application is surely the current one */
    struct cache_card *cache; /* public content kept of this card, lent; NULL */
    bool hidden;     /* private objects are seen only after login */
    struct secret *consent; /* PIN for the one use at hand, lent, or NULL */
    void *priv;      /* the driver's own; freed by its close */
};

/*
 * Every function runs inside a reader transaction and brings the card where
 * it needs it: t->selected says whether the application is still selected.
 * Errors are enum card_error with a sentence.
 */
struct driver {
    const char *name; /* as in card:driver=ias */
    /*
     * sign, decrypt, derive and decapsulate may run in several threads at a
     * time, without a transaction, while the PIN is verified.
     */
    bool concurrent;
    /* read_public takes less than the certificate: who signs needs no more. */
    bool prefers_public;
    /* Shares cards with others that do: those are looked for beside it. */
    bool neighbours;
    /*
     * The ATR suggests this family: it is asked before the others. NULL: no
     * ATR does. No APDU, and never more than an order.
     */
    bool (*likely)(const struct reader *r);
    /*
     * Is it mine? Fills title, serial, model, may fill priv. CARD_E_NOT_MINE:
     * ask the next driver. Costs as few APDUs as can tell.
     */
    int (*probe)(struct token *t);
    /* Select the application whatever others did; sets t->selected. */
    int (*select)(struct token *t);
    /*
     * Fill the arrays named in `what` (enum token_list) that are not yet in
     * t->listed, reading only the files they need. A file that is missing or
     * malformed leaves its array empty. A key or certificate that only
     * reading would tell from none may be listed: read_cert's CARD_E_NOT_FOUND
     * takes it off again, with its key.
     */
    int (*list)(struct token *t, unsigned what);
    /* DER of a certificate, appended; der has room for CARD_MAX_FILE. */
    int (*read_cert)(struct token *t, const struct card_cert_info *cert,
                     struct buf *der);
    /*
     * Read the PIN's counters into tries_left, tries_max, verified, without
     * cost to them. What the card does not tell is CARD_TRIES_UNKNOWN.
     */
    int (*pin_status)(struct token *t, struct card_pin_info *pin);
    /* Present a PIN, padded here as the card wants. Updates tries_left. */
    int (*verify)(struct token *t, struct card_pin_info *pin,
                  struct bytes value);
    /*
     * Sign; `sig` receives modulus-length bytes (RSA), r || s (EC), R || S
     * (EdDSA), FIPS 204's encoding (ML-DSA). The PIN is verified already if the
     * key has one. CARD_E_LOGIN if the card disagrees.
     */
    int (*sign)(struct token *t, const struct card_key_info *key,
                const struct card_tbs *tbs, struct buf *sig);
    /*
     * RSA: `plain` receives the message without padding, or with it for
     * CARD_UNPAD_NONE. A padding error is whatever the card makes of it, a
     * CARD_E_STATUS; no other refusal is one.
     */
    int (*decrypt)(struct token *t, const struct card_key_info *key,
                   const struct card_unpad *how, struct bytes cryptogram,
                   struct buf *plain);
    /* Free priv. No APDU. */
    void (*close)(struct token *t);
    /*
     * What follows is NULL where a family has no such thing.
     *
     * ECDH, X25519, X448: `secret` receives the x coordinate.
     */
    int (*derive)(struct token *t, const struct card_key_info *key,
                  struct bytes peer, struct buf *secret);
    /*
     * SubjectPublicKeyInfo of a key whose certificate is not on the card, DER,
     * appended. CARD_E_NOT_FOUND: the card does not tell.
     */
    int (*read_public)(struct token *t, const struct card_key_info *key,
                       struct buf *spki);
    /* ML-KEM. */
    int (*decapsulate)(struct token *t, const struct card_key_info *key,
                       struct bytes ciphertext, struct buf *secret);
    /*
     * Search instead of list and read_cert: each object that matches goes to
     * `found`, whose error ends the search and is returned. Private keys that
     * are hidden are not found.
     */
    int (*find)(struct token *t, const struct token_query *query,
                token_found_fn *found, void *arg);
    /* Make a key pair and give its private half as find would. */
    int (*generate)(struct token *t, const struct card_key_request *request,
                    const char *label, const struct card_id *id,
                    token_found_fn *found, void *arg);
};

/* In probe order; NULL ends. */
extern const struct driver *const driver_table[];

/* The authId of a PKCS#11 token's user PIN, which guards all its keys. */
extern const struct card_id token_pin_id;

extern const struct driver driver_cps4;
extern const struct driver driver_gemsafe;
extern const struct driver driver_ias;
extern const struct driver driver_iso15;
extern const struct driver driver_openpgp;
extern const struct driver driver_piv;
extern const struct driver driver_pkcs11;

#endif
