/*
 * From what a card calls a text to one that can be printed.
 */
#include "card/base/text.h"

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

/*
 * What moves a terminal, ends a line, or turns the writing of what stands
 * beside it (Unicode's Cc, Zl, Zp, and the bidirectional ones of Cf).
 */
static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x200E ||
           c == 0x200F || (c >= 0x2028 && c <= 0x202E) ||
           (c >= 0x2066 && c <= 0x2069);
}

bool text_is_clean(struct bytes text)
{
    uint32_t c;

    while (text.len > 0) {
        if (!take_utf8(&text, &c) || is_control(c))
            return false;
    }
    return true;
}

void text_copy(char *out, size_t cap, struct bytes text)
{
    struct buf copy = {(uint8_t *)out, 0, cap - 1};
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
        if (put_utf8(&copy, is_control(c) ? '?' : c) < 0)
            break;
    }
    out[copy.len] = '\0';
}
