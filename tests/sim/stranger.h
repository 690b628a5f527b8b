/*
 * A card that no driver knows: EF.DIR with an application of nobody's, EF.ATR,
 * and no command beyond SELECT and READ BINARY.
 */
#ifndef TESTS_SIM_STRANGER_H
#define TESTS_SIM_STRANGER_H

#include "tests/sim/family.h"

int stranger_make(const struct sim_options *options, struct applet **out);

#endif
