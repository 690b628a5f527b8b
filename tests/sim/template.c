/*
 * Card data written as the fact sheets write it: hex with BER lengths
 * computed (ISO 8825-1, 8.1.3), and the simulator's own reader of TLV.
 */
#include "tests/sim/template.h"

#include <string.h>

#include "card/error.h"

enum { MAX_DEPTH = 12 };

static int hex_digit(char c)
{
    static const char digits[] = "0123456789ABCDEF0123456789abcdef";
    const char *found = strchr(digits, c);

    return c == '\0' || found == NULL ? -1 : (int)(found - digits) % 16;
}

static int put_hex(struct buf *out, const char **text)
{
    int high = hex_digit((*text)[0]);
    int low = high < 0 ? -1 : hex_digit((*text)[1]);

    if (low < 0)
        return card_fail(CARD_E_ARGUMENT, "template: bad text at \"%s\"",
                         *text);
    *text += 2;
    return buf_put_u8(out, (uint8_t)(high << 4 | low));
}

static int put_quoted(struct buf *out, const char **text)
{
    const char *start = *text + 1;
    const char *end = strchr(start, '\'');

    if (end == NULL)
        return card_fail(CARD_E_ARGUMENT, "template: open quote");
    *text = end + 1;
    return buf_put(out, bytes_from(start, (size_t)(end - start)));
}

static int put_argument(struct buf *out, const char **text,
                        const struct bytes *args)
{
    int n = hex_digit((*text)[1]);

    if (n < 0 || n > 9 || args == NULL)
        return card_fail(CARD_E_ARGUMENT, "template: bad argument");
    *text += 2;
    return buf_put(out, args[n]);
}

/* Make room at `start` and write there the length of what follows. */
static int close_nest(struct buf *out, size_t start)
{
    size_t len = out->len - start;
    size_t width = len < 0x80 ? 1 : len < 0x100 ? 2 : 3;
    static const uint8_t room[3];
    uint8_t *at = out->data + start;
    int rc;

    if (len > 0xFFFF)
        return card_fail(CARD_E_ARGUMENT, "template: too long");
    if ((rc = buf_put(out, bytes_from(room, width))) < 0)
        return rc;
    memmove(at + width, at, len);
    if (width == 3)
        at[1] = (uint8_t)(len >> 8);
    if (width > 1)
        at[0] = (uint8_t)(0x80 + width - 1);
    at[width - 1] = (uint8_t)len;
    return 0;
}

int template_put(struct buf *out, const char *text, const struct bytes *args)
{
    size_t nest[MAX_DEPTH];
    size_t depth = 0;
    int rc = 0;

    while (rc == 0 && *text != '\0') {
        if (*text == '(' && depth < MAX_DEPTH) {
            nest[depth++] = out->len;
            text++;
        } else if (*text == ')' && depth > 0) {
            rc = close_nest(out, nest[--depth]);
            text++;
        } else if (*text == '\'') {
            rc = put_quoted(out, &text);
        } else if (*text == '$') {
            rc = put_argument(out, &text, args);
        } else if (*text == ' ' || *text == '\n') {
            text++;
        } else {
            rc = put_hex(out, &text);
        }
    }
    if (rc == 0 && depth > 0)
        return card_fail(CARD_E_ARGUMENT, "template: open parenthesis");
    return rc;
}

static bool take_tag(struct bytes *cursor, unsigned *tag)
{
    uint8_t byte;

    if (!bytes_take_u8(cursor, &byte))
        return false;
    *tag = byte;
    if ((byte & 0x1F) != 0x1F)
        return true;
    do {
        if (*tag > 0xFFFF || !bytes_take_u8(cursor, &byte))
            return false;
        *tag = *tag << 8 | byte;
    } while (byte & 0x80);
    return true;
}

bool template_take_tlv(struct bytes *cursor, unsigned *tag,
                       struct bytes *value)
{
    uint8_t first;
    uint16_t len;

    if (!take_tag(cursor, tag) || !bytes_take_u8(cursor, &first))
        return false;
    len = first;
    if (first == 0x81) {
        if (!bytes_take_u8(cursor, &first))
            return false;
        len = first;
    } else if (first == 0x82) {
        if (!bytes_take_u16(cursor, &len))
            return false;
    } else if (first >= 0x80) {
        return false;
    }
    return bytes_take(cursor, len, value);
}
