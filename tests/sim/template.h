/*
 * Card data written as the fact sheets write it. It is the simulator's own
 * writer of TLV: sharing card/wire would hide a shared misreading.
 */
#ifndef TESTS_SIM_TEMPLATE_H
#define TESTS_SIM_TEMPLATE_H

#include "card/base/bytes.h"

/*
 * Append what `text` describes:
 *
 *   hex digits  their bytes; white space between bytes is skipped
 *   'text'      its characters
 *   $0 .. $9    that element of args
 *   ( ... )     the BER length of what is inside, shortest form, then it
 *
 * CARD_E_ARGUMENT: text is malformed. CARD_E_BUFFER.
 */
int template_put(struct buf *out, const char *text, const struct bytes *args);

/*
 * Cut one TLV off the cursor: tags of one to three bytes, definite lengths.
 * False if it is malformed.
 */
bool template_take_tlv(struct bytes *cursor, unsigned *tag,
                       struct bytes *value);

#endif
