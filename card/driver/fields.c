/*
 * Fields for people: whatever a card holds goes out as clean UTF-8.
 */
#include "card/driver/fields.h"

#include <stdio.h>

#include "card/base/text.h"

static void give(struct fields *f, const char *name, const char *value,
                 const char *source, bool personal)
{
    const struct card_field field = {name, value, source, personal};

    if (f->rc == 0 && value[0] != '\0')
        f->rc = f->put(f->arg, &field);
}

void fields_text(struct fields *f, const char *name, struct bytes text,
                 const char *source, bool personal)
{
    char value[FIELD_MAX];

    text_copy(value, sizeof(value), text);
    give(f, name, value, source, personal);
}

void fields_hex(struct fields *f, const char *name, struct bytes value,
                const char *source, bool personal)
{
    char hex[FIELD_MAX];

    give(f, name, bytes_to_hex(value, hex, sizeof(hex)), source, personal);
}

void fields_number(struct fields *f, const char *name, uint32_t value,
                   const char *source)
{
    char digits[16];

    snprintf(digits, sizeof(digits), "%lu", (unsigned long)value);
    give(f, name, digits, source, false);
}
