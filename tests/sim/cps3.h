/*
 * A simulated CPS3, or another maker's IAS ECC 1.0.1 card, with the quirks of
 * real cards (fact sheets cps3, ias-ecc). Nothing in it comes from card/wire.
 */
#ifndef TESTS_SIM_CPS3_H
#define TESTS_SIM_CPS3_H

#include "tests/sim/family.h"

enum { CPS3_MAX_OVERRIDES = 8 };

/* READ BINARY that asks for more than is left. */
enum cps3_tail {
    CPS3_TAIL_6C,  /* 6Cxx, nothing read */
    CPS3_TAIL_6282 /* what is left, and 6282 */
};

enum cps3_wrong {
    CPS3_SIGN_RIGHT,
    CPS3_SIGN_FLIP_BIT,
    CPS3_SIGN_PREVIOUS, /* what was to be signed the time before */
    CPS3_SIGN_OTHER_KEY
};

/* Other content for an EF; `path` as in SELECT: "3F0000017002". */
struct cps3_override {
    const char *path;
    struct bytes content;
};

/* Zeroes are the card of the fact sheet. Strings and contents are lent. */
struct cps3_options {
    const char *maker;      /* see cps3_maker.c; NULL: "cps3" */
    const char *dir;        /* mkcard's folder; needed */
    const char *state;      /* file of PINs and counters; NULL: forgotten */
    const char *pin;        /* of a new state; NULL: "1234" */
    const char *puk;        /* NULL: "12345678" */
    const char *serial;     /* 8 digits; NULL: "99002752" */
    const char *tries;      /* left; NULL: 3 */
    const char *puk_tries;  /* NULL: 10 */
    const char *puk_uses;   /* NULL: 100 */
    const char *logical_id; /* 10 digits; NULL: "2300081197" */
    bool t1;                /* T=1: no 61xx, case 4 with Le */
    bool actualisation;     /* EF D010 is there */
    uint16_t sign_usage;    /* keyUsage BIT STRING, bit 0 first: 0: sheet's */
    uint16_t auth_usage;
    size_t cert_padding;    /* bytes 00 behind the certificates */
    struct cps3_override overrides[CPS3_MAX_OVERRIDES];
    size_t override_count;

    /* These may be changed while the card is in use, by cps3_settings. */
    enum cps3_tail tail;
    bool no_sdo;            /* GET DATA always 6A88 (Cosmo, Monaco) */
    bool no_finished_hash;  /* PSO CDS takes no data: the hash is to be
                               finished on the card */
    enum cps3_wrong wrong;
    bool endless;           /* GET RESPONSE never comes to an end */
};

/*
 * The same for the table of families, with settings maker, pin, puk, tries,
 * puk-tries, puk-uses (these three also later), serial, logical-id, t1, no-sdo,
 * actualisation. ias_make's is a Gemalto unless said.
 */
int cps3_make(const struct sim_options *options, struct applet **out);
int ias_make(const struct sim_options *options, struct applet **out);
/* CARD_E_CONFIG, CARD_E_MEMORY. Free with ops->free. */
int cps3_new(const struct cps3_options *options, struct applet **out);

/* The card's own copy, lent. */
struct cps3_options *cps3_settings(struct applet *a);

#endif
