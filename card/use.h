/*
 * One use of a private key, from inside the card layer.
 */
#ifndef CARD_USE_H
#define CARD_USE_H

#include "card/card_int.h"

/*
 * What is to be done with the PIN verified: run, with whatever it finds in
 * here. It may be run again after a failure; by a concurrent driver's token
 * also outside a transaction, and by several threads.
 */
struct key_use {
    int (*run)(struct card_key *key, struct key_use *use);
    const struct card_tbs *tbs;    /* sign */
    const struct card_unpad *how;  /* decrypt */
    struct bytes in;               /* cryptogram, ciphertext, or peer's key */
    bool rejected;                 /* decrypt: by the card itself */
    bool afresh;                   /* trust nothing, however often it is done */
    bool in_transaction;           /* never outside of one */
    struct buf *out;
};

/*
 * The ritual: begin, PIN (stored, or asked of a person), run, end. Errors are
 * the operation's, with the key's name in front.
 */
int use_key(struct card_key *key, struct key_use *use);

#endif
