/*
 * A card that is a list of expected commands and their answers. The first
 * command that differs fails the test.
 */
#ifndef TESTS_UNIT_FAKE_READER_H
#define TESTS_UNIT_FAKE_READER_H

#include "card/reader/reader.h"

/* Hexadecimal, white space allowed. command NULL: any. */
struct fake_step {
    const char *command;
    const char *answer; /* with the status word; NULL: transmit fails */
};

struct fake_card {
    const struct fake_step *steps;
    size_t count;
    bool endless; /* after the last step comes the last step again */
    unsigned max_data; /* what its reader says that it carries */
    unsigned asked;    /* how often it did */
    size_t next;
    size_t sent;  /* commands seen */
};

extern const struct reader_ops fake_reader;

/* A connected T=0 reader with the usual budget; card is lent. */
void fake_reader_open(struct reader *r, struct fake_card *card);
/* Fail the test if steps are left over. */
void fake_reader_done(const struct fake_card *card);

#define FAKE_CARD(list)                                                        \
    {                                                                          \
        .steps = (list), .count = nitems(list)                                 \
    }

#endif
