/*
 * libFuzzer: what a reader says of itself (PC/SC part 10), its features and its
 * properties.
 */
#include "card/reader/part10.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct part10_features features;
    struct part10_limits limits;

    part10_features(bytes_from(data, size), &features);
    part10_limits(bytes_from(data, size), &limits);
    must(limits.min_pin <= UINT8_MAX && limits.max_pin <= UINT8_MAX,
         "a PIN's size is a byte");
    must(limits.max_data == 0 || (limits.max_data >= READER_SHORT_DATA &&
                                  limits.max_data <= 65536),
         "each reader carries short commands, none more than there are");
    return 0;
}
