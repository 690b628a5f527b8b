/*
 * What an OpenPGP card says of itself, taken out of its data objects: no APDU
 * here. Included by card/driver/openpgp*.c and their tests only.
 */
#ifndef CARD_DRIVER_OPENPGP_DATA_H
#define CARD_DRIVER_OPENPGP_DATA_H

#include "card/base/bytes.h"
#include "card/base/crypto.h"
#include "card/object.h"

enum openpgp_slot { OPENPGP_SIG, OPENPGP_DEC, OPENPGP_AUT, OPENPGP_SLOTS };

enum {
    OPENPGP_AID = 16,         /* bytes */
    OPENPGP_FINGERPRINT = 20,
    OPENPGP_TIME = 4,
    OPENPGP_MARK = 20         /* times of three keys and their states */
};

/* A curve that an algorithm attribute can name. */
struct openpgp_curve {
    const char *name;
    enum card_key_type type;
    unsigned bits;
    bool supported;  /* by this card layer */
    uint8_t oid[12]; /* DER */
};

struct openpgp_key {
    bool absent;                       /* the card says there is none */
    bool touch;                        /* each use wants a touch (UIF) */
    bool is_rsa;
    unsigned bits;                     /* of an RSA modulus */
    const struct openpgp_curve *curve; /* NULL: RSA, or one not known here */
    uint8_t fingerprint[OPENPGP_FINGERPRINT];
    uint8_t time[OPENPGP_TIME];
};

/* In the order in which DO C4 and the KDF-DO tell of them. */
enum openpgp_password {
    OPENPGP_USER, /* PW1 */
    OPENPGP_CODE, /* the resetting code */
    OPENPGP_ADMIN, /* PW3 */
    OPENPGP_PASSWORDS
};

/* DO C4. */
struct openpgp_pw_status {
    bool several; /* PW1 81 holds for several signatures */
    struct {
        bool pin_block;   /* ISO 9564 format 2 instead of UTF-8 */
        unsigned max_len; /* bytes */
        int tries;        /* left, or CARD_TRIES_UNKNOWN */
    } of[OPENPGP_PASSWORDS];
};

/* DO 6E. */
struct openpgp_data {
    uint8_t aid[OPENPGP_AID];
    bool chaining, extended; /* card capabilities, historical bytes */
    bool kdf;                /* there may be a KDF-DO */
    bool certs;              /* there may be certificates */
    size_t max_answer;       /* bytes in one; 0: not told */
    struct openpgp_pw_status pw;
    struct openpgp_key keys[OPENPGP_SLOTS];
    uint8_t mark[OPENPGP_MARK]; /* changes with the keys */
    size_t mark_len;
};

/* From version 3 on: a certificate for each key. */
bool openpgp_is_v3(const struct openpgp_data *data);

/*
 * DO 6E, with its tag or without: cards differ. What is missing is as if the
 * card could not; CARD_E_PROTOCOL: not even an AID of this application.
 */
int openpgp_parse(struct bytes answer, struct openpgp_data *out);
/* DO C4. False, with unknown tries, if it is malformed. */
bool openpgp_parse_pw_status(struct bytes value,
                             struct openpgp_pw_status *out);

/* KDF-DO F9: what is presented in place of a PIN. */
struct openpgp_kdf {
    enum card_hash hash; /* CARD_HASH_NONE: the PIN itself is */
    size_t count;        /* bytes to be hashed */
    uint8_t salt[OPENPGP_PASSWORDS][8];
};

/*
 * Empty is no derivation. CARD_E_UNSUPPORTED: one that is not known here, or
 * that would hash more than any card of ours should want.
 */
int openpgp_parse_kdf(struct bytes value, struct openpgp_kdf *out);
/* Append the derived PIN. */
int openpgp_derive_pin(struct crypto *crypto, const struct openpgp_kdf *kdf,
                       enum openpgp_password which, struct bytes pin,
                       struct buf *out);

/*
 * SubjectPublicKeyInfo, appended, of a public key template (7F49, ...).
 * CARD_E_UNSUPPORTED names the curve; CARD_E_PROTOCOL.
 */
int openpgp_public(const struct openpgp_key *key, struct bytes answer,
                   struct buf *spki);

#endif
