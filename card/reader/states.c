/*
 * What counts as a change in the readers.
 */
#include "card/reader/reader.h"

#include <string.h>

static bool same_reader(const struct reader_state *a,
                        const struct reader_state *b)
{
    return strcmp(a->name, b->name) == 0 && a->presence == b->presence &&
           a->events == b->events && a->atr_len == b->atr_len &&
           memcmp(a->atr, b->atr, a->atr_len) == 0;
}

bool reader_states_same(const struct reader_states *a,
                        const struct reader_states *b)
{
    if (a->known != b->known || a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!same_reader(&a->readers[i], &b->readers[i]))
            return false;
    return true;
}
