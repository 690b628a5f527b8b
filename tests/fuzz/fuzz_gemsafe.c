/*
 * libFuzzer: the GemSafe driver on a hostile card.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/use.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const atrs[] = {
        "3B7B9400008065B08301017483009000", /* GemSafe V1 */
        "3B7D96000080318065B0831148C883009000", /* V1, PIN in ASCII */
        "3B7D96000080318065B08311D0A983009000", /* GemP15-1 */
        "3B7F94000080318065B0850300EF120FFF829000", /* IAS Classic V4 */
        NULL,
    };

    fuzz_driver(&driver_gemsafe, atrs, bytes_from(data, size));
    return 0;
}
