/*
 * What the card layer needs of libcrypto, in a library context of its own:
 * no configuration is read and no other provider is asked. A forked child gets
 * a context of its own at its first call.
 */
#ifndef CARD_BASE_CRYPTO_H
#define CARD_BASE_CRYPTO_H

#include "card/base/bytes.h"

struct crypto;

/* CARD_E_MEMORY. */
int crypto_new(struct crypto **out);
void crypto_free(struct crypto *crypto);

enum crypto_name { CRYPTO_SUBJECT, CRYPTO_ISSUER };

/* Whether the certificate parses and that name has a commonName of the text. */
bool crypto_cert_has_common_name(struct bytes cert, enum crypto_name which,
                                 const char *text);

/*
 * Modulus length in bits of the RSA key in a certificate.
 * CARD_E_PROTOCOL: no certificate; CARD_E_UNSUPPORTED: another kind of key.
 */
int crypto_cert_rsa_bits(struct crypto *crypto, struct bytes cert,
                         unsigned *bits);

/*
 * Whether `sig` is the EMSA-PKCS1-v1_5 signature of `block` (a DigestInfo, or
 * whatever was padded) by the key in the certificate: CARD_E_SELF_CHECK if not.
 */
int crypto_cert_check_pkcs1(struct crypto *crypto, struct bytes cert,
                            struct bytes block, struct bytes sig);

/*
 * Bytes derived from a secret of this context and `input` (HMAC-SHA-256 in
 * counter mode), filling `out` to its capacity.
 */
int crypto_derive(struct crypto *crypto, struct bytes input,
                  struct buf *out);

#endif
