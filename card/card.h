/*
 * The card layer for its faces (provider, engine, tool): find objects by URI
 * on cards and on the tokens of PKCS#11 modules, use their private keys. All functions return 0 or enum card_error, with the
 * sentence in card_error_sentence(); all are thread-safe, and a forked child
 * may go on using what its parent found.
 */
#ifndef CARD_CARD_H
#define CARD_CARD_H

#include "card/base/bytes.h"
#include "card/base/secret.h"
#include "card/error.h"
#include "card/object.h"
#include "card/uri.h"

struct card_context;
struct card_search;
struct card_key;
struct reader_ops;

/* What a person is told when asked for a PIN. Strings lent for the call. */
struct card_pin_question {
    const char *reader;
    const char *token; /* kind of card and its number */
    const char *pin;   /* the PIN's label */
    const char *key;   /* the key it is for */
    int tries_left;    /* below 0: a number the card does not tell */
    bool silent;       /* only a wrong PIN makes the card tell tries */
    bool last_try;     /* ask twice: the next wrong PIN locks the card */
    bool keypad;       /* the PIN goes in at the reader: tell, give nothing */
    bool holds_card;   /* keypad: until then no other program has the card */
    const char *refused; /* why a stored PIN was not presented, or NULL */
};

/*
 * Ask a person; append the PIN to `pin`. CARD_E_CANCELLED, CARD_E_PIN_NEEDED
 * (nobody to ask). Called without a lock or transaction that others need.
 */
typedef int card_ask_pin_fn(void *arg, const struct card_pin_question *question,
                            struct buf *pin);

/* A PKCS#11 module whose tokens are searched. */
struct card_module {
    const char *path;      /* absolute */
    const char *init_args; /* pReserved of C_Initialize, or NULL */
};

/* Copied where it is used; zeroed is a sensible default. */
struct card_settings {
    const struct reader_ops *readers; /* NULL: PC/SC */
    void *reader_io;
    const struct card_module *modules; /* copied */
    size_t module_count;
    card_ask_pin_fn *ask_pin; /* NULL: nobody can be asked */
    void *ask_arg;
    void (*log)(void *arg, const char *line); /* NULL: no log */
    void *log_arg;
    struct secret *pin;    /* stored PIN for every key, or NULL (referenced) */
    const char *trace;     /* path of a transcript to append to, or NULL */
    const char *cache;     /* folder for cards' public content, or NULL: none */
    bool pin_for_signature; /* stored `pin` serves signature keys too */
    bool pin_not_last;      /* count-full rule off; the last try is still kept */
    bool check_tokens;      /* verify what PKCS#11 tokens sign, as for cards */
    bool login_always;      /* PKCS#11: log in before public objects too */
    bool no_keypad;         /* a reader's own keypad is not used */
};

/* CARD_E_MEMORY, CARD_E_CONFIG (the trace cannot be written). No card access. */
int card_context_new(const struct card_settings *settings,
                     struct card_context **out);
/* After every key and search of it. NULL allowed. */
void card_context_free(struct card_context *ctx);

/*
 * One found object.
 *   key   of CARD_KIND_PUBLIC and _PRIVATE: one reference, the caller's
 *   cert  of CARD_KIND_CERT: DER, lent until the next card_search_next; of
 *         keys on cards their certificate's, else empty
 */
struct card_object {
    enum card_kind kind;
    struct card_key *key;
    struct bytes cert;
    const char *label; /* lent like cert */
};

/*
 * Search the cards present for what `uri` names; `kinds` (enum card_kind) is
 * what the caller can use. The URI is moved in: *uri is empty afterwards. No
 * card access yet.
 */
int card_search_new(struct card_context *ctx, struct card_uri *uri,
                    unsigned kinds, struct card_search **out);
/*
 * Who is asked for a PIN while objects are looked for: private objects of a
 * token may be seen only after login. Until it is set nobody is asked, and
 * what a stored PIN does not show is not found. NULL takes it back.
 */
void card_search_set_ask(struct card_search *search, card_ask_pin_fn *ask,
                         void *arg);
/*
 * Objects may follow that card_search_next finds only with someone to ask:
 * whether there are any is not known before.
 */
bool card_search_may_ask(const struct card_search *search);
/*
 * The next object; keys come in the order auth, sign, decrypt, and each key's
 * private half before its public half before its certificate. Reads only what
 * this one object needs; a PIN is asked for as card_search_set_ask says. An object that cannot be read,
 * or is of an unknown kind, is passed over and logged.
 * CARD_E_NOT_FOUND: no more; the sentence says what was looked for and seen if
 * there was none at all. CARD_E_AMBIGUOUS: private keys alone were asked for
 * and more than one card matches. A card that cannot be read makes such a
 * search fail too, unless the URI names the card: it may be the one meant.
 * Other errors: no reader, no card, no service...; after an error the search is
 * at its end.
 */
