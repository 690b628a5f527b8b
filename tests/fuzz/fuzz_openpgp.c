/*
 * libFuzzer: the OpenPGP driver on a hostile card.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/use.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const atrs[] = {
        "3BDA18FF81B1FE751F030031C573C001400090000C", /* an OpenPGP card */
        "3BFD1300008131FE158073C021C057597562694B657940", /* YubiKey 5 */
        NULL,
    };

    fuzz_driver(&driver_openpgp, atrs, bytes_from(data, size));
    return 0;
}
