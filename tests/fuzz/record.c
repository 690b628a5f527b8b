/*
 * Seeds for the target of a driver: a simulated card is used as the target
 * uses its own, and what it answers is written in the form of reader_fuzz.h.
 *
 * fuzz-record FOLDER FAMILY DRIVER HOW ATR [NAME=VALUE...] >SEED: the keys of
 * mkcard's FOLDER on a card of that family, HOW a sum of enum use, ATR the
 * number of the card's ATR in the target's list, settings of the card. DRIVER
 * "describe": what the tool shows of it, HOW a sum of enum describe.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card/error.h"
#include "tests/fuzz/describe.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/reader_fuzz.h"
#include "tests/fuzz/use.h"
#include "tests/sim/family.h"
#include "tests/sim/reader_sim.h"

enum { BYTE_MAX = 0xFF };

static void put(unsigned byte)
{
    must(byte <= BYTE_MAX && putchar((int)byte) != EOF, "the seed is written");
}

static void put_answer(struct bytes answer)
{
    uint8_t byte;

    if (answer.len < FUZZ_FAULT) {
        put((unsigned)answer.len);
    } else {
        put(FUZZ_LONG);
        put((unsigned)answer.len >> 8);
        put((unsigned)answer.len & BYTE_MAX);
    }
    while (bytes_take_u8(&answer, &byte))
        put(byte);
}

static int record_connect(struct reader *r)
{
    int rc = reader_sim.connect(r);

    must(rc == 0, "the simulated card is there");
    put((r->protocol == READER_T1 ? FUZZ_T1 : 0U) |
        (r->extended ? FUZZ_EXTENDED : 0U) |
        (r->chaining ? FUZZ_CHAINING : 0U));
    return rc;
}

static int record_begin(struct reader *r)
{
    int rc = reader_sim.begin(r);

    put(rc == CARD_E_RESET ? FUZZ_FAULT : 0);
    return rc;
}

static int record_transmit(struct reader *r, struct bytes command,
                           struct buf *rsp)
{
    const size_t start = rsp->len;
    int rc = reader_sim.transmit(r, command, rsp);

    must(rc == 0, "the simulated card answers");
    put_answer(bytes_from(rsp->data + start, rsp->len - start));
    return rc;
}

/* NULL: the tool. */
static const struct driver *find_driver(const char *name)
{
    const struct driver *const *d = driver_table;

    if (strcmp(name, "describe") == 0)
        return NULL;
    while (*d != NULL && strcmp((*d)->name, name) != 0)
        d++;
    must(*d != NULL, "there is a driver of that name");
    return *d;
}

static void record(const struct driver *driver, unsigned how,
                   struct applet *card)
{
    struct reader_ops ops = reader_sim;
    struct card_context *ctx;
    struct sim_world *world;

    ops.connect = record_connect;
    ops.begin = record_begin;
    ops.transmit = record_transmit;
    must(sim_world_new(&world) == 0 && sim_world_add(world, "Fuzz", card) == 0,
         "memory");
    ctx = new_context(&ops, world);
    if (driver != NULL)
        use_as_chosen(driver, how, &ops, world, ctx);
    else
        describe_cards(ctx, "Fuzz", how);
    card_context_free(ctx);
    sim_world_free(world);
}

int main(int argc, char **argv)
{
    struct sim_options options = {.dir = argc > 5 ? argv[1] : NULL};
    struct applet *card;
    unsigned how;

    if (argc < 6) {
        fprintf(stderr, "usage: %s FOLDER FAMILY DRIVER HOW ATR "
                        "[NAME=VALUE...] >SEED\n", argv[0]);
        return 2;
    }
    options.settings = (const char *const *)&argv[6];
    if (sim_card_new(argv[2], &options, &card) < 0) {
        fprintf(stderr, "%s\n", card_error_sentence());
        return 1;
    }
    how = (unsigned)strtoul(argv[4], NULL, 0);
    put(how);
    put((unsigned)strtoul(argv[5], NULL, 0));
    record(find_driver(argv[3]), how, card);
    card->ops->free(card);
    return 0;
}