int card_search_next(struct card_search *search, struct card_object *out);
/* No more objects will come. */
bool card_search_done(const struct card_search *search);
/*
 * A PIN for the private keys this search gives from now on, as if the URI had
 * carried it, if it did not (engine control PIN).
 */
int card_search_set_pin(struct card_search *search, struct bytes pin);
/* The caller compares certificates, those of keys too. */
void card_search_want_certs(struct card_search *search);
void card_search_free(struct card_search *search);

struct card_key *card_key_ref(struct card_key *key);
void card_key_free(struct card_key *key);
/* Lent while a reference is held. */
const struct card_key_info *card_key_info(const struct card_key *key);
/* The public half as DER SubjectPublicKeyInfo (RFC 5280 4.1.2.7); lent. */
struct bytes card_key_public(const struct card_key *key);
/* Enum card_can with what padding in software adds. */
unsigned card_key_can(const struct card_key *key);
/*
 * The URI that names this key, and its card, among all (pkcs11: of tokens,
 * card: of cards); no PIN is in it. CARD_E_BUFFER.
 */
int card_key_uri(const struct card_key *key, bool private, struct buf *out);
/* For a person, lent: key "CPS_PRIV_AUT" of CPS3 99002752 in "Reader 0". */
const char *card_key_name(const struct card_key *key);

/*
 * Fetch a PIN for a private key through `ask` now, if its use will need one
 * and no stored PIN is there; it is kept for the key's uses and counts as
 * stored (whoever answers may be a password file), for one use only where the
 * PIN goes with each use. Success when none is needed, when tries are lost
 * already (then a person is to be asked at the first use) or when `ask` gives
 * none: the first use asks or fails. Reads the tries left; nothing is verified.
 */
int card_key_fetch_pin(struct card_key *key, card_ask_pin_fn *ask, void *arg);

/*
 * Sign with a private key.
 *
 *   tbs   see object.h; the card's abilities are card_key_can
 *   sig   out: modulus-length bytes (RSA), DER Ecdsa-Sig-Value (EC; RFC 3279
 *         2.2.3), card_key_sig_max bytes (EdDSA, ML-DSA); room for that is
 *         checked first
 *
 * Takes the card, verifies the PIN when needed, and gives a card's signature
 * only after it verified with the public half. CARD_E_PIN_*,
 * CARD_E_UNSUPPORTED, CARD_E_SELF_CHECK, CARD_E_BUFFER, CARD_E_REMOVED...
 */
int card_sign(struct card_key *key, const struct card_tbs *tbs,
              struct buf *sig);
/* Bytes of the longest signature, of RSA also of a cryptogram. */
size_t card_key_sig_max(const struct card_key *key);

/*
 * RSA decryption. With CARD_UNPAD_PKCS1 bad padding gives a message derived
 * from the cryptogram, the same each time within one process, and success, so
 * that nothing tells good padding from bad; with CARD_UNPAD_TLS 48 random bytes.
 *
 *   cryptogram  modulus-length bytes
 *   plain       out: at most modulus length - 11 bytes (PKCS#1), 48 (TLS),
 *               modulus length (the others); room for that is checked first
 */
int card_decrypt(struct card_key *key, const struct card_unpad *how,
                 struct bytes cryptogram, struct buf *plain);

/*
 * The shared secret with a peer: ECDH with cofactor 1 (SP 800-56A 5.7.1.2), or
 * X25519 and X448 (RFC 7748).
 *
 *   peer    uncompressed point of the key's curve, or 32 / 56 raw bytes
 *   secret  out: the x coordinate, field length bytes, or 32 / 56 bytes
 */
int card_derive(struct card_key *key, struct bytes peer, struct buf *secret);

/*
 * The secret that a peer has encapsulated for this key: ML-KEM.Decaps of FIPS
 * 203, 7.3. A ciphertext that was tampered with gives another secret, no error.
 *
 *   secret  out: CARD_ML_KEM_SECRET bytes
 */
int card_decapsulate(struct card_key *key, struct bytes ciphertext,
                     struct buf *secret);

/*
 * Make a key pair on the one token that `uri` names; object= becomes its
 * label, id= its CKA_ID (random if absent). The URI is moved in. The private
 * key stays on the token, sensitive and not extractable. May ask for the PIN.
 * CARD_E_NOT_FOUND, CARD_E_AMBIGUOUS, CARD_E_UNSUPPORTED (a card in a reader).
 */
int card_generate(struct card_context *ctx, struct card_uri *uri,
                  const struct card_key_request *request,
                  struct card_key **out);

#endif
