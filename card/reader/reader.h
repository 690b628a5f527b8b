/*
 * A reader carries bytes to one inserted card. PC/SC, the recorder and the
 * simulator are the same table of functions.
 */
#ifndef CARD_READER_READER_H
#define CARD_READER_READER_H

#include "card/base/bytes.h"
#include "card/readers.h"

enum {
    READER_RESPONSE_MAX = 65538, /* 64 KiB and a status word */
    READER_SHORT_DATA = 256 /* max_data of readers of short commands */
};

enum reader_protocol { READER_T0, READER_T1 };

/* How a transaction ends: others find the card as it is, or reset. */
enum reader_end { READER_LEAVE, READER_RESET };

/* Readers that hold a card, with its ATR where that is known without asking. */
struct reader_list {
    char names[READER_MAX_LIST][READER_NAME_MAX];
    uint8_t atr[READER_MAX_LIST][READER_ATR_MAX];
    size_t atr_len[READER_MAX_LIST];
    size_t count;
};

struct reader_ops;

struct reader {
    const struct reader_ops *ops; /* first: the object knows its class */
    void *io;                     /* the ops' own world; NULL for PC/SC */
    void *link;                   /* the open connection, or NULL */
    char name[READER_NAME_MAX];
    uint8_t atr[READER_ATR_MAX];
    size_t atr_len;
    enum reader_protocol protocol;
    bool extended; /* card announced extended length; max_data: the reader */
    bool chaining; /* card announced command chaining */
    uint8_t channel; /* logical channel of every command: 0 to 3 */
    unsigned budget; /* APDUs this operation may still send (endless cards) */
    unsigned patience_ms; /* connect, begin: for a card others hold; 0: 30 s */
};

/* What a reader's own keypad offers. */
struct reader_keypad {
    bool verify, modify;
    unsigned min_len, max_len; /* digits it takes; 0: not told */
};

/* How the digits stand in a command, from the start of its data on. */
enum reader_digits {
    READER_DIGITS_ASCII,  /* 30..39 */
    READER_DIGITS_BCD,    /* two in a byte */
    READER_DIGITS_BINARY, /* 00..09 */
    READER_DIGITS_ISO9564 /* BCD behind a byte that ends with their number */
};

/*
 * A PIN that a person enters at the reader, which completes the command and
 * sends it: the PIN is never seen here.
 *
 *   command   what padding leaves of it when no digit is entered
 *   block     bytes of the padded PIN, up to 15; 0: as long as it is
 *   modify    the old PIN first, at the start; then the new one, twice, behind
 *             the old one's block
 */
struct reader_entry {
    struct bytes command;
    enum reader_digits digits;
    unsigned min_len, max_len; /* digits */
    uint8_t block;
    bool modify;
};

/*
 * All return 0 or enum card_error, with a sentence set.
 */
struct reader_ops {
    /*
     * Names of the readers that hold a card. CARD_E_NO_SERVICE,
     * CARD_E_NO_READER (none at all), CARD_E_NO_CARD (all empty).
     */
    int (*list)(void *io, struct reader_list *out);
    /*
     * All readers, the empty ones too. An all-zero *states is filled in at
     * once. Called again with what it gave: waits until something differs from
     * that, fills it in and returns 0; CARD_E_TIMEOUT when nothing did within
     * `timeout_ms` (0: look, do not wait; below 0: no limit). What differs is a
     * reader that was plugged in or out or failed, a card that came or went,
     * also one that did both since.
     *
     * No reader is no error: count is 0, and waiting notices the first one.
     * CARD_E_NO_SERVICE, also when the service stops meanwhile: *states is as
     * it was, so that a caller who tries again is told what changed until then.
     * A wait ends with the process by a signal's default action; a handler that
     * returns does not end it.
     *
     * NULL: readers of this kind are not watched.
     */
    int (*states)(void *io, struct reader_states *states, int timeout_ms);
    /* Shared connection to the card in r->name; fills atr and protocol. */
    int (*connect)(struct reader *r);
    /*
     * Exclusive use until end. CARD_E_RESET, once, after a reset by another
     * program: the connection is good again, the card's state is lost, no
     * transaction is held. CARD_E_REMOVED, _NO_SERVICE, _COMM: connection is
     * lost; disconnect and connect anew.
     */
    int (*begin)(struct reader *r);
    /*
     * One command APDU as it goes over the wire; the answer with its status
     * word is appended to rsp (at least 2 bytes, else CARD_E_PROTOCOL).
     */
    int (*transmit)(struct reader *r, struct bytes command, struct buf *rsp);
    void (*end)(struct reader *r, enum reader_end how);
    /* Close; nothing happens if it is not connected. */
    void (*disconnect)(struct reader *r);
    /*
     * Drop the connection without a word to the service: in a forked child
     * the handles belong to the parent.
     */
    void (*forget)(struct reader *r);
    /*
     * The most data that a command or an answer may hold on its way through
     * this reader: READER_SHORT_DATA, or more where it carries extended
     * length; 0: it does not say. Asked of the reader once in a connection.
     * NULL: readers of this kind say nothing.
     */
    unsigned (*max_data)(struct reader *r);
    /*
     * What follows is NULL where readers of a kind have no keypad.
     *
     * What this reader's keypad offers: nothing, if that cannot be found out.
     * Asked of the reader once in a connection.
     */
    void (*keypad)(struct reader *r, struct reader_keypad *out);
    /*
     * Wait for a person at the keypad, and append the answer to the command:
     * the card's status word, or the reader's own (PC/SC part 10, 2.5).
     */
    int (*enter_pin)(struct reader *r, const struct reader_entry *entry,
                     struct buf *rsp);
};

/* Whether `states` would go on waiting. */
bool reader_states_same(const struct reader_states *a,
                        const struct reader_states *b);

/* PC/SC through libpcsclite; io is NULL. */
extern const struct reader_ops reader_pcsc;

/*
 * A recorder in front of other readers. Each exchange goes to `path` as text:
 * "# reader", "atr", "> command", "< answer", other events as "# ..."; the
 * data of VERIFY, CHANGE, RESET RETRY COUNTER, ENABLE and DISABLE VERIFICATION
 * and EXTERNAL/MUTUAL AUTHENTICATE is written as XX, and so is what PSO
 * DECIPHER and GENERAL AUTHENTICATE give back. A command completed at a keypad
 * is "# keypad ...".
 *
 *   ops, io  the readers to record (lent)
 *   out      give as io with reader_trace; free with reader_trace_free
 *
 * The file is created 0600 and appended to. CARD_E_CONFIG if it cannot be.
 */
struct reader_trace;
extern const struct reader_ops reader_trace;
int reader_trace_new(const struct reader_ops *ops, void *io, const char *path,
                     struct reader_trace **out);
void reader_trace_free(struct reader_trace *trace);

#endif
