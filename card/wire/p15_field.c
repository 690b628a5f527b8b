/*
 * Fields of ISO 7816-15 objects as real cards write them: labels in any
 * character set, odd integers, paths in all forms.
 */
#include "card/wire/p15_int.h"

#include <string.h>

#include "card/base/text.h"

enum { TAG_TYPE_ATTRIBUTES = 0xA1 };

enum { KEY_BITS_MIN = 112, KEY_BITS_MAX = 8 * CARD_MAX_SIGNATURE };

void p15_find_label(struct bytes in, uint32_t tag, char out[CARD_LABEL_MAX])
{
    struct tlv t;

    if (tlv_find(in, tag, &t))
        text_copy(out, CARD_LABEL_MAX, t.value);
}

bool p15_copy_id(struct card_id *out, struct bytes value)
{
    if (value.len > sizeof(out->data))
        return false;
    if (value.len > 0)
        memcpy(out->data, value.data, value.len);
    out->len = value.len;
    return true;
}

bool p15_find_id(struct bytes in, struct card_id *out)
{
    struct tlv t;

    return !tlv_find(in, TAG_OCTET_STRING, &t) || p15_copy_id(out, t.value);
}

bool p15_copy_path(struct card_path *out, struct bytes value)
{
    if (value.len > sizeof(out->data))
        return false;
    if (value.len > 0)
        memcpy(out->data, value.data, value.len);
    out->len = value.len;
    return true;
}

uint32_t p15_find_bits(struct bytes in, uint32_t tag)
{
    struct tlv t;

    return tlv_find(in, tag, &t) ? tlv_bits(t.value) : 0;
}

/* Of references: whatever INTEGER is around it, 82, 0082 and FF82 are 82. */
uint8_t p15_last_byte(struct bytes in, uint32_t tag)
{
    struct tlv t;

    if (!tlv_find(in, tag, &t) || t.value.len == 0)
        return 0;
    return t.value.data[t.value.len - 1];
}

/* A file ends at 00 or FF, which pad it, or where no object can be read. */
bool p15_next_object(struct bytes *file, struct tlv *out)
{
    if (file->len == 0 || file->data[0] == 0x00 || file->data[0] == 0xFF)
        return false;
    return tlv_next(file, out);
}

/* Index and length count only together (PKCS#15 v1.1 6.1.4). */
static bool parse_range(struct bytes rest, struct p15_path *out)
{
    struct tlv index, length;
    uint32_t offset, size;

    if (!tlv_find(rest, TAG_INTEGER, &index) ||
        !tlv_find(rest, TAG_CONTEXT_0, &length))
        return true;
    if (!tlv_unsigned(index.value, &offset) ||
        !tlv_unsigned(length.value, &size) || offset > CARD_MAX_FILE ||
        size > CARD_MAX_FILE)
        return false;
    out->range = (struct p15_range){offset, size};
    return true;
}

/*
 * Content of a Path. The file may stand one level down, behind an AID that is
 * the application's own: A1 (or 30) { AID, path }. Odd lengths are no FIDs.
 */
bool p15_parse_path(struct bytes content, struct p15_path *out)
{
    struct tlv t;
    struct bytes rest = content;
    struct bytes in = content;

    *out = (struct p15_path){.file = {.len = 0}};
    if (tlv_next_is(&rest, TAG_APP_FILE, &t) ||
        tlv_next_is(&rest, TAG_SEQUENCE, &t))
        in = t.value;
    if (!tlv_find(in, TAG_OCTET_STRING, &t) || t.value.len % 2 != 0)
        return false;
    return p15_copy_path(&out->file, t.value) && parse_range(rest, out);
}

/* The Path at the start of typeAttributes: ObjectValue, indirect. */
bool p15_value_path(struct bytes type, struct p15_path *out)
{
    struct tlv t;

    if (tlv_next_is(&type, TAG_SEQUENCE, &t))
        return p15_parse_path(t.value, out);
    /* A1 { aid, path } in place of the Path */
    if (tlv_find(type, TAG_APP_FILE, &t))
        return p15_parse_path(t.whole, out);
    return false;
}

/* NULL in place of a SEQUENCE is an empty one. */
static struct bytes take_sequence(struct bytes *cursor)
{
    struct tlv t;

    if (tlv_next_is(cursor, TAG_SEQUENCE, &t))
        return t.value;
    tlv_next_is(cursor, TAG_NULL, &t);
    return bytes_from(NULL, 0);
}

bool p15_split(struct bytes content, struct p15_object *out)
{
    struct tlv t;

    *out = (struct p15_object){.common = take_sequence(&content)};
    out->class_attributes = take_sequence(&content);
    if (tlv_find(content, TAG_TYPE_ATTRIBUTES, &t)) {
        out->type = t.value;
        if (tlv_next_is(&out->type, TAG_SEQUENCE, &t))
            out->type = t.value;
    }
    return out->class_attributes.len > 0 || out->type.len > 0;
}

/* modulusLength or fieldSize: the first INTEGER, unless it is a keyInfo. */
unsigned p15_key_bits(struct bytes type)
{
    struct tlv t;
    uint32_t bits;

    if (!tlv_find(type, TAG_INTEGER, &t) || !tlv_unsigned(t.value, &bits) ||
        bits < KEY_BITS_MIN || bits > KEY_BITS_MAX)
        return 0;
    return bits;
}
