/*
 * The scripted card behind the reader functions.
 */
#include "tests/unit/fake_reader.h"

#include <string.h>

#include "card/error.h"
#include "card/wire/apdu.h"
#include "tests/unit/test.h"

static int fake_list(void *io, struct reader_list *out)
{
    (void)io;
    *out = (struct reader_list){.count = 1};
    strcpy(out->names[0], "Fake");
    return 0;
}

static int fake_connect(struct reader *r)
{
    const uint8_t atr[] = {0x3B, 0x00};

    memcpy(r->atr, atr, sizeof(atr));
    r->atr_len = sizeof(atr);
    r->protocol = READER_T0;
    r->link = r->io;
    return 0;
}

static int fake_begin(struct reader *r)
{
    (void)r;
    return 0;
}

static int fake_transmit(struct reader *r, struct bytes command,
                         struct buf *rsp)
{
    struct fake_card *card = r->io;
    const struct fake_step *step;

    card->sent++;
    if (card->next == card->count && card->endless)
        card->next--;
    if (card->next == card->count)
        fail_msg("command %zu was not expected", card->sent);
    step = &card->steps[card->next++];
    if (step->command != NULL)
        assert_bytes_hex(command, step->command);
    if (step->answer == NULL)
        return card_fail(CARD_E_REMOVED, "fake: card removed");
    return bytes_from_hex(step->answer, rsp);
}

static void fake_end(struct reader *r, enum reader_end how)
{
    (void)r;
    (void)how;
}

static unsigned fake_max_data(struct reader *r)
{
    struct fake_card *card = r->io;

    card->asked++;
    return card->max_data;
}

static void fake_disconnect(struct reader *r)
{
    r->link = NULL;
}

const struct reader_ops fake_reader = {.list = fake_list,
                                       .connect = fake_connect,
                                       .begin = fake_begin,
                                       .transmit = fake_transmit,
                                       .end = fake_end,
                                       .disconnect = fake_disconnect,
                                       .forget = fake_disconnect,
                                       .max_data = fake_max_data};

void fake_reader_open(struct reader *r, struct fake_card *card)
{
    *r = (struct reader){.ops = &fake_reader, .io = card,
                         .budget = APDU_BUDGET};
    fake_connect(r);
}

void fake_reader_done(const struct fake_card *card)
{
    assert_int_equal(card->next, card->count);
}
