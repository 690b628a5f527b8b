/*
 * A simulated OpenPGP card (fact sheet openpgp) of versions 2.0 and 3.4.
 *
 * Its settings, beyond those of every family and framing (frame.h):
 *
 *   card     v3 (the sheet's: extended length, a certificate for each key), v2
 *            (2.0, one certificate), gnuk (short APDUs with chaining, no room
 *            for a certificate, the only application), yubikey (DO 6E of more
 *            than 256 bytes, the length twice in SELECT DATA)
 *   keys     rsa (SIG, DEC, AUT of RSA-2048), mixed (RSA, P-256, Ed25519), nist
 *            (P-384, P-256, P-256), 25519 (Ed25519, X25519, Ed25519)
 *   certs    yes, no: all but gnuk have them unless told
 *   several  yes: PW1 81 holds for more than one signature
 *   kdf      no, yes, huge (more than may be hashed), unknown (algorithm)
 *   touch    no, nobody: keys want a touch, and nobody is there
 *   curve    none, brainpool, secp256k1: what AUT says its key is of
 *   resetting-code  none unless told; puk is PW3
 *   tag      yes: DO 6E comes with its tag
 *   prefix   yes: 40 before the points of X25519 and Ed25519
 *   numbers  field, signed: r and s have the byte more that a sign would take,
 *            as a Java Card may write them
 *   refusal  6982, 63c: of a wrong PIN
 *   status   whole, short: DO C4 is cut
 *   occurrence   stays: SELECT leaves that of DO 7F21 as it was (CanoKey)
 */
#ifndef TESTS_SIM_OPENPGP_H
#define TESTS_SIM_OPENPGP_H

#include "tests/sim/family.h"

int openpgp_make(const struct sim_options *options, struct applet **out);

#endif
