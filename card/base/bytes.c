/*
 * Views, cursors and bounded buffers: the only code that copies bytes by
 * pointer and length.
 */
#include "card/base/bytes.h"

#include <stdlib.h>
#include <string.h>

#include "card/error.h"

struct bytes bytes_from(const void *data, size_t len)
{
    return (struct bytes){data, len};
}

struct bytes bytes_of_string(const char *string)
{
    return bytes_from(string, strlen(string));
}

/* memcmp and memcpy must not see NULL, not even with a length of 0. */
static bool same(const uint8_t *a, const uint8_t *b, size_t len)
{
    return len == 0 || memcmp(a, b, len) == 0;
}

bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && same(a.data, b.data, a.len);
}

bool bytes_equal_secret(struct bytes a, struct bytes b)
{
    volatile uint8_t difference = 0;

    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        difference = (uint8_t)(difference | (a.data[i] ^ b.data[i]));
    return difference == 0;
}

bool bytes_start_with(struct bytes all, struct bytes start)
{
    return all.len >= start.len && same(all.data, start.data, start.len);
}

bool bytes_contain(struct bytes all, struct bytes part)
{
    for (; all.len >= part.len && all.len > 0; all.data++, all.len--)
        if (bytes_start_with(all, part))
            return true;
    return false;
}

bool bytes_all_zero(struct bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        if (bytes.data[i] != 0)
            return false;
    return true;
}

bool bytes_take(struct bytes *cursor, size_t n, struct bytes *out)
{
    if (cursor->len < n)
        return false;
    *out = bytes_from(cursor->data, n);
    if (n > 0)
        *cursor = bytes_from(cursor->data + n, cursor->len - n);
    return true;
}

bool bytes_take_u8(struct bytes *cursor, uint8_t *out)
{
    struct bytes b;

    if (!bytes_take(cursor, 1, &b))
        return false;
    *out = b.data[0];
    return true;
}

bool bytes_take_u16(struct bytes *cursor, uint16_t *out)
{
    struct bytes b;

    if (!bytes_take(cursor, 2, &b))
        return false;
    *out = (uint16_t)(b.data[0] << 8 | b.data[1]);
    return true;
}

int buf_new(struct buf *b, size_t cap)
{
    *b = (struct buf){malloc(cap > 0 ? cap : 1), 0, cap};
    if (b->data == NULL) {
        b->cap = 0;
        return card_fail(CARD_E_MEMORY, "no memory for %zu bytes", cap);
    }
    return 0;
}

void buf_free(struct buf *b)
{
    buf_wipe(b);
    free(b->data);
    *b = (struct buf){NULL, 0, 0};
}

void buf_wipe(struct buf *b)
{
    memory_wipe(b->data, b->cap);
    b->len = 0;
}

struct bytes buf_view(const struct buf *b)
{
    return bytes_from(b->data, b->len);
}

int buf_put(struct buf *b, struct bytes bytes)
{
    if (bytes.len > b->cap - b->len)
        return card_fail(CARD_E_BUFFER, "%zu bytes more in a buffer of %zu",
                         bytes.len, b->cap);
    if (bytes.len > 0)
        memcpy(b->data + b->len, bytes.data, bytes.len);
    b->len += bytes.len;
    return 0;
}

int buf_put_u8(struct buf *b, uint8_t value)
{
    return buf_put(b, bytes_from(&value, 1));
}

int buf_put_u16(struct buf *b, uint16_t value)
{
    const uint8_t big_endian[2] = {(uint8_t)(value >> 8), (uint8_t)value};

    return buf_put(b, BYTES_OF(big_endian));
}

int buf_put_number(struct buf *b, struct bytes number, size_t len)
{
    struct bytes zero;
    int rc = 0;

    while (number.len > len && number.data[0] == 0)
        bytes_take(&number, 1, &zero);
    if (number.len > len)
        return card_fail(CARD_E_PROTOCOL, "a number of %zu bytes instead of "
                         "%zu", number.len, len);
    for (size_t i = number.len; rc == 0 && i < len; i++)
        rc = buf_put_u8(b, 0);
    return rc < 0 ? rc : buf_put(b, number);
}

void memory_wipe(void *data, size_t len)
{
    /* Through a volatile pointer the call has effects the compiler must keep */
    static void *(*const volatile set)(void *, int, size_t) = memset;

    if (len > 0)
        set(data, 0, len);
}

char *bytes_to_hex(struct bytes bytes, char *out, size_t cap)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t used = 0;

    for (size_t i = 0; i < bytes.len && cap - used > 2; i++) {
        out[used++] = digits[bytes.data[i] >> 4];
        out[used++] = digits[bytes.data[i] & 0x0F];
    }
    if (cap > 0)
        out[used] = '\0';
    return out;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

int bytes_from_hex(const char *hex, struct buf *out)
{
    int high = -1;
    int rc;

    for (; *hex != '\0'; hex++) {
        int digit = hex_digit(*hex);

        if (strchr(" \t\r\n", *hex) != NULL)
            continue;
        if (digit < 0)
            return card_fail(CARD_E_ARGUMENT, "not a hexadecimal digit");
        if (high < 0) {
            high = digit;
            continue;
        }
        if ((rc = buf_put_u8(out, (uint8_t)(high << 4 | digit))) < 0)
            return rc;
        high = -1;
    }
    if (high >= 0)
        return card_fail(CARD_E_ARGUMENT, "odd number of hexadecimal digits");
    return 0;
}
