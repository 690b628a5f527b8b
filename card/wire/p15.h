/*
 * ISO 7816-15 (PKCS#15) files to object records. Lax as real cards demand:
 * objects that do not parse are skipped, files end at 00, FF or their end,
 * unknown trailing fields are ignored (see each function for what is not).
 */
#ifndef CARD_WIRE_P15_H
#define CARD_WIRE_P15_H

#include "card/base/bytes.h"
#include "card/object.h"

enum { P15_MAX_FILES = 8 };

/* Paths of one kind of directory file. */
struct p15_files {
    struct card_path path[P15_MAX_FILES];
    size_t count;
};

/* EF.ODF 5031: what else there is. */
struct p15_odf {
    struct p15_files prkdf; /* A0 */
    struct p15_files pukdf; /* A1 */
    struct p15_files cdf;   /* A4, then A5 and A6 */
    struct p15_files aodf;  /* A8 */
};

/* EF.DIR 2F00: one application template (tag 61). */
struct p15_app {
    struct card_path aid;
    struct card_path path;
    char label[CARD_LABEL_MAX];
};

/* TokenInfo 5032, the fields that name a card. Empty where absent. */
struct p15_token_info {
    char label[CARD_LABEL_MAX];
    char manufacturer[CARD_LABEL_MAX];
    char serial[CARD_SERIAL_MAX]; /* hex */
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
 * *count of `cap`; further ones are left out, and so are certificates that
 * stand in the directory itself: they have no file. `uses` and `can` of keys
 * are left 0: they are the driver's judgement. PIN tries are
 * CARD_TRIES_UNKNOWN.
 */
void p15_parse_prkdf(struct bytes file, struct card_key_info *keys, size_t cap,
                     size_t *count);
void p15_parse_cdf(struct bytes file, struct card_cert_info *certs, size_t cap,
                   size_t *count);
void p15_parse_aodf(struct bytes file, struct card_pin_info *pins, size_t cap,
                    size_t *count);

#endif
