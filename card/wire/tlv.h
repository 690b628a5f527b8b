/*
 * BER-TLV on cursors (ISO 7816-4 5.2.2, X.690). Nothing recursive: a caller
 * descends by making a cursor of a value.
 */
#ifndef CARD_WIRE_TLV_H
#define CARD_WIRE_TLV_H

#include "card/base/bytes.h"

/*
 *   tag    as on the wire, up to 3 bytes: 0x30, 0x7F49, 0xBF8101
 *   value  lent
 *   whole  tag, length and value, lent
 */
struct tlv {
    uint32_t tag;
    struct bytes value;
    struct bytes whole;
};

/*
 * Take the next object off the cursor; false, and nothing moved, at its end,
 * on indefinite or over-long lengths and on tags over 3 bytes. Long-form and
 * non-minimal lengths up to 3 bytes (81, 82, 83) are accepted.
 */
bool tlv_next(struct bytes *cursor, struct tlv *out);
/* Take the next object only if it has that tag. */
bool tlv_next_is(struct bytes *cursor, uint32_t tag, struct tlv *out);
/* First object with that tag among those in `in`. */
bool tlv_find(struct bytes in, uint32_t tag, struct tlv *out);
/* tlv_find along `tags`, each in the value of the one before; 0 ends. */
bool tlv_find_path(struct bytes in, const uint32_t *tags, struct tlv *out);
/*
 * Whole length of the object whose first bytes are `start`, from its header
 * alone: how much of a file is worth reading. False if the header is not whole.
 */
bool tlv_whole_len(struct bytes start, size_t *len);

/* Append tag, length (shortest form) and value. CARD_E_BUFFER. */
int tlv_put(struct buf *out, uint32_t tag, struct bytes value);

/*
 * INTEGER content as an unsigned number, high bytes beyond 32 bits refused;
 * lax: a set top bit does not make it negative (02 01 81 is 0x81).
 */
bool tlv_unsigned(struct bytes value, uint32_t *out);
/*
 * The INTEGERs of an Ecdsa-Sig-Value (RFC 3279, 2.2.3), lent; false if `der` is
 * none, or has anything behind it.
 */
bool tlv_ecdsa(struct bytes der, struct bytes *r, struct bytes *s);

/*
 * BIT STRING content: bit 0 (the first) becomes 1 << 0, at most 32 kept.
 * Lax: an unused-bits count over 7 or more than there is counts as 0; an
 * empty content is no bits.
 */
uint32_t tlv_bits(struct bytes value);

#endif
