/*
 * A simulated CPS4, ChipDoc on logical channel 1 (fact sheet cps3, sections 1
 * to 4 and 6). PIN 1234, PUK 12345678, three tries each; keys sign and auth.
 * Settings beyond those all families know, and those of frame.h:
 *
 *   logical-id   10 digits, in TokenInfo's label
 *   lost         yes: ChipDoc is refused until it is recovered
 */
#ifndef TESTS_SIM_CPS4_H
#define TESTS_SIM_CPS4_H

#include "tests/sim/family.h"

int cps4_make(const struct sim_options *options, struct applet **out);

#endif
