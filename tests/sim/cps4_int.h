/*
 * Inside the simulated CPS4: its state, shared by cps4.c (channels, files,
 * PINs) and cps4_key.c (keys).
 */
#ifndef TESTS_SIM_CPS4_INT_H
#define TESTS_SIM_CPS4_INT_H

#include "tests/sim/applet.h"
#include "tests/sim/frame.h"
#include "tests/sim/keys.h"

enum { CPS4_PIN, CPS4_PUK }; /* indices of sim_pins */
enum { CPS4_SIGN, CPS4_AUTH }; /* indices of sim_keys */

/* What is current on channel 1. */
enum cps4_where {
    CPS4_CLOSED, /* the channel is not open */
    CPS4_MANAGER,
    CPS4_MF, /* ChipDoc's */
    CPS4_DF  /* 3F00/0001, the ISO 7816-15 application */
};

struct cps4_sim {
    struct applet applet; /* first */
    struct sim_frame frame;
    struct sim_pins pins;
    struct sim_keys keys;
    char serial[9], logical_id[11];
    bool lost;        /* until the recovery sequence is complete */
    unsigned recovery; /* RAM, as what follows: steps of it that were made */
    enum cps4_where where;
    uint16_t ef;      /* 0: none */
    uint8_t sign_alg; /* 0: not set */
    bool decipher;    /* the environment for that is set */
};

/* Each returns a status word. */
unsigned cps4_mse(struct cps4_sim *c, const struct sim_command *cmd);
unsigned cps4_pso(struct cps4_sim *c, const struct sim_command *cmd,
                  struct buf *out);
/* Append the content of an EF; 6A82. */
unsigned cps4_put_file(const struct cps4_sim *c, enum cps4_where where,
                       uint16_t fid, struct buf *out);

#endif
