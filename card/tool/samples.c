/*
 * The samples of conf/, by name.
 */
#include "card/tool/samples.h"

#include <stddef.h>
#include <string.h>

const char *sample_text(const char *name)
{
    for (const struct sample *s = samples; s->name != NULL; s++)
        if (strcmp(s->name, name) == 0)
            return s->text;
    return NULL;
}
