/*
 * Everything a program can want of a card, for targets behind the fuzz reader.
 */
#ifndef TESTS_FUZZ_USE_H
#define TESTS_FUZZ_USE_H

#include "card/card.h"
#include "card/driver/driver.h"

/* A driver alone: probe, all lists, all certificates, PINs and keys. */
void use_driver(const struct driver *driver, const struct reader_ops *ops,
                void *io, const char *pin);

/*
 * The card layer: search, then sign, decrypt and derive with each key found,
 * whatever it is for. Nothing of the card is left in the context.
 */
void use_cards(struct card_context *ctx, const char *uri, unsigned kinds);
/* A context of that reader; never NULL. */
struct card_context *new_context(const struct reader_ops *ops, void *io);

/* How a card is used: bits of the first byte of a driver's input. */
enum use {
    USE_CARD_LAYER = 1 << 0, /* else the driver alone */
    USE_ALL_KINDS = 1 << 1,  /* else private keys */
    USE_LONG_PIN = 1 << 2,   /* 123456, else 1234 */
    USE_NOT_LAST = 1 << 3    /* pin-rule=not-last */
};

/*
 * The target of one driver. Of the input, 1 byte chooses how the card is used,
 * 1 byte the ATR; the rest is the card (reader_fuzz.h). Seeds: record.c.
 *
 *   atrs  in hex, NULL ends
 */
void fuzz_driver(const struct driver *driver, const char *const atrs[],
                 struct bytes input);
/* The same on any reader; `ctx` is one of that reader, `how` enum use. */
void use_as_chosen(const struct driver *driver, unsigned how,
                   const struct reader_ops *ops, void *io,
                   struct card_context *ctx);

#endif
