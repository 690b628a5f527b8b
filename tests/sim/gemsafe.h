/*
 * Simulated Gemalto cards (fact sheet gemsafe-classic, section 7): the applets
 * GemSafe V1 and V3, and GemP15 with its ISO 7816-15 files.
 *
 * One RSA-2048 key with two certificates of a C@rteurope token; PIN 123456 (V1,
 * V3) or 1234, PUK 654321 (or 12345678), three tries each. Settings beyond
 * those all families know (frame.h):
 *
 *   certs     files of the certificates in their order, as "classe3+rgs": V1
 *             and V3 have a container for each, GemP15 a key for all that
 *             share it
 *   ascii     V1: the ATR whose PIN is ASCII, and that PIN
 *   cplc      whether the chip's number can be asked for; serial: that number
 *   empty-verify  "costs" a try, is "refused", or "tells"
 *   object    V1, V3: "long", "over", "cut", "lying", "table", "empty", "none"
 *   named     V1, V3: whether the application has a name
 *   classic   GemP15: IAS Classic V4, which is selected by name
 *   swap      GemP15: 5031 and 5032 have changed places
 *   usage     GemP15: "both", or "sign": nonRepudiation keys; "consent"
 *   update    GemP15: TokenInfo's last update, "" for none
 *   sha2      GemP15: "256": no bare hash longer than that
 *   decipher  GemP15: "84", "86", "none"
 */
#ifndef TESTS_SIM_GEMSAFE_H
#define TESTS_SIM_GEMSAFE_H

#include "tests/sim/family.h"

int gemsafe_v1_make(const struct sim_options *options, struct applet **out);
int gemsafe_v3_make(const struct sim_options *options, struct applet **out);
int gemp15_make(const struct sim_options *options, struct applet **out);

#endif
