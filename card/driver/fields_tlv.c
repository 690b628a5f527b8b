/*
 * BER-TLV of unknown meaning, object by object, without recursion.
 */
#include "card/driver/fields_tlv.h"

#include <stdio.h>
#include <string.h>

#include "card/base/text.h"
#include "card/wire/tlv.h"

enum {
    MAX_DEPTH = 8,      /* what is deeper is shown as it is */
    FIELD_NAME_MAX = 96,
    MALFORMED_MAX = 64, /* bytes shown */
    CONSTRUCTED = 0x20  /* of a tag's first byte */
};

/* Depth first: the objects still to come, on each level. */
struct walk {
    struct {
        struct bytes rest;
        size_t name_len;
    } level[MAX_DEPTH];
    size_t depth;
    char name[FIELD_NAME_MAX];
    bool malformed;
};

static void walk_start(struct walk *w, const char *prefix, struct bytes content)
{
    *w = (struct walk){.depth = 0};
    snprintf(w->name, sizeof(w->name), "%s", prefix);
    w->level[0].rest = content;
    w->level[0].name_len = strlen(w->name);
}

static bool is_constructed(uint32_t tag)
{
    while (tag > 0xFF)
        tag >>= 8;
    return (tag & CONSTRUCTED) != 0;
}

/* Behind the last object of a file there may be padding. */
static bool is_at_end(const struct walk *w)
{
    struct bytes rest = w->level[w->depth].rest;

    return rest.len == 0 ||
           (w->depth == 0 && (rest.data[0] == 0x00 || rest.data[0] == 0xFF));
}

static bool next_leaf(struct walk *w, struct tlv *leaf)
{
    for (;;) {
        size_t name_len = w->level[w->depth].name_len;

        if (is_at_end(w)) {
            if (w->depth == 0)
                return false;
            w->depth--;
            continue;
        }
        if (!tlv_next(&w->level[w->depth].rest, leaf)) {
            w->malformed = true;
            return false;
        }
        snprintf(w->name + name_len, sizeof(w->name) - name_len, ".%02lX",
                 (unsigned long)leaf->tag);
        if (!is_constructed(leaf->tag) || w->depth + 1 == MAX_DEPTH)
            return true;
        w->depth++;
        w->level[w->depth].rest = leaf->value;
        w->level[w->depth].name_len = strlen(w->name);
    }
}

static bool is_well_formed(struct bytes content)
{
    struct walk w;
    struct tlv leaf;

    walk_start(&w, "", content);
    while (next_leaf(&w, &leaf))
        ;
    return !w.malformed;
}

static void put_start(struct fields *f, const char *name, struct bytes content,
                      const char *source)
{
    char hex[2 * MALFORMED_MAX + sizeof("...")];
    bool cut = content.len > MALFORMED_MAX;
    struct bytes shown = bytes_from(content.data, cut ? (size_t)MALFORMED_MAX
                                                      : content.len);

    bytes_to_hex(shown, hex, (size_t)2 * MALFORMED_MAX + 1);
    if (cut)
        memcpy(hex + strlen(hex), "...", sizeof("..."));
    fields_text(f, name, bytes_of_string(hex), source, true);
}

static const char *name_of(const struct walk *w, uint32_t tag,
                           const struct field_tag *known)
{
    for (; w->depth == 0 && known != NULL && known->tag != 0; known++)
        if (known->tag == tag)
            return known->name;
    return NULL;
}

static void put_leaf(struct fields *f, struct walk *w, const struct tlv *leaf,
                     const struct field_tag *known, const char *source)
{
    const char *name = name_of(w, leaf->tag, known);
    size_t start = w->level[0].name_len;

    if (name != NULL)
        snprintf(w->name + start, sizeof(w->name) - start, ".%s", name);
    if (name != NULL || text_is_clean(leaf->value))
        fields_text(f, w->name, leaf->value, source, true);
    else
        fields_hex(f, w->name, leaf->value, source, true);
}

void fields_tlv(struct fields *f, const char *prefix, struct bytes content,
                const struct field_tag *known, const char *source)
{
    struct walk w;
    struct tlv leaf;

    if (!is_well_formed(content)) {
        put_start(f, prefix, content, source);
        return;
    }
    walk_start(&w, prefix, content);
    while (f->rc == 0 && next_leaf(&w, &leaf))
        put_leaf(f, &w, &leaf, known, source);
}
