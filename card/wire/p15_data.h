/*
 * ISO 7816-15 data objects, which a DODF lists: for what shows a card to its
 * holder.
 */
#ifndef CARD_WIRE_P15_DATA_H
#define CARD_WIRE_P15_DATA_H

#include "card/wire/p15.h"

struct p15_data {
    char label[CARD_LABEL_MAX];
    struct card_path path; /* never empty */
    struct p15_range range;
    bool private_object;
};

/* Those that lie in files, appended as p15_parse_cdf does. */
void p15_parse_dodf(struct bytes file, struct p15_data *objects, size_t cap,
                    size_t *count);

#endif
