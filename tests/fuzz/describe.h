/*
 * What the tool does with a card, for the target of it and its seeds.
 */
#ifndef TESTS_FUZZ_DESCRIBE_H
#define TESTS_FUZZ_DESCRIBE_H

#include "card/card.h"

/* Bits of the first byte of the input. */
enum describe {
    DESCRIBE_PINS = 1 << 0,   /* verify, change and unblock each PIN */
    DESCRIBE_UNKNOWN = 1 << 1 /* as a card that no driver knows */
};

/*
 * All that `tessera show` reads, its URIs, its certificates in words; then its
 * PINs. Texts must be clean, and a PIN goes out once in a transaction.
 */
void describe_cards(struct card_context *ctx, const char *reader, unsigned how);
/* A certificate in words, whatever it is. */
void describe_certificate(struct bytes der);

#endif
