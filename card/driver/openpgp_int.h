/*
 * Inside the driver for OpenPGP cards: openpgp.c, openpgp_pin.c, openpgp_use.c
 * and, for their holders, openpgp_admin.c.
 */
#ifndef CARD_DRIVER_OPENPGP_INT_H
#define CARD_DRIVER_OPENPGP_INT_H

#include "card/driver/driver.h"
#include "card/driver/openpgp_data.h"
#include "card/wire/apdu.h"

enum {
    OPENPGP_DO_CARDHOLDER = 0x0065,
    OPENPGP_DO_APPLICATION = 0x006E,
    OPENPGP_DO_PW_STATUS = 0x00C4,
    OPENPGP_DO_KDF = 0x00F9,
    OPENPGP_DO_CERTIFICATE = 0x7F21
};

enum {
    OPENPGP_PW1_SIGN = 0x81, /* reference of PW1 for a signature */
    OPENPGP_PW1 = 0x82,      /* the same PIN for all else */
    OPENPGP_PW3 = 0x83,
    OPENPGP_RC = 0x00,       /* the resetting code: it has none */
    OPENPGP_OCCURRENCE_UNKNOWN = -1
};

struct openpgp {
    struct openpgp_data data;
    struct openpgp_kdf kdf;
    bool kdf_unknown;         /* there is one, but not one we can compute */
    int occurrence;           /* of the certificates: which is selected */
    struct crypto *crypto;    /* for the KDF, or NULL */
    bool was_moved;           /* another application was found selected */
    struct secret *presented; /* PW1, under either reference, not accepted */
    int tries_before;         /* that were left then */
};

/* openpgp.c */

/* Of a key or a certificate: their iDs count from 1. */
enum openpgp_slot openpgp_slot_of(const struct card_id *id);
void openpgp_set_id(struct card_id *id, uint8_t value);
/* The card understood and said no: 6982 too, its answer to much. */
bool openpgp_refused(int rc);
int openpgp_need_application(struct token *t);
/* GET DATA. */
int openpgp_get(struct token *t, uint16_t tag, struct buf *out);
/* DO 6E as it is now; CARD_E_PROTOCOL: another application's answer. */
int openpgp_read_data(struct token *t, struct openpgp_data *data);

/* openpgp_pin.c */

int openpgp_list_pins(struct token *t);
/* A record of the PIN with that reference. */
void openpgp_describe_pin(const struct openpgp *op, uint8_t ref,
                          struct card_pin_info *pin);
/* Of any of them. */
int openpgp_pin_status(struct token *t, struct card_pin_info *pin);
int openpgp_verify(struct token *t, struct card_pin_info *pin,
                   struct bytes value);
/* What goes to the card for a PIN: as it is, padded, or derived; appended. */
int openpgp_put_pin(const struct openpgp *op, const struct card_pin_info *pin,
                    struct bytes value, struct buf *out);
/*
 * What to say of a PIN after CARD_E_STATUS, when there were `before` tries:
 * these cards answer 6982 to a wrong one, as to much else.
 */
int openpgp_judge_refusal(struct token *t, struct card_pin_info *pin,
                          int before);
/* What was rejected before may be right now. */
void openpgp_forget_presented(struct openpgp *op);

/* openpgp_use.c: as the driver's slots say. */

int openpgp_sign(struct token *t, const struct card_key_info *key,
                 const struct card_tbs *tbs, struct buf *sig);
int openpgp_decrypt(struct token *t, const struct card_key_info *key,
                    const struct card_unpad *how, struct bytes cryptogram,
                    struct buf *plain);
int openpgp_derive(struct token *t, const struct card_key_info *key,
                   struct bytes peer, struct buf *secret);

#endif
