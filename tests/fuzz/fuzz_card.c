/*
 * libFuzzer: the card layer with all drivers on a hostile card. 1 byte chooses
 * the URI and the kinds, 1 byte the ATR; the rest is the card (reader_fuzz.h).
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/reader_fuzz.h"
#include "tests/fuzz/use.h"

static const char *const uris[] = {
    "card:usage=auth?pin-value=1234",
    "card:usage=sign?pin-value=1234&pin-rule=not-last",
    "card:token=x?pin-value=1234",
    "card:subject=a;issuer=b",
};

static const char *const atrs[] = {
    "3BAC00402A001225006480000310009000", /* CPS3 */
    "3B80800101",                         /* says nothing of its card */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = bytes_from(data, size);
    static struct card_context *ctx;
    static struct reader_fuzz card;
    unsigned kinds = CARD_KIND_PRIVATE;
    uint8_t choice, atr;

    if (ctx == NULL)
        ctx = new_context(&reader_fuzz, &card);
    if (!bytes_take_u8(&input, &choice) || !bytes_take_u8(&input, &atr))
        return 0;
    if ((choice & 4) != 0)
        kinds |= CARD_KIND_PUBLIC | CARD_KIND_CERT;
    card = (struct reader_fuzz){.atr = atrs[atr % nitems(atrs)],
                                .input = input};
    use_cards(ctx, uris[choice % nitems(uris)], kinds);
    return 0;
}
