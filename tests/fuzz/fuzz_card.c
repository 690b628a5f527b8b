/*
 * libFuzzer: the card layer on a hostile reader. Every answer, reset and
 * removal comes from the input; keys that are found are used.
 *
 * Input: 1 byte chooses the URI and the kinds, 1 byte the protocol; then per
 * transaction 1 byte (FE: reset, FD: removed), per answer 1 byte of length, or
 * FF and 2 bytes, and the answer. corpus/ holds the recorded dialogues of
 * tests/replay in that form.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card/card.h"
#include "card/reader/reader.h"

enum { RESET = 0xFE, REMOVED = 0xFD, LONG_ANSWER = 0xFF };

static const uint8_t cps3_atr[] = {0x3B, 0xAC, 0x00, 0x40, 0x2A, 0x00,
                                   0x12, 0x25, 0x00, 0x64, 0x80, 0x00,
                                   0x03, 0x10, 0x00, 0x90, 0x00};

static const char *const uris[] = {
    "card:usage=auth?pin-value=1234",
    "card:usage=sign?pin-value=1234&pin-rule=not-last",
    "card:token=x?pin-value=1234",
    "card:subject=a;issuer=b",
};

static int fuzz_list(void *io, struct reader_list *out)
{
    (void)io;
    snprintf(out->names[0], sizeof(out->names[0]), "Fuzz");
    out->count = 1;
    return 0;
}

static uint8_t take(struct reader *r)
{
    uint8_t byte = 0;

    bytes_take_u8(r->io, &byte);
    return byte;
}

static int fuzz_connect(struct reader *r)
{
    memcpy(r->atr, cps3_atr, sizeof(cps3_atr));
    r->atr_len = sizeof(cps3_atr);
    r->protocol = (take(r) & 1) != 0 ? READER_T1 : READER_T0;
    r->link = r->io;
    return 0;
}

static int fuzz_begin(struct reader *r)
{
    switch (take(r)) {
    case RESET:
        return card_fail(CARD_E_RESET, "reset");
    case REMOVED:
        return card_fail(CARD_E_REMOVED, "removed");
    default:
        return 0;
    }
}

static int fuzz_transmit(struct reader *r, struct bytes command,
                         struct buf *rsp)
{
    struct bytes *input = r->io, answer;
    uint16_t len;
    uint8_t short_len;

    (void)command;
    if (!bytes_take_u8(input, &short_len))
        return card_fail(CARD_E_REMOVED, "the input ends");
    len = short_len;
    if (short_len == LONG_ANSWER && !bytes_take_u16(input, &len))
        return card_fail(CARD_E_COMM, "the input ends");
    if (!bytes_take(input, len, &answer))
        return card_fail(CARD_E_COMM, "the input ends");
    if (answer.len > rsp->cap - rsp->len)
        return card_fail(CARD_E_PROTOCOL, "an answer of %u bytes", len);
    return buf_put(rsp, answer);
}

static void fuzz_end(struct reader *r, enum reader_end how)
{
    (void)r;
    (void)how;
}

static void fuzz_disconnect(struct reader *r)
{
    r->link = NULL;
}

static const struct reader_ops reader_fuzz = {
    .list = fuzz_list,
    .connect = fuzz_connect,
    .begin = fuzz_begin,
    .transmit = fuzz_transmit,
    .end = fuzz_end,
    .disconnect = fuzz_disconnect,
    .forget = fuzz_disconnect,
};

static void use_key(struct card_key *key)
{
    static const uint8_t cryptogram[CARD_MAX_SIGNATURE];
    static const struct card_unpad pkcs1 = {.padding = CARD_UNPAD_PKCS1};
    const struct card_tbs tbs = {.hash = CARD_HASH_SHA256, .len = 32};
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf out = BUF_ON(space);

    card_sign(key, &tbs, &out);
    card_decrypt(key, &pkcs1,
                 bytes_from(cryptogram, card_key_info(key)->bits / 8), &out);
}

static void search(struct card_context *ctx, uint8_t choice)
{
    unsigned kinds = (choice & 4) != 0 ? CARD_KIND_PRIVATE | CARD_KIND_PUBLIC |
                                             CARD_KIND_CERT
                                       : CARD_KIND_PRIVATE;
    struct card_search *s;
    struct card_object found;
    struct card_uri uri;

    if (card_uri_parse(uris[choice % nitems(uris)], &uri) < 0 ||
        card_search_new(ctx, &uri, kinds, &s) < 0)
        abort();
    while (card_search_next(s, &found) == 0) {
        if (found.kind == CARD_KIND_PRIVATE)
            use_key(found.key);
        card_key_free(found.key);
    }
    card_search_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct card_context *ctx;
    static struct bytes input;
    const struct card_settings settings = {.readers = &reader_fuzz,
                                           .reader_io = &input};
    uint8_t choice;

    if (ctx == NULL && card_context_new(&settings, &ctx) < 0)
        abort();
    input = bytes_from(data, size);
    if (bytes_take_u8(&input, &choice))
        search(ctx, choice);
    return 0;
}
