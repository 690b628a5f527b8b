/*
 * libFuzzer: the IAS ECC driver on a hostile card.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/use.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const atrs[] = {
        "3BAC00402A001225006480000310009000", /* CPS3 */
        NULL,
    };

    fuzz_driver(&driver_ias, atrs, bytes_from(data, size));
    return 0;
}
