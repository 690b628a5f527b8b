/*
 * Inside the driver of ISO 7816-15 cards: the table of what cards do in ways
 * of their own. Included by card/driver/iso15*.c only.
 */
#ifndef CARD_DRIVER_ISO15_H
#define CARD_DRIVER_ISO15_H

#include "card/driver/p15_token.h"

/* What a key can be asked for, each with its own algorithm byte. */
enum iso15_op {
    OP_PKCS1,        /* the card pads a DigestInfo */
    OP_SHA1,         /* it writes the DigestInfo too, or even hashes */
    OP_SHA256,
    OP_PSS,          /* over a hash; salt as long as the hash */
    OP_RAW,          /* RSASP1 over a whole block */
    OP_ECDSA,
    OP_DECIPHER,     /* RSAES-PKCS1-v1_5, unpadded by the card */
    OP_DECIPHER_RAW, /* RSADP */
    OP_DERIVE,
    OP_COUNT
};

enum {
    ALG_NONE = -1,    /* the card does not do it */
    ALG_IMPLIED = -2  /* it does, without tag 80 in MSE SET */
};

enum iso15_quirk {
    QUIRK_ALGORITHMS = 1 << 0,  /* TokenInfo's algorithms go before the row's */
    QUIRK_NO_DF = 1 << 1,       /* keys and PINs are there without a DF */
    QUIRK_KEY_FILE = 1 << 2,    /* a key is a file: tag 81, reference 00 */
    QUIRK_REF_83 = 1 << 3,      /* tag 83 for a private key's reference */
    QUIRK_REF_NIBBLES = 1 << 4, /* a reference is algorithm and number */
    QUIRK_FULL_HASH = 1 << 5,   /* ECDSA over as many bytes as the field has */
    QUIRK_HALVES = 1 << 6,      /* 256 bytes to decipher go in two halves */
    QUIRK_LOCAL_PIN = 1 << 7,   /* PINs are padded, and bit 80 is in P2 */
    QUIRK_EXTENDED = 1 << 8,    /* extended length, though it is not told */
    QUIRK_CHAINING = 1 << 9,    /* command chaining, though it is not told */
    QUIRK_APPLET_INFO = 1 << 10 /* GET DATA 0101: IsoApplet's features */
};

/*
 *   aid   applet to select; none: the card has but one file system
 *   atrs  whole, as hex; or
 *   names at the end of the historical bytes
 *   path  of the application, when it is always there
 */
struct iso15_card {
    const char *model;
    uint8_t aid[CARD_PATH_MAX], aid_len;
    const char *atrs[4];
    const char *names[2];
    uint8_t path[4], path_len;
    unsigned quirks; /* enum iso15_quirk */
    int tries_max;   /* of the PIN, where all cards have the same */
    int alg[OP_COUNT];
};

/* The card with that ATR, or NULL: it may be one with an applet. */
const struct iso15_card *iso15_card_of_atr(const struct reader *r);
/* Cards with an applet, the first at 0; NULL ends. */
const struct iso15_card *iso15_card_with_applet(size_t i);
/* What every other card is taken for. */
extern const struct iso15_card iso15_any_card;

/*
 * The algorithm byte for a key, ALG_IMPLIED or ALG_NONE: what TokenInfo says
 * of the key, or else the card's row.
 */
int iso15_algorithm(const struct iso15_card *card,
                    const struct p15_token_info *info,
                    const struct card_key_info *key, enum iso15_op op);
/* Fill uses and can of a key, by its usage and the algorithms. */
void iso15_judge(const struct iso15_card *card,
                 const struct p15_token_info *info, struct card_key_info *key);

#endif
