/*
 * Inside the PIV driver: what its files share. piv.c knows the card and its
 * PIN, piv_object.c what is on it, piv_key.c uses keys; piv_admin.c is for
 * holders.
 */
#ifndef CARD_DRIVER_PIV_H
#define CARD_DRIVER_PIV_H

#include "card/driver/driver.h"
#include "card/wire/apdu.h"

/* Key references (SP 800-73-4 part 1, table 4b). */
enum {
    PIV_AUTHENTICATION = 0x9A,
    PIV_SIGNATURE = 0x9C,
    PIV_KEY_MANAGEMENT = 0x9D,
    PIV_CARD_AUTHENTICATION = 0x9E,
    PIV_RETIRED = 0x82, /* the first of them */
    PIV_RETIRED_COUNT = 20
};

/* Objects are tagged 5FC1xx but for the discovery object. */
enum {
    OBJECT_CARD_AUTHENTICATION = 0x01,
    OBJECT_CHUID = 0x02,
    OBJECT_AUTHENTICATION = 0x05,
    OBJECT_SIGNATURE = 0x0A,
    OBJECT_KEY_MANAGEMENT = 0x0B,
    OBJECT_KEY_HISTORY = 0x0C,
    OBJECT_RETIRED = 0x0D /* the first of them */
};

/* Yubico's, as others have them too. */
enum {
    INS_GET_METADATA = 0xF7,
    INS_GET_SERIAL = 0xF8,
    INS_GET_VERSION = 0xFD
};

/* Key references of PINs (part 1, table 4a). */
enum { PIV_GLOBAL_PIN = 0x00, PIV_PIN = 0x80, PIV_PUK = 0x81 };

struct piv {
    bool yubico;       /* the ATR says so: its PIN has metadata */
    bool no_metadata;  /* it does not know the command */
    bool discovered;   /* the discovery object was read, or is not there */
    bool history_read; /* the key history object, or is not there */
    bool retired_known;
    unsigned retired;  /* retired keys, at least */
};

/* Whether an answer can only come from this application. */
typedef bool piv_proof_fn(struct bytes answer);

/*
 * One command, its answer appended, a status word but 9000 an error. Where the
 * application may not be the current one any more, it goes out at once all the
 * same: an answer that proves it is spares the SELECT, and after anything else
 * it is sent again behind one.
 */
int piv_command(struct token *t, const struct apdu *cmd, piv_proof_fn *proof,
                struct buf *out, const char *doing);

/* The card understood and said no, 6982 too. */
bool piv_refused(int rc);

/* The tries of a PIN or PUK by Yubico's metadata; refused: it has none. */
int piv_read_tries(struct token *t, struct card_pin_info *pin);

/* The application's name, without the version that ends it. */
extern const uint8_t piv_aid[9];

int piv_select(struct token *t);

/*
 * GET DATA, appended; first_part: up to 256 bytes, in one answer. Of objects
 * tagged 5FC1xx `object` is the xx.
 */
int piv_get_data(struct token *t, struct bytes tag, bool first_part,
                 piv_proof_fn *proof, struct buf *out);
int piv_get_object(struct token *t, uint8_t object, bool first_part,
                   struct buf *out);
/* The content of an object as far as it has come. */
bool piv_open_object(struct bytes answer, struct bytes *content);
int piv_read_cert(struct token *t, const struct card_cert_info *cert,
                  struct buf *der);

/*
 * CARD_E_NOT_FOUND for a retired key that is not on the card, by the key
 * history object or, without one, by the slots before it.
 */
int piv_check_retired(struct token *t, uint8_t slot);

int piv_sign(struct token *t, const struct card_key_info *key,
             const struct card_tbs *tbs, struct buf *sig);
int piv_decrypt(struct token *t, const struct card_key_info *key,
                const struct card_unpad *how, struct bytes cryptogram,
                struct buf *plain);
int piv_derive(struct token *t, const struct card_key_info *key,
               struct bytes peer, struct buf *secret);
int piv_read_public(struct token *t, const struct card_key_info *key,
                    struct buf *spki);

#endif
