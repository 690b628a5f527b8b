/*
 * Inside the simulated OpenPGP card.
 */
#ifndef TESTS_SIM_OPENPGP_INT_H
#define TESTS_SIM_OPENPGP_INT_H

#include "card/reader/reader.h"
#include "tests/sim/frame.h"
#include "tests/sim/keys.h"
#include "tests/sim/openpgp.h"

enum sim_pgp_slot { PGP_SIG, PGP_DEC, PGP_AUT, PGP_SLOTS };
enum sim_pgp_card { PGP_V3, PGP_V2, PGP_GNUK, PGP_YUBIKEY };
enum sim_pgp_keys { PGP_RSA, PGP_MIXED, PGP_NIST, PGP_25519 };
enum sim_pgp_kdf { PGP_KDF_NO, PGP_KDF_YES, PGP_KDF_HUGE, PGP_KDF_UNKNOWN };
enum sim_pgp_curve { PGP_CURVE_OWN, PGP_CURVE_BRAINPOOL, PGP_CURVE_SECP256K1 };
enum { PGP_PW1, PGP_PW3, PGP_RC }; /* sim_pins; RC: the resetting code */

struct sim_pgp {
    struct applet applet; /* first */
    struct sim_frame frame;
    struct sim_keys keys; /* by slot */
    struct sim_pins pins;
    char dir[512];
    char text[PGP_RC + 1][SIM_PIN_MAX + 1]; /* of the PINs, as typed */
    uint8_t serial[4];
    enum sim_pgp_card card;
    enum sim_pgp_keys set;
    enum sim_pgp_kdf kdf;
    enum sim_pgp_curve curve;
    bool no_certs, several, touch, tag, prefix, short_status, signed_numbers;
    bool stays;       /* the occurrence of DO 7F21, over SELECT */
    bool tells_tries; /* 63Cx instead of 6982 for a wrong PIN */
    uint8_t atr[READER_ATR_MAX];
    size_t atr_len;
    /* RAM */
    bool selected;
    bool sign_verified, other_verified; /* PW1 as 81, as 82 */
    uint8_t occurrence;                 /* of DO 7F21 */
    unsigned signatures;
};

/* openpgp_data.c */

/* GET DATA. */
unsigned sim_pgp_get_data(struct sim_pgp *p, unsigned tag, struct buf *out);
/* The public key template of a slot. */
unsigned sim_pgp_put_public(struct sim_pgp *p, enum sim_pgp_slot slot,
                            struct buf *out);
/* What a PIN is on the wire: with a KDF, its hash behind a salt of its own. */
int sim_pgp_wire_pin(const struct sim_pgp *p, size_t index, const char *text,
                     struct buf *out);

/* openpgp_key.c: PSO and INTERNAL AUTHENTICATE. */
unsigned sim_pgp_pso(struct sim_pgp *p, const struct sim_command *cmd,
                     struct buf *out);
unsigned sim_pgp_authenticate(struct sim_pgp *p, const struct sim_command *cmd,
                              struct buf *out);

#endif
