/*
 * Inside the driver of IAS ECC cards: the table of makers, and what its parts
 * give each other. Included by card/driver/ias*.c, and by cps4.c, whose cards
 * have the same files.
 */
#ifndef CARD_DRIVER_IAS_H
#define CARD_DRIVER_IAS_H

#include "card/driver/p15_token.h"

enum {
    IAS_CHUNK = 231,    /* bytes a READ BINARY: what all makers bear (E7) */
    IAS_CPS_SERIAL = 12, /* bytes of EF.SN on a CPS */
    IAS_CPS_UPDATE = 20  /* of EF D010: EC 12, 81 07, 82 07: dates */
};

enum ias_quirk {
    /*
     * A CPS3: P1 09 takes a path with 3F00 in front, EF.SN has the issuer in
     * it, EF D010 dates updates, and no DF has PINs of its own.
     */
    IAS_CPS = 1 << 0,
    IAS_EF_BY_P1_01 = 1 << 1, /* SELECT of an EF by its FID */
    IAS_NO_FCP = 1 << 2,      /* SELECT with P2 0C, not 04 */
    IAS_MF_WITH_FCP = 1 << 3, /* even of the MF P2 is 04 */
    IAS_SHIFTED_SERIAL = 1 << 4 /* by a nibble */
};

/*
 *   atr   hexadecimal, what is found in the ATR; ".." is any byte
 *   root  AID of the root application, hexadecimal; NULL: EF.ATR names it
 *   aid   of the ISO 7816-15 application; NULL: EF.DIR names it
 */
struct ias_card {
    const char *name;
    const char *atr;
    const char *root, *aid;
    unsigned quirks; /* enum ias_quirk */
};

/* Applications that serve, whether EF.DIR names them or not. */
struct ias_app {
    const char *aid;
    uint8_t pin_len; /* bytes, filled with 00; 0: as the AODF says */
};

/* Ends with a NULL aid. */
extern const struct ias_app ias_apps[];

/* The card with that ATR, or NULL. */
const struct ias_card *ias_card_of(const struct reader *r);
bool ias_is_cps4(const struct reader *r);
/* CARD_E_ARGUMENT if it is no AID. */
int ias_aid(const char *hex, struct card_path *out);
/*
 * EF.SN: the card's number for people. CARD_E_PROTOCOL if there is none in it.
 */
int ias_format_serial(struct bytes file, unsigned quirks,
                      char out[CARD_SERIAL_MAX]);

struct ias {
    struct p15_token p15; /* first */
    const struct ias_card *card;
    struct card_path root, aid; /* none: not known yet */
    uint8_t pin_len;   /* of the application's PINs: see struct ias_app */
    uint8_t update[IAS_CPS_UPDATE]; /* EF D010, when it was asked for */
    size_t update_len; /* 0: the card has none, it never was updated */
    bool update_known, update_closed;
    bool at_mf;        /* the MF is current, unless others used the card */
    bool no_sdo;       /* the card holds no PIN objects: VERIFY alone tells */
    bool hash_on_card; /* it refused a finished hash: it wants the midstate */
};

/* The application of a CPS4. */
extern const struct bytes cps4_application;

/* ias.c: bring the card there, unless it surely is. */
int ias_need_application(struct token *t);
int ias_enter_mf(struct token *t);

/* ias_pin.c, ias_key.c: slots of the driver. */
int ias_pin_status(struct token *t, struct card_pin_info *pin);
int ias_verify(struct token *t, struct card_pin_info *pin,
               struct bytes value);
int ias_sign(struct token *t, const struct card_key_info *key,
             const struct card_tbs *tbs, struct buf *sig);
int ias_decrypt(struct token *t, const struct card_key_info *key,
                const struct card_unpad *how, struct bytes cryptogram,
                struct buf *plain);
/* Fill uses and can of a key. */
void ias_judge_key(struct token *t, struct card_key_info *key);

#endif
