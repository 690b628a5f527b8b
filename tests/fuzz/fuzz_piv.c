/*
 * libFuzzer: the PIV driver on a hostile card.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/use.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const atrs[] = {
        "3B85018073000080F7", /* a card with GET RESPONSE and chaining */
        "3BFD1300008131FE158073C021C057597562694B657940", /* YubiKey 5 */
        NULL,
    };

    fuzz_driver(&driver_piv, atrs, bytes_from(data, size));
    return 0;
}
