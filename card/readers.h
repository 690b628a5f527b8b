/*
 * What the readers of a service hold, and which of that changed: shared by the
 * public face (card/admin.h) and the table of readers (card/reader/reader.h).
 */
#ifndef CARD_READERS_H
#define CARD_READERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    READER_NAME_MAX = 256, /* bytes with the NUL */
    READER_ATR_MAX = 33,   /* ISO 7816-3, 8.2.1 */
    READER_MAX_LIST = 32
};

enum reader_presence {
    READER_EMPTY,
    READER_PRESENT,
    READER_MUTE,       /* a card that does not answer */
    READER_UNAVAILABLE /* unplugged just now, or of no use to its driver */
};

struct reader_state {
    char name[READER_NAME_MAX]; /* the reader's own words: hostile */
    uint8_t atr[READER_ATR_MAX];
    size_t atr_len;             /* 0: no card, or one that is mute */
    enum reader_presence presence;
    uint32_t events; /* rises when a card comes or goes, and starts anew */
};

/*
 * All readers in the service's order, those beyond the end left out. All zero:
 * nothing is known yet.
 */
struct reader_states {
    struct reader_state readers[READER_MAX_LIST];
    size_t count;
    bool known; /* false: `readers` is not what was there before */
};

#endif
