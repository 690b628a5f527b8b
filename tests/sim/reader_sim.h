/*
 * Door 1: simulated cards as readers in this process, with faults on demand
 * (reliability B4, R1) and other programs that use the same cards.
 */
#ifndef TESTS_SIM_READER_SIM_H
#define TESTS_SIM_READER_SIM_H

#include <sys/types.h>

#include "card/reader/reader.h"
#include "tests/sim/applet.h"

enum { SIM_MAX_READERS = 16 };

struct sim_world;

/* Give a world as io: struct reader r = {&reader_sim, world, ...}. */
extern const struct reader_ops reader_sim;

/* CARD_E_MEMORY. */
int sim_world_new(struct sim_world **out);
/* After every connection is closed. Applets are not freed. NULL allowed. */
void sim_world_free(struct sim_world *w);

/*
 * Add a reader; `card` (lent) may be NULL: empty. Returns its number, or
 * CARD_E_LIMIT.
 */
int sim_world_add(struct sim_world *w, const char *name, struct applet *card);
/* Take the card out (insert NULL) or put one in: connections are lost. */
void sim_world_insert(struct sim_world *w, int reader, struct applet *card);
/* Plug a reader out, its card in it, or in again. */
void sim_world_plug(struct sim_world *w, int reader, bool plugged);
/* pcscd goes away, or comes back; either way connections are lost. */
void sim_world_service(struct sim_world *w, bool running);
/*
 * fork() as it would be with the cards outside this process: no thread is
 * inside a card meanwhile. In the child the cards are a copy, and nobody holds
 * a transaction.
 */
pid_t sim_world_fork(struct sim_world *w);
/* What the readers say that they carry (reader.h, max_data); 0 unless told. */
void sim_world_max_data(struct sim_world *w, unsigned max);
/* How long begin waits for a card others hold; 30000 unless told. */
void sim_world_patience(struct sim_world *w, unsigned milliseconds);

enum sim_fault {
    SIM_FAULT_NONE,
    /* The reader's errors; the command is not executed. */
    SIM_FAULT_NO_SERVICE,
    SIM_FAULT_REMOVED, /* and put in again at once */
    SIM_FAULT_RESET,
    SIM_FAULT_COMM,
    SIM_FAULT_TIMEOUT,
    /* Damaged answers; the command is executed. */
    SIM_FAULT_EMPTY,    /* 0 bytes: CARD_E_PROTOCOL, as readers must say */
    SIM_FAULT_ONE_BYTE, /* likewise */
    SIM_FAULT_TRUNCATED, /* the first half */
    SIM_FAULT_OVERLONG, /* 300 bytes more */
    /* Another status word; the command is not executed. */
    SIM_FAULT_6F00,
    SIM_FAULT_6982,
    SIM_FAULT_6983,
    SIM_FAULT_6A82,
    SIM_FAULT_6100,
    SIM_FAULT_6C00,
    SIM_FAULT_END
};

const char *sim_fault_name(enum sim_fault kind);

/*
 * At the nth transmit from now (1: the next), once or from then on.
 * SIM_FAULT_NONE ends it. Counts start anew with sim_world_reset_counts.
 */
void sim_world_fault(struct sim_world *w, unsigned nth, enum sim_fault kind,
                     bool lasting);

enum sim_tear { SIM_TEAR_NONE, SIM_TEAR_BEFORE, SIM_TEAR_AFTER };

/*
 * Power fails at the nth transmit from now, before or after the card has
 * executed the command: CARD_E_REMOVED, and the card is back at once.
 */
void sim_world_tear(struct sim_world *w, unsigned nth, enum sim_tear when);

enum sim_intrusion {
    SIM_OTHER_NONE,
    SIM_OTHER_RESET,      /* SCardReconnect or SCardDisconnect with reset */
    SIM_OTHER_APPLICATION, /* selects an application we know nothing of */
    SIM_OTHER_FILE        /* selects the MF */
};

/*
 * Another program uses the card just before the nth begin from now is
 * granted. It cannot while a transaction is held.
 */
void sim_world_intrude(struct sim_world *w, unsigned nth,
                       enum sim_intrusion what);
/* The same at once; false if a transaction is held or the reader is empty. */
bool sim_world_other(struct sim_world *w, int reader, enum sim_intrusion what);

struct sim_counts {
    unsigned connects, begins, ends, transmits;
    unsigned waits; /* `states` went to sleep */
};

struct sim_counts sim_world_counts(struct sim_world *w);
/* Counters to 0 and an empty log. Faults that wait go on waiting. */
void sim_world_reset_counts(struct sim_world *w);

/* Commands since the last reset of counts, other programs' not among them. */
size_t sim_world_logged(struct sim_world *w);
/* Lent until the next reset of counts; empty beyond the end. */
struct bytes sim_world_command(struct sim_world *w, size_t index);
/* How many of them have that INS. */
size_t sim_world_count_ins(struct sim_world *w, uint8_t ins);

#endif
