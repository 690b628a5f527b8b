/*
 * The hostile card of the fuzz targets: see the header.
 */
#include "tests/fuzz/reader_fuzz.h"

#include <stdio.h>
#include <string.h>

#include "card/error.h"
#include "card/wire/apdu.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_DATA = 65536 };

/* By the bytes F8 to FE. */
static const int faults[] = {CARD_E_RESET,      CARD_E_REMOVED,
                             CARD_E_COMM,       CARD_E_TIMEOUT,
                             CARD_E_NO_SERVICE, CARD_E_BUSY,
                             CARD_E_NO_CARD};

static int fault(uint8_t byte)
{
    size_t i = (size_t)byte - FUZZ_FAULT;

    if (byte < FUZZ_FAULT || i >= nitems(faults))
        return 0;
    return card_fail(faults[i], "a fault of the input");
}

/* 0 once the input has ended. */
static uint8_t take(struct reader_fuzz *f)
{
    uint8_t byte = 0;

    bytes_take_u8(&f->input, &byte);
    return byte;
}

static int fuzz_list(void *io, struct reader_list *out)
{
    (void)io;
    snprintf(out->names[0], sizeof(out->names[0]), "Fuzz");
    out->count = 1;
    return 0;
}

static int fuzz_connect(struct reader *r)
{
    struct reader_fuzz *f = r->io;
    struct buf atr = BUF_ON(r->atr);
    unsigned how = take(f);

    must(!f->held, "connections are made outside of transactions");
    must(bytes_from_hex(f->atr, &atr) == 0, "the target's ATR is one");
    r->atr_len = atr.len;
    r->protocol = (how & FUZZ_T1) != 0 ? READER_T1 : READER_T0;
    r->extended = (how & FUZZ_EXTENDED) != 0;
    f->max_data = r->extended ? MAX_DATA : 0;
    r->chaining = (how & FUZZ_CHAINING) != 0;
    f->endless = (how & FUZZ_ENDLESS) != 0;
    r->link = f;
    return 0;
}

static int fuzz_begin(struct reader *r)
{
    struct reader_fuzz *f = r->io;
    int rc = fault(take(f));

    must(r->link != NULL, "a transaction is on a connection");
    must(!f->held, "transactions do not nest");
    if (rc < 0)
        return rc;
    f->held = true;
    f->pin_failed = false;
    f->sent = 0;
    return 0;
}

static bool take_answer(struct reader_fuzz *f, uint8_t first,
                        struct bytes *answer)
{
    uint16_t len = first;

    if (first == FUZZ_LONG && !bytes_take_u16(&f->input, &len))
        return false;
    return bytes_take(&f->input, len, answer);
}

static int next_answer(struct reader_fuzz *f, struct bytes *answer)
{
    uint8_t first;
    int rc;

    if (f->input.len == 0 && f->endless && f->last.len > 0) {
        *answer = f->last;
        return 0;
    }
    if (!bytes_take_u8(&f->input, &first))
        return card_fail(CARD_E_REMOVED, "the input ends");
    if ((rc = fault(first)) < 0)
        return rc;
    if (!take_answer(f, first, answer))
        return card_fail(CARD_E_COMM, "the input ends in an answer");
    f->last = *answer;
    return 0;
}

static int give(struct bytes answer, struct buf *rsp)
{
    if (answer.len < 2 || answer.len > rsp->cap - rsp->len)
        return card_fail(CARD_E_PROTOCOL, "an answer of %zu bytes",
                         answer.len);
    return buf_put(rsp, answer);
}

/* With data: without, these ask for a PIN's state. */
static bool carries_pin(struct bytes command)
{
    const uint8_t ins = command.data[1];

    return command.len > 5 &&
           (ins == INS_VERIFY || ins == INS_CHANGE_REFERENCE_DATA ||
            ins == INS_RESET_RETRY_COUNTER);
}

static bool is_success(int rc, const struct buf *rsp)
{
    return rc == 0 && rsp->len >= 2 && rsp->data[rsp->len - 2] == 0x90 &&
           rsp->data[rsp->len - 1] == 0x00;
}

static int fuzz_transmit(struct reader *r, struct bytes command,
                         struct buf *rsp)
{
    struct reader_fuzz *f = r->io;
    struct bytes answer;
    int rc;

    must(f->held, "commands go out in a transaction");
    must(command.len >= 4, "a command has a header");
    must(++f->sent <= APDU_BUDGET, "an operation keeps its budget");
    must(!carries_pin(command) || !f->pin_failed,
         "no PIN follows one that was refused");
    if ((rc = next_answer(f, &answer)) == 0)
        rc = give(answer, rsp);
    if (carries_pin(command))
        f->pin_failed = !is_success(rc, rsp);
    return rc;
}

static void fuzz_end(struct reader *r, enum reader_end how)
{
    struct reader_fuzz *f = r->io;

    (void)how;
    must(f->held, "what ends has begun");
    f->held = false;
}

static unsigned fuzz_max_data(struct reader *r)
{
    const struct reader_fuzz *f = r->io;

    return f->max_data;
}

static void fuzz_disconnect(struct reader *r)
{
    r->link = NULL;
}

const struct reader_ops reader_fuzz = {
    .list = fuzz_list,
    .connect = fuzz_connect,
    .begin = fuzz_begin,
    .transmit = fuzz_transmit,
    .end = fuzz_end,
    .disconnect = fuzz_disconnect,
    .forget = fuzz_disconnect,
    .max_data = fuzz_max_data,
};
