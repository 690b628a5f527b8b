/*
 * How drivers give what their cards say of themselves (struct card_field).
 */
#ifndef CARD_DRIVER_FIELDS_H
#define CARD_DRIVER_FIELDS_H

#include "card/base/bytes.h"
#include "card/object.h"

enum { FIELD_MAX = 512 }; /* bytes of a value with the NUL; cut there */

/* Where fields go. */
struct fields {
    card_field_fn *put;
    void *arg;
    int rc; /* the first error of put: after it no field is given */
};

/*
 * One field; none at all for an empty value.
 *   text    in whatever characters the card has it (card/base/text.h)
 *   hex     upper case
 *   number  decimal
 */
void fields_text(struct fields *f, const char *name, struct bytes text,
                 const char *source, bool personal);
void fields_hex(struct fields *f, const char *name, struct bytes value,
                const char *source, bool personal);
void fields_number(struct fields *f, const char *name, uint32_t value,
                   const char *source);

#endif
