/*
 * What the card layer needs of libcrypto, in a library context of its own:
 * no configuration is read and no other provider is asked. A forked child gets
 * a context of its own at its first call.
 */
#ifndef CARD_BASE_CRYPTO_H
#define CARD_BASE_CRYPTO_H

#include "card/base/bytes.h"
#include "card/base/sha.h"
#include "card/object.h"

struct crypto;

/* CARD_E_MEMORY. */
int crypto_new(struct crypto **out);
void crypto_free(struct crypto *crypto);

enum crypto_name { CRYPTO_SUBJECT, CRYPTO_ISSUER };

/* Whether the certificate parses and that name has a commonName of the text. */
bool crypto_cert_has_common_name(struct bytes cert, enum crypto_name which,
                                 const char *text);

/*
 * The first commonName, UTF-8, appended. CARD_E_NOT_FOUND: there is none, or it
 * holds a NUL. CARD_E_BUFFER.
 */
int crypto_cert_common_name(struct bytes cert, enum crypto_name which,
                            struct buf *out);

/* Seconds since 1970. */
struct crypto_dates {
    int64_t not_before, not_after;
};

/* When a certificate is valid. False: it does not parse. */
bool crypto_cert_dates(struct bytes cert, struct crypto_dates *out);

/*
 * Bytes derived from a secret of this context and `input` (HMAC-SHA-256 in
 * counter mode), filling `out` to its capacity.
 */
int crypto_derive(struct crypto *crypto, struct bytes input,
                  struct buf *out);

/* Append the hash of `data`. CARD_E_ARGUMENT: no hash. CARD_E_BUFFER. */
int crypto_hash(struct crypto *crypto, enum card_hash hash, struct bytes data,
                struct buf *out);
/*
 * The same over `data` again and again, cut after `count` bytes, but at least
 * once whole: iterated and salted S2K (RFC 9580 3.7.1.3).
 */
int crypto_hash_repeated(struct crypto *crypto, enum card_hash hash,
                         struct bytes data, size_t count, struct buf *out);
/*
 * XOR the mask that MGF1 makes of `seed` (RFC 8017 B.2.1; at most
 * CARD_MAX_SIGNATURE bytes) into the bytes that are in `data`. As crypto_hash.
 */
int crypto_mgf1_xor(struct crypto *crypto, enum card_hash hash,
                    struct bytes seed, struct buf *data);
/* Random bytes, fit for secrets, filling `out` to its capacity. */
int crypto_random(struct crypto *crypto, struct buf *out);

/*
 * Append the DER SubjectPublicKeyInfo of a certificate as it stands there.
 * CARD_E_PROTOCOL: no certificate. CARD_E_BUFFER.
 */
int crypto_cert_spki(struct crypto *crypto, struct bytes cert,
                     struct buf *spki);

/* What a public key says of its private half. */
struct crypto_key {
    enum card_key_type type;
    unsigned bits;  /* of the modulus or the curve, as libcrypto counts */
    size_t sig_max; /* bytes of the longest signature; 0: it makes none */
};

/*
 * Read a SubjectPublicKeyInfo; an RSASSA-PSS key is an RSA key.
 * CARD_E_PROTOCOL: it is none, or of an algorithm libcrypto does not know.
 * CARD_E_UNSUPPORTED: RSA of under 512 or over 8192 bits, EC on another curve
 * than P-256, P-384 and P-521, another algorithm.
 */
int crypto_key_describe(struct crypto *crypto, struct bytes spki,
                        struct crypto_key *out);

/*
 * Whether `sig` is a signature of `tbs` by the key of a SubjectPublicKeyInfo,
 * in the form card_sign gives it: CARD_E_SELF_CHECK if not.
 */
int crypto_check_signature(struct crypto *crypto, struct bytes spki,
                           const struct card_tbs *tbs, struct bytes sig);

#endif
