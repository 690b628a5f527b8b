/*
 * A simulated PIV card (fact sheet piv, section 7).
 *
 * Slots 9A (RSA-2048), 9C (P-384), 9D (RSA-2048, its certificate compressed)
 * and 9E (P-256); PIN 123456, PUK 12345678, three tries each. Settings beyond
 * those all families know, and extended and chaining (frame.h):
 *
 *   9a ... 9e, 82 ... 95   file of the key in that slot, or none
 *   small        bytes of self-signed certificates, for the keys set after it
 *   plain, nocert, gzip, bomb   slot whose certificate lies so in its object
 *   history      retired keys the key history object counts; without it, none
 *   yubico       metadata, serial number, version, and the ATR
 *   discovery    whether there is the object; global: it names the global PIN
 *   absent       status word for an object that is not there
 *   chuid, guid  whether there is one
 *   consent      strict: 9C signs only right behind VERIFY; lax
 *   relock       SELECT locks the keys again, though the PIN counts as verified
 *   any-hash     ECDSA over fewer bytes than the field has
 */
#ifndef TESTS_SIM_PIV_H
#define TESTS_SIM_PIV_H

#include "tests/sim/family.h"

int piv_make(const struct sim_options *options, struct applet **out);

#endif
