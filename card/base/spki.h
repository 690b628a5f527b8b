/*
 * DER SubjectPublicKeyInfo (RFC 5280 4.1.2.7) written from raw key material,
 * as cards and tokens give it. Each function appends; CARD_E_PROTOCOL if the
 * material cannot be such a key, CARD_E_BUFFER, and then nothing is appended.
 * Whether it is a sound key is for crypto_key_describe.
 */
#ifndef CARD_BASE_SPKI_H
#define CARD_BASE_SPKI_H

#include "card/base/bytes.h"
#include "card/object.h"

/* rsaEncryption (RFC 3279 2.3.1); big-endian, leading zeros are allowed. */
int spki_rsa(struct bytes modulus, struct bytes exponent, struct buf *out);

/* The same as id-RSASSA-PSS without parameters (RFC 4055 3.1): any hash. */
int spki_rsa_pss(struct bytes modulus, struct bytes exponent, struct buf *out);

/*
 * id-ecPublicKey (RFC 5480 2.1.1).
 *
 *   params  DER EcpkParameters, the OID of a named curve; copied as they are
 *   point   uncompressed: 04 || x || y
 */
int spki_ec(struct bytes params, struct bytes point, struct buf *out);

/*
 * Ed25519, Ed448, X25519, X448 (RFC 8410 3 and 4) from the 32, 56 or 57 bytes
 * of the key. CARD_E_ARGUMENT for the other types.
 */
int spki_rfc8410(enum card_key_type type, struct bytes key, struct buf *out);

/*
 * ML-DSA (RFC 9881) and ML-KEM (RFC 9935) from the encoded key of FIPS 204 or
 * FIPS 203. CARD_E_ARGUMENT for the other types.
 */
int spki_ml(enum card_key_type type, struct bytes key, struct buf *out);

#endif
