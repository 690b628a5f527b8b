/*
 * libFuzzer: the CPS4 driver on a hostile card.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/use.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const atrs[] = {
        "3B9B188001001225006480040100009044", /* T=1 */
        "3BDC18FF00001225006480000401009000", /* T=0 */
        NULL,
    };

    fuzz_driver(&driver_cps4, atrs, bytes_from(data, size));
    return 0;
}
