/*
 * DODF of ISO 7816-15: opaque data objects.
 */
#include "card/wire/p15_data.h"

#include "card/wire/p15_int.h"

enum { OBJECT_PRIVATE = 1 << 0 };

/* ObjectValue is the Path itself; some put a SEQUENCE around it. */
static bool parse_data(const struct tlv *t, struct p15_data *out)
{
    struct p15_object o;
    struct p15_path path;

    *out = (struct p15_data){.label = ""};
    if (t->tag != TAG_SEQUENCE || !p15_split(t->value, &o) ||
        (!p15_parse_path(o.type, &path) && !p15_value_path(o.type, &path)) ||
        path.file.len == 0)
        return false;
    p15_find_label(o.common, TAG_UTF8, out->label);
    out->private_object =
        (p15_find_bits(o.common, TAG_BIT_STRING) & OBJECT_PRIVATE) != 0;
    out->path = path.file;
    out->range = path.range;
    return true;
}

void p15_parse_dodf(struct bytes file, struct p15_data *objects, size_t cap,
                    size_t *count)
{
    struct tlv t;

    while (*count < cap && p15_next_object(&file, &t)) {
        if (parse_data(&t, &objects[*count]))
            (*count)++;
    }
}
