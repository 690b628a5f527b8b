/*
 * Fields of ISO 7816-15 objects as real cards write them: labels in any
 * character set, odd integers, paths in all forms.
 */
#include "card/wire/p15_int.h"

#include <string.h>

enum { TAG_TYPE_ATTRIBUTES = 0xA1 };

enum { KEY_BITS_MIN = 112, KEY_BITS_MAX = 8 * CARD_MAX_SIGNATURE };

/* The character at the cursor by UTF-8; false, nothing moved, if it is none. */
static bool take_utf8(struct bytes *cursor, uint32_t *out)
{
    static const uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
    struct bytes rest = *cursor;
    uint8_t first, next;
    size_t more;
    uint32_t c;

    if (!bytes_take_u8(&rest, &first))
        return false;
    more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : first >= 0xC0 ? 1 : 0;
    if ((first >= 0x80 && more == 0) || first >= 0xF8)
        return false;
    c = more == 0 ? first : first & (0x3Fu >> more);
    for (size_t i = 0; i < more; i++) {
        if (!bytes_take_u8(&rest, &next) || (next & 0xC0) != 0x80)
            return false;
        c = c << 6 | (next & 0x3F);
    }
    if (c < smallest[more] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        return false;
    *cursor = rest;
    *out = c;
    return true;
}

static bool is_utf8(struct bytes text)
{
    uint32_t c;

    while (text.len > 0) {
        if (!take_utf8(&text, &c))
            return false;
    }
    return true;
}

static int put_utf8(struct buf *out, uint32_t c)
{
    uint8_t raw[4];
    size_t more = c >= 0x10000 ? 3 : c >= 0x800 ? 2 : c >= 0x80 ? 1 : 0;
    static const uint8_t lead[] = {0x00, 0xC0, 0xE0, 0xF0};

    raw[0] = (uint8_t)(lead[more] | c >> 6 * more);
    for (size_t i = 1; i <= more; i++)
        raw[i] = (uint8_t)(0x80 | (c >> 6 * (more - i) & 0x3F));
    return buf_put(out, bytes_from(raw, more + 1));
}

static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c <= 0x9F);
}

/* Cards of any age: UTF-8 if it is that, else Latin-1. Cut at a character. */
static void copy_label(char out[CARD_LABEL_MAX], struct bytes text)
{
    uint8_t raw[CARD_LABEL_MAX - 1];
    struct buf label = BUF_ON(raw);
    bool utf8 = is_utf8(text);
    uint8_t byte;
    uint32_t c;

    while (text.len > 0) {
        if (utf8 && !take_utf8(&text, &c))
            break;
        if (!utf8) {
            bytes_take_u8(&text, &byte);
            c = byte;
        }
        if (put_utf8(&label, is_control(c) ? '?' : c) < 0)
            break;
    }
    memcpy(out, label.data, label.len);
    out[label.len] = '\0';
}

void p15_find_label(struct bytes in, uint32_t tag, char out[CARD_LABEL_MAX])
{
    struct tlv t;

    if (tlv_find(in, tag, &t))
        copy_label(out, t.value);
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
