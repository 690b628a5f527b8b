/*
 * Inside the driver of ISO 7816-15 cards: what it knows of a card, and what it
 * does with keys. Included by card/driver/iso15*.c only.
 */
#ifndef CARD_DRIVER_ISO15_USE_H
#define CARD_DRIVER_ISO15_USE_H

#include "card/driver/iso15.h"

/* MSE SET as it was sent: P2, then the data. */
struct iso15_environment {
    uint8_t data[32];
    size_t len; /* 0: not known */
};

struct iso15 {
    struct p15_token p15; /* first */
    const struct iso15_card *card;
    struct card_path path, aid; /* of the application: one or the other */
    struct card_path current;   /* DF or key file, while t->selected */
    struct p15_token_info info;
    uint8_t p2;       /* of SELECT: no answer, unless the card refuses that */
    bool walks;       /* SELECT by path is unknown to it */
    bool left_inside; /* the applet was current when last seen */
    bool hash_on_card;  /* it refused a finished hash: it wants the midstate */
    bool forgets;       /* the environment is gone after each use */
    struct iso15_environment env;
    uint8_t features_space[8]; /* IsoApplet: version, bits */
    size_t features_len;
};

/* iso15_file.c */

struct bytes iso15_path(const struct card_path *path);
/* None, if it is too long. */
void iso15_set_path(struct card_path *out, struct bytes path);
/* It starts with 3F00. */
bool iso15_is_absolute(struct bytes path);
/* By such a path; what is current then is not noted. */
int iso15_select_path(struct token *t, struct bytes path);
/* The same for a file to be read, wherever the card is: one SELECT. */
int iso15_select_whole(struct token *t, struct bytes path);
/* Any path that a directory names, of a file to be read. */
int iso15_select_file(struct token *t, struct bytes path);
int iso15_select(struct token *t);
int iso15_need_application(struct token *t);
/* The application, and in it a DF or key file, unless it is current already. */
int iso15_go_to(struct token *t, const struct card_path *path);

/* iso15_use.c */

/* IsoApplet, just selected: what it can do; and of that, what it can carry. */
int iso15_read_features(struct token *t);
void iso15_use_transport(struct token *t);
/* Take from key->can what this applet has not. */
void iso15_use_features(struct token *t, struct card_key_info *key);

int iso15_sign(struct token *t, const struct card_key_info *key,
               const struct card_tbs *tbs, struct buf *sig);
int iso15_decrypt(struct token *t, const struct card_key_info *key,
                  const struct card_unpad *how, struct bytes cryptogram,
                  struct buf *plain);
int iso15_derive(struct token *t, const struct card_key_info *key,
                 struct bytes peer, struct buf *secret);

#endif
