/*
 * Simulated cards with ISO 7816-15 directories (fact sheet iso7816-pkcs15,
 * sections 2 to 4): one with nothing special, one like IsoApplet, one like
 * MyEID.
 */
#ifndef TESTS_SIM_ISO15_H
#define TESTS_SIM_ISO15_H

#include "tests/sim/family.h"

/*
 * Settings beside those of all families (of numbers 0 is no):
 *
 *   kind        plain, isoapplet (applet, keys by reference, it pads), myeid
 *               (keys are files, hashes as long as the field, 7C {85} to agree)
 *   small       bytes of the keys' certificates
 *   keys        names of mkcard's, with commas; set before the others
 *   certs       file, inline (in the CDF), shared (all in one file), none
 *   dir         yes; records (EF.DIR is linear); aid (no path in it), short
 *               (its path is without the MF); no
 *   update      lastUpdate of TokenInfo; no: none
 *   gdo         ICCSN in EF.GDO; no: no file
 *   algorithms  yes (TokenInfo tells them), sha1 (SHA-1 with RSA only), hash
 *               (the card finishes SHA-256 itself), no
 *   keeps       the security environment after an operation
 *   query       an empty VERIFY is answered
 *   path        SELECT by path is known
 *   answer      SELECT without answer (P2 = 0C) is known
 *   ecdsa       der, raw (r || s)
 *   pin-format  ascii (padded FF to 8), bcd, iso9564, bare
 *               PUK: 12345678, in the applet 1234567890123456, 5 tries
 *   hidden      PrKDF is read after login only
 *   local       PIN and keys are in 3F00/5015/5016
 *   loop        the ODF names itself for every directory
 *   many        objects before those of the CDF and PrKDF that are none's
 *   big         bytes behind each certificate in its file
 *   first-6c    READ BINARY from 0 is answered 6Cxx unless Le fits
 *   pss         (isoapplet) the applet has PSS
 *   version     (isoapplet) 0: chaining, features told by SELECT, no PSS
 */
int iso15_make(const struct sim_options *options, struct applet **out);

#endif
