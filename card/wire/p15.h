/*
 * ISO 7816-15 (PKCS#15) files to object records. Lax as real cards demand:
 * objects that do not parse are skipped, files end at 00, FF or their end,
 * unknown trailing fields are ignored (see each function for what is not).
 */
#ifndef CARD_WIRE_P15_H
#define CARD_WIRE_P15_H

#include "card/base/bytes.h"
#include "card/object.h"

enum {
    P15_MAX_FILES = 8,
    P15_MAX_ALGORITHMS = 16,
    P15_MAX_TIME = 24 /* bytes of a GeneralizedTime with the NUL */
};

/* A part of a file; length 0: all of it. */
struct p15_range {
    size_t offset, length;
};

/* Paths of one kind of directory file. */
struct p15_files {
    struct card_path path[P15_MAX_FILES];
    struct p15_range range[P15_MAX_FILES];
    size_t count;
};

/* EF.ODF 5031: what else there is. */
struct p15_odf {
    struct p15_files prkdf; /* A0 */
    struct p15_files pukdf; /* A1 */
    struct p15_files cdf;   /* A4, then A5 and A6 */
    struct p15_files dodf;  /* A7 */
    struct p15_files aodf;  /* A8 */
};

/* EF.DIR 2F00: one application template (tag 61). */
struct p15_app {
    struct card_path aid;
    struct card_path path;
    char label[CARD_LABEL_MAX];
};

enum p15_operation { /* of an AlgorithmInfo */
    P15_COMPUTE_SIGNATURE = 1 << 1,
    P15_DECIPHER = 1 << 5
};

/*
 * AlgorithmInfo of TokenInfo, of those with a byte for MSE tag 80.
 *   reference  what keys point at: algReference
 *   mechanism  PKCS#11's CKM_ value
 */
struct p15_algorithm {
    uint32_t reference;
    uint32_t mechanism;
    uint32_t operations; /* enum p15_operation */
    uint8_t alg_ref;
};

/*
 * TokenInfo 5032, the fields that name a card. Empty where absent.
 *   version  as it stands there, 0 is v1; below 0: none
 */
struct p15_token_info {
    int version;
    char label[CARD_LABEL_MAX];
    char manufacturer[CARD_LABEL_MAX];
    char serial[CARD_SERIAL_MAX];   /* hex */
    char last_update[P15_MAX_TIME]; /* GeneralizedTime */
    struct p15_algorithm algorithms[P15_MAX_ALGORITHMS];
    size_t algorithm_count;
};

/*
 * Public key of a PuKDF: `direct`, lent from the file, or what is in a file.
 *   bits  modulus or field size; 0 if not said
 */
struct p15_public {
    enum card_key_type type;
    unsigned bits;
    struct bytes direct;
    struct card_path path;
    struct p15_range range;
};

/* At most `cap` records, *count how many. Never fails: 0 records. */
void p15_parse_dir(struct bytes file, struct p15_app *apps, size_t cap,
                   size_t *count);

/* CARD_E_PROTOCOL when not one path was found: this is no ODF. */
int p15_parse_odf(struct bytes file, struct p15_odf *out);

/* CARD_E_PROTOCOL when the outer SEQUENCE is missing. */
int p15_parse_token_info(struct bytes file, struct p15_token_info *out);

/*
 * Append the records of one directory file to an array that already holds
 * *count of `cap`; further ones are left out. A certificate that stands in the
 * directory itself has no path: its offset and length are those in `file`.
 * `uses` and `can` of keys are left 0: they are the driver's judgement. PIN
 * tries are CARD_TRIES_UNKNOWN.
 */
void p15_parse_prkdf(struct bytes file, struct card_key_info *keys, size_t cap,
                     size_t *count);
void p15_parse_cdf(struct bytes file, struct card_cert_info *certs, size_t cap,
                   size_t *count);
void p15_parse_aodf(struct bytes file, struct card_pin_info *pins, size_t cap,
                    size_t *count);

/* The first public key with that iD in a PuKDF. */
bool p15_find_public(struct bytes file, const struct card_id *id,
                     struct p15_public *out);
/*
 * What a PuKDF's value holds to SubjectPublicKeyInfo, appended: one already,
 * or RSAPublicKey (RFC 8017 A.1.1), or a point with or without the OCTET
 * STRING around it, on the NIST curve of `bits`. CARD_E_PROTOCOL.
 */
int p15_public_spki(const struct p15_public *public, struct bytes value,
                    struct buf *spki);

#endif
