/*
 * Hash names, their DigestInfo prefixes, and SHA-1 / SHA-256 whose inner state
 * can be taken out: IAS ECC signature keys finish the hash on the card, and
 * libcrypto's EVP interface does not show the state (FIPS 180-4, 6.1 and 6.2).
 */
#ifndef CARD_BASE_SHA_H
#define CARD_BASE_SHA_H

#include "card/base/bytes.h"

enum card_hash {
    CARD_HASH_NONE,
    CARD_HASH_SHA1,
    CARD_HASH_SHA224,
    CARD_HASH_SHA256,
    CARD_HASH_SHA384,
    CARD_HASH_SHA512
};

enum { CARD_MAX_HASH = 64, SHA_BLOCK = 64 };

/* Bytes of a hash value; 0 for CARD_HASH_NONE. */
size_t hash_len(enum card_hash hash);
/* OpenSSL's name ("SHA2-256"); NULL for CARD_HASH_NONE. */
const char *hash_name(enum card_hash hash);
/* DER of DigestInfo up to the OCTET STRING's content (RFC 8017, 9.2 note 1). */
struct bytes hash_prefix(enum card_hash hash);
/* prefix || value. CARD_E_ARGUMENT on a wrong length, CARD_E_BUFFER. */
int hash_digest_info(enum card_hash hash, struct bytes value, struct buf *out);
/*
 * What PKCS#1 v1.5 padding encloses: the DigestInfo, or with CARD_HASH_NONE the
 * value as it is. Errors as hash_digest_info's.
 */
int hash_pkcs1_block(enum card_hash hash, struct bytes value, struct buf *out);
/*
 * Recognise a DigestInfo of a known hash, exactly; true lends its value.
 */
bool hash_from_digest_info(struct bytes der, enum card_hash *hash,
                           struct bytes *value);

/*
 * State after all complete blocks but the last, and that last block of 1..64
 * bytes (ias-ecc: the card wants at least one byte to hash itself).
 *
 *   state   big-endian words, hash_len(hash) bytes; meaningless if bits == 0
 *   bits    hashed so far: 8 * 64 * blocks
 *   last    last_len bytes; 0 only for the empty message
 */
struct sha_midstate {
    enum card_hash hash; /* SHA1, SHA256; NONE: not known */
    uint8_t state[32];
    uint64_t bits;
    uint8_t last[SHA_BLOCK];
    size_t last_len;
};

struct sha_stream {
    enum card_hash hash;
    uint32_t h[8];
    uint64_t bits;
    uint8_t block[SHA_BLOCK];
    size_t used;
};

/* SHA-1 or SHA-256; CARD_E_UNSUPPORTED for the others. */
int sha_init(struct sha_stream *s, enum card_hash hash);
void sha_update(struct sha_stream *s, struct bytes data);
/* The stream stays usable. */
void sha_get_midstate(const struct sha_stream *s, struct sha_midstate *out);

#endif
