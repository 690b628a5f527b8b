/*
 * A reader with a hostile card: what it answers, and what goes wrong on the
 * way, is taken off a cursor.
 *
 *   connect     1 byte: enum fuzz_link
 *   begin       1 byte: a fault or, below FUZZ_FAULT, none
 *   transmit    1 byte: a fault or the answer's length; FF: 2 bytes of length
 *               follow; then the answer with its status word
 *
 * Past the end of the input the card is gone or, with FUZZ_ENDLESS, gives its
 * last answer for ever. The reader aborts when it is misused: outside of a
 * transaction, beyond the budget of one, or with a PIN in a transaction that
 * has had one refused.
 */
#ifndef TESTS_FUZZ_READER_FUZZ_H
#define TESTS_FUZZ_READER_FUZZ_H

#include "card/reader/reader.h"

enum { FUZZ_FAULT = 0xF8, FUZZ_LONG = 0xFF };

enum fuzz_link {
    FUZZ_T1 = 1 << 0,
    FUZZ_EXTENDED = 1 << 1, /* card and reader announced extended length */
    FUZZ_CHAINING = 1 << 2, /* command chaining was announced */
    FUZZ_ENDLESS = 1 << 3
};

/* The world of the reader: reader->io, or reader_io of the card layer. */
struct reader_fuzz {
    const char *atr;     /* hex */
    unsigned max_data;   /* what the reader says that it carries */
    struct bytes input;  /* what is not used up */
    struct bytes last;   /* answer */
    bool endless;
    bool held;           /* a transaction is under way */
    bool pin_failed;     /* a PIN was refused, or lost on the way, in it */
    unsigned sent;       /* commands in it */
};

extern const struct reader_ops reader_fuzz;

#endif
