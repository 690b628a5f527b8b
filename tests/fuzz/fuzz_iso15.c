/*
 * libFuzzer: the ISO 7816-15 driver on a hostile card.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/use.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const atrs[] = {
        "3B87018031C17300008005", /* a card with nothing special */
        "3BFA1800008131FE454A434F5033315632333298", /* a Java Card */
        "3BF5180002004F73454944", /* OsEID */
        NULL,
    };

    fuzz_driver(&driver_iso15, atrs, bytes_from(data, size));
    return 0;
}
