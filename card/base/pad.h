/*
 * The paddings of RSA (RFC 8017) in software, for tokens that only
 * exponentiate. Below, k is the length of the modulus in bytes, at most
 * CARD_MAX_SIGNATURE.
 *
 * The decoders take the same time and touch the same memory whatever is in the
 * block (threat T23): only what their result shows to everybody depends on it.
 * They replace what is in `plain`, which may not overlap the block.
 */
#ifndef CARD_BASE_PAD_H
#define CARD_BASE_PAD_H

#include "card/base/bytes.h"
#include "card/base/crypto.h"
#include "card/base/sha.h"

struct pad_pss {
    enum card_hash hash, mgf_hash;
    size_t salt_len;
};

/*
 * EMSA-PKCS1-v1_5 around a DigestInfo, or whatever is signed as it is: 00 01
 * FF..FF 00 || block (RFC 8017 9.2, steps 3 to 5).
 *
 *   em  out: filled to its capacity, which is k
 *
 * CARD_E_ARGUMENT: the block leaves no room for eight bytes FF.
 */
int pad_pkcs1_sign(struct bytes block, struct buf *em);

/*
 * EMSA-PSS with a random salt (RFC 8017 9.1.1).
 *
 *   digest  the bare hash, hash_len(how->hash) bytes
 *   em      out: k bytes; the first is 00 if modulus_bits is 1 modulo 8
 *
 * CARD_E_ARGUMENT: no such hash, or no room for hash and salt. CARD_E_BUFFER.
 */
int pad_pss(struct crypto *crypto, const struct pad_pss *how,
            struct bytes digest, unsigned modulus_bits, struct buf *em);

/*
 * RSAES-PKCS1-v1_5 with implicit rejection (RFC 8017 7.2.2, step 3): bad
 * padding gives the synthetic message instead, and success as well.
 *
 *   em         k bytes, as the token gave them
 *   synthetic  its capacity is k - 11 bytes, all there; its length is no less
 *              secret than what is in the block
 *   plain      out: capacity for k - 11 bytes
 *
 * CARD_E_ARGUMENT, CARD_E_BUFFER: lengths only, never what is in the block.
 */
int unpad_pkcs1(struct bytes em, const struct buf *synthetic,
                struct buf *plain);

/*
 * The same for callers that must know: bad padding is CARD_E_ARGUMENT, with
 * nothing in `plain`.
 */
int unpad_pkcs1_explicit(struct bytes em, struct buf *plain);

/*
 * The premaster secret of a TLS client (RFC 5246 7.4.7.1).
 *
 *   client_version       of the client hello, 0x0303 for TLS 1.2
 *   alternative_version  accepted as well; 0: none
 *   random48             given when padding, length or version is wrong
 *   premaster            out: 48 bytes
 *
 * CARD_E_ARGUMENT, CARD_E_BUFFER: lengths only, never what is in the block.
 */
int unpad_tls(struct bytes em, unsigned client_version,
              unsigned alternative_version, struct bytes random48,
              struct buf *premaster);

/*
 * RSAES-OAEP (RFC 8017 7.1.2, step 3).
 *
 *   plain  out: capacity for k - 2 * hash_len(hash) - 2 bytes
 *
 * CARD_E_ARGUMENT: whatever is wrong in the block, with the same sentence and
 * nothing in `plain`; or no such hash, or a block too short for it.
 * CARD_E_BUFFER.
 */
int unpad_oaep(struct crypto *crypto, enum card_hash hash,
               enum card_hash mgf_hash, struct bytes label, struct bytes em,
               struct buf *plain);

#endif
