/*
 * Inside the GemSafe driver: what its files share.
 */
#ifndef CARD_DRIVER_GEMSAFE_H
#define CARD_DRIVER_GEMSAFE_H

#include "card/driver/p15_token.h"

/* One way the family's cards are laid out and spoken to. */
struct gemsafe_family {
    const char *model;
    struct bytes aid;    /* empty: it is not selected by name */
    struct bytes path;   /* below the MF: the object file, or the DF of 5031 */
    bool iso15;          /* ISO 7816-15 directories, not an object file */
    bool old_class;      /* it signs and deciphers with CLA 80, at one go */
    uint8_t freeform;    /* algorithm: the card pads what it is given */
};

struct gemsafe {
    struct p15_token p15; /* first */
    const struct gemsafe_family *family;
    struct buf object;    /* the object file's first block, or all of it */
    bool whole;           /* all of it */
    bool deciphered;      /* once: how that is done is known */
    bool indicator;       /* with a padding indicator */
};

enum {
    GEMSAFE_CHUNK = 248,      /* bytes a READ BINARY */
    GEMSAFE_FINGERPRINT = 32, /* bytes */
    GEMSAFE_CLA_OLD = 0x80
};

/* The driver's select: the application, and its object file if it has one. */
int gemsafe_select(struct token *t);

/* ---- gemsafe_object.c: the object file of V1 and V3 ---------------------- */

/* Its first block, once. CARD_E_NOT_FOUND. */
int gemsafe_object_head(struct token *t);
bool gemsafe_object_has_table(const struct gemsafe *g);
/* A hash of that block: it changes with the card, and with its table. */
void gemsafe_object_fingerprint(const struct gemsafe *g,
                                uint8_t out[GEMSAFE_FINGERPRINT]);
/* All keys and certificates. CARD_E_PROTOCOL. */
int gemsafe_object_list(struct token *t);
/* Appends a listed one. */
int gemsafe_object_cert(struct token *t, const struct card_cert_info *cert,
                        struct buf *der);

/* ---- gemsafe_key.c ------------------------------------------------------- */

/* The driver's slots. */
int gemsafe_sign(struct token *t, const struct card_key_info *key,
                 const struct card_tbs *tbs, struct buf *sig);
int gemsafe_decrypt(struct token *t, const struct card_key_info *key,
                    const struct card_unpad *how, struct bytes cryptogram,
                    struct buf *plain);

#endif
