/*
 * A keypad's firmware: structure and digits in, APDU out.
 */
#include "tests/sim/keypad.h"

#include <stdio.h>
#include <string.h>

enum { PINS_MAX = 3, DIGITS_MAX = 32, HEADER = 5, DATA_MAX = 64 };

/* bmFormatString and its like, read. */
struct form {
    unsigned position; /* bits from the start of the block */
    unsigned width;    /* bits of a digit */
    uint8_t zone;      /* what stands above a digit: '0' for ASCII */
    unsigned block;    /* bytes; 0: as long as the PIN is */
    unsigned length_bits, length_position;
    unsigned min_len, max_len;
    size_t offset_old, offset_new;
};

static unsigned units(unsigned value, bool bytes)
{
    return bytes ? 8 * value : value;
}

static bool read_format(uint8_t format, struct form *f)
{
    static const struct {
        unsigned width;
        uint8_t zone;
    } types[] = {{8, 0}, {4, 0}, {8, '0'}, {0, 0}};

    f->position = units(format >> 3 & 0x0F, (format & 0x80) != 0);
    f->width = types[format & 3].width;
    f->zone = types[format & 3].zone;
    return f->width != 0 && (format & 0x04) == 0; /* left justified only */
}

/* Up to the APDU template, which stays in the cursor. */
static bool read_structure(bool modify, struct bytes *in, struct form *f)
{
    struct bytes start, offsets = {NULL, 0}, limits, rest;
    size_t rest_len = modify ? 15 : 12, len;

    *f = (struct form){.position = 0};
    if (!bytes_take(in, 5, &start) ||
        (modify && !bytes_take(in, 2, &offsets)) ||
        !bytes_take(in, 2, &limits) || !bytes_take(in, rest_len, &rest) ||
        !read_format(start.data[2], f))
        return false;
    f->block = start.data[3] & 0x0F;
    f->length_bits = start.data[3] >> 4;
    f->length_position = units(start.data[4] & 0x0F,
                               (start.data[4] & 0x10) != 0);
    f->max_len = limits.data[0];
    f->min_len = limits.data[1];
    if (modify) {
        f->offset_old = offsets.data[0];
        f->offset_new = offsets.data[1];
    }
    len = rest.data[rest_len - 4] | (size_t)rest.data[rest_len - 3] << 8;
    return len == in->len && rest.data[rest_len - 2] == 0 &&
           rest.data[rest_len - 1] == 0 && f->min_len <= f->max_len;
}

static void put_bits(uint8_t *data, size_t at, unsigned width, unsigned value)
{
    for (unsigned i = 0; i < width; i++, at++) {
        uint8_t bit = (uint8_t)(0x80 >> at % 8);

        data[at / 8] &= (uint8_t)~bit;
        if ((value >> (width - 1 - i) & 1) != 0)
            data[at / 8] |= bit;
    }
}

/* The block at `data`; returns its bytes, 0 if the PIN does not fit. */
static size_t put_pin(const struct form *f, const char *pin, uint8_t *data)
{
    size_t n = strlen(pin), end = f->position + n * f->width;

    if (f->block != 0 && end > 8 * f->block)
        return 0;
    for (size_t i = 0; i < n; i++)
        put_bits(data, f->position + i * f->width, f->width,
                 f->zone | (unsigned)(pin[i] - '0'));
    put_bits(data, f->length_position, f->length_bits, (unsigned)n);
    return f->block != 0 ? f->block : (end + 7) / 8;
}

static unsigned check_pin(const struct form *f, const char *pin)
{
    size_t n = strlen(pin);

    if (n == 0)
        return KEYPAD_TIMEOUT;
    if (strcmp(pin, "cancel") == 0)
        return KEYPAD_CANCELLED;
    if (n < f->min_len || n > f->max_len || strspn(pin, "0123456789") != n)
        return KEYPAD_LENGTH;
    return KEYPAD_DONE;
}

/* Header and Lc bytes of data, as much as the structure says. */
static bool check_template(const struct form *f, bool modify,
                           struct bytes template)
{
    size_t lc = template.len >= HEADER ? template.data[4] : 0;
    size_t last = modify ? f->offset_new : 0;

    return template.len == HEADER + lc && lc <= DATA_MAX &&
           (f->block == 0 ? lc == 0 : last + f->block == lc) &&
           (!modify || f->block == 0 || f->offset_old + f->block <= last);
}

/* What the person enters, each PIN judged when it is entered. */
static unsigned take_pins(const struct form *f, bool modify, const char *typed,
                          char pins[PINS_MAX][DIGITS_MAX])
{
    unsigned sw = KEYPAD_DONE;

    sscanf(typed, "%31s %31s %31s", pins[0], pins[1], pins[2]);
    for (int i = 0; i < (modify ? PINS_MAX : 1) && sw == KEYPAD_DONE; i++)
        sw = check_pin(f, pins[i]);
    if (sw == KEYPAD_DONE && modify && strcmp(pins[1], pins[2]) != 0)
        sw = KEYPAD_NEW_DIFFER;
    return sw;
}

/* Returns the bytes of data, 0 if a PIN does not fit. */
static size_t put_pins(const struct form *f, bool modify,
                       char pins[PINS_MAX][DIGITS_MAX], uint8_t *data)
{
    size_t first = put_pin(f, pins[0], data + f->offset_old), second;

    if (!modify || first == 0)
        return first;
    if (f->block != 0)
        first = f->offset_new;
    second = put_pin(f, pins[1], data + first);
    return second == 0 ? 0 : first + second;
}

unsigned keypad_complete(bool modify, struct bytes structure,
                         const char *typed, struct buf *apdu)
{
    char pins[PINS_MAX][DIGITS_MAX] = {""};
    uint8_t data[DATA_MAX + 2 * DIGITS_MAX] = {0};
    struct bytes header;
    struct form f;
    unsigned sw;
    size_t len;

    if (!read_structure(modify, &structure, &f) ||
        !check_template(&f, modify, structure) ||
        !bytes_take(&structure, HEADER - 1, &header))
        return KEYPAD_STRUCTURE;
    if ((sw = take_pins(&f, modify, typed, pins)) != KEYPAD_DONE)
        return sw;
    memcpy(data, structure.data + 1, structure.len - 1);
    if ((len = put_pins(&f, modify, pins, data)) == 0)
        return KEYPAD_LENGTH;
    return buf_put(apdu, header) < 0 ||
                   buf_put_u8(apdu, (uint8_t)len) < 0 ||
                   buf_put(apdu, bytes_from(data, len)) < 0
               ? KEYPAD_STRUCTURE
               : KEYPAD_DONE;
}
