/*
 * A simulated card that holds two applications: a YubiKey, with PIV and
 * OpenPGP.
 */
#ifndef TESTS_SIM_MULTI_H
#define TESTS_SIM_MULTI_H

#include "tests/sim/family.h"

/*
 * Settings of one application stand behind its name ("piv.9a=none",
 * "openpgp.keys=nist"); others are both's. Counters are PIV's.
 */
int yubikey_make(const struct sim_options *options, struct applet **out);

/* The application of that name, lent; NULL: the card has none. */
struct applet *multi_part(struct applet *a, const char *name);

#endif
