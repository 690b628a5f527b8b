/*
 * What admin.c and admin_pin.c share.
 */
#ifndef CARD_ADMIN_INT_H
#define CARD_ADMIN_INT_H

#include "card/admin.h"
#include "card/card_int.h"

/* Inside a transaction: the state of a PIN or PUK, at no cost. */
int admin_pin_status(struct card *c, struct card_pin_info *pin);

#endif
