/*
 * libFuzzer: what the tool shows of a hostile card. 1 byte is enum describe, 1
 * byte the ATR; the rest is the card (reader_fuzz.h). ATR FF: the rest is a
 * certificate.
 */
#include "tests/fuzz/describe.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/reader_fuzz.h"
#include "tests/fuzz/use.h"

enum { A_CERTIFICATE = 0xFF };

static const char *const atrs[] = {
    "3BAC00402A001225006480000310009000", /* CPS3 */
    "3B80800101",                         /* says nothing of its card */
    "3B9B188001001225006480040100009044", /* CPS4 */
    "3B7B9400008065B08301017483009000",   /* GemSafe */
    "3B87018031C17300008005",             /* ISO 7816-15 */
    "3BFA1800008131FE454A434F5033315632333298", /* a Java Card */
    "3BFD1300008131FE158073C021C057597562694B657940", /* YubiKey 5 */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = bytes_from(data, size);
    static struct card_context *ctx;
    static struct reader_fuzz card;
    uint8_t how, atr;

    if (ctx == NULL)
        ctx = new_context(&reader_fuzz, &card);
    if (!bytes_take_u8(&input, &how) || !bytes_take_u8(&input, &atr))
        return 0;
    if (atr == A_CERTIFICATE) {
        describe_certificate(input);
        return 0;
    }
    card = (struct reader_fuzz){.atr = atrs[atr % nitems(atrs)],
                                .input = input};
    describe_cards(ctx, "Fuzz", how);
    return 0;
}
