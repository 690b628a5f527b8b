/*
 * What the cards of health professionals say of themselves and their holder:
 * CPS3 and CPS4 have the same files.
 */
#ifndef CARD_DRIVER_CPS_ADMIN_H
#define CARD_DRIVER_CPS_ADMIN_H

#include "card/driver/driver.h"

/* `model` is what the ATR tells, for a card whose label has none. */
int cps_describe(struct token *t, const char *model, struct bytes aid,
                 card_field_fn *put, void *arg);
/* The activity situations. */
int cps_describe_private(struct token *t, card_field_fn *put, void *arg);

#endif
