/*
 * The simulated families, by name: what sim-vpcd --card and the tests make.
 */
#ifndef TESTS_SIM_FAMILY_H
#define TESTS_SIM_FAMILY_H

#include "tests/sim/applet.h"

/*
 * What every family is made of. Lent for the call; the card keeps copies.
 *
 *   dir       mkcard's folder: keys and certificates
 *   state     file of PINs and counters; NULL: forgotten with the card
 *   settings  "name=value" of the family, ends with NULL; or NULL. All
 *             families know serial, pin, puk, tries and puk-tries (left; any
 *             but 0 is the most too, save on a CPS3), t1 (yes, no), wrong
 *             (none, flip, previous, other: see sim_wrong), endless (GET
 *             RESPONSE never ends) and damage (see frame.h).
 */
struct sim_options {
    const char *dir;
    const char *state;
    const char *const *settings;
};

/*
 * CARD_E_ARGUMENT (no such family, no such setting), CARD_E_CONFIG,
 * CARD_E_MEMORY. Free with ops->free.
 */
int sim_card_new(const char *family, const struct sim_options *options,
                 struct applet **out);
/* Give each of the options' settings to the card. */
int sim_card_set_all(struct applet *a, const struct sim_options *options);

#endif
