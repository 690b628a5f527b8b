/*
 * A holder with a card: the card layer's administrative half, on a simulated
 * card.
 */
#ifndef TESTS_UNIT_ADMIN_WORLD_H
#define TESTS_UNIT_ADMIN_WORLD_H

#include "card/admin.h"
#include "tests/unit/card_world.h"

struct admin_world {
    struct card_world w;
    struct card_set set;
    struct card *card; /* the one with that driver */
    size_t pin;        /* card_main_pin */
    struct card_pin_result result;
};

/* All is read of the card; counts are at 0. driver NULL: the first. */
void admin_open(struct admin_world *a, const char *family,
                const char *const *settings, const char *driver);
void admin_close(struct admin_world *a);
/* As if the program had been ended and started again. */
void admin_restart(struct admin_world *a, const char *driver);

/* The record with that label. */
size_t admin_pin(struct admin_world *a, const char *label);
/* As a person who was told nothing and wants the last try too. */
int admin_verify(struct admin_world *a, size_t pin, const char *value);
int admin_change(struct admin_world *a, size_t pin, const char *old,
                 const char *new);
int admin_unblock(struct admin_world *a, size_t pin, const char *puk,
                  const char *new);

/* Commands so far that carried a PIN. */
size_t admin_sent(struct admin_world *a);
/* Those with that header: INS P1 P2. */
size_t admin_sent_as(struct admin_world *a, uint8_t ins, uint8_t p1,
                     uint8_t p2);

/* What the card says of itself under that name; NULL: nothing. */
const char *admin_field(struct admin_world *a, const char *name, char *out,
                        size_t cap);
/* Answers that lie, of all kinds: it says what it can, in clean text. */
void admin_says_no_harm(const char *family, const char *const *settings);
/* Fails unless it says so. */
void admin_says(struct admin_world *a, const char *name, const char *value);

#endif
