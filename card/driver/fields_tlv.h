/*
 * Fields of files nobody has explained: BER-TLV as it stands there.
 */
#ifndef CARD_DRIVER_FIELDS_TLV_H
#define CARD_DRIVER_FIELDS_TLV_H

#include "card/driver/fields.h"

/* What is known of an object: its name instead of its tag. */
struct field_tag {
    uint32_t tag;
    const char *name;
};

/*
 * A field for each primitive object, named "PREFIX.TAG.TAG", as text if it is
 * one, else in hexadecimal. What is no BER-TLV is one field, the start of it in
 * hexadecimal. All of it is taken for personal.
 *
 *   known  of the outermost objects, which are texts; ends with tag 0, or NULL
 */
void fields_tlv(struct fields *f, const char *prefix, struct bytes content,
                const struct field_tag *known, const char *source);

#endif
