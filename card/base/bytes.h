/*
 * Bounded bytes: a view for input, a fixed-capacity buffer for output. Nothing
 * in the card layer passes a naked pointer with a length beside it.
 */
#ifndef CARD_BASE_BYTES_H
#define CARD_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Lent, read-only. Reading functions take `struct bytes *` as a cursor. */
struct bytes {
    const uint8_t *data;
    size_t len;
};

/* Bounded output: len <= cap always; never grows by itself. */
struct buf {
    uint8_t *data;
    size_t len;
    size_t cap;
};

#define nitems(array) (sizeof(array) / sizeof((array)[0]))
#define BUF_ON(array)                                                          \
    {                                                                          \
        (array), 0, sizeof(array)                                              \
    }
#define BYTES_OF(array) bytes_from((array), sizeof(array))

struct bytes bytes_from(const void *data, size_t len);
/* The characters of a string, without its NUL. */
struct bytes bytes_of_string(const char *string);
bool bytes_equal(struct bytes a, struct bytes b);
/* Same, in time that depends on the lengths only: for secrets. */
bool bytes_equal_secret(struct bytes a, struct bytes b);
bool bytes_start_with(struct bytes all, struct bytes start);
/* Anywhere. */
bool bytes_contain(struct bytes all, struct bytes part);
/* Nothing but 00, or nothing at all. */
bool bytes_all_zero(struct bytes bytes);

/* Cut the first n bytes off the cursor; false, and nothing moved, if fewer. */
bool bytes_take(struct bytes *cursor, size_t n, struct bytes *out);
bool bytes_take_u8(struct bytes *cursor, uint8_t *out);
/* Big-endian, two bytes. */
bool bytes_take_u16(struct bytes *cursor, uint16_t *out);

/* A heap buffer of that capacity; CARD_E_MEMORY. Free with buf_free. */
int buf_new(struct buf *b, size_t cap);
/* Wipe and free what buf_new gave; the buffer is empty, cap 0, afterwards. */
void buf_free(struct buf *b);
/* Wipe the whole capacity; len becomes 0. */
void buf_wipe(struct buf *b);
struct bytes buf_view(const struct buf *b);
/* Append; CARD_E_BUFFER with nothing written when it does not fit. */
int buf_put(struct buf *b, struct bytes bytes);
int buf_put_u8(struct buf *b, uint8_t value);
/* Big-endian, two bytes. */
int buf_put_u16(struct buf *b, uint16_t value);

/*
 * An unsigned number in exactly `len` bytes: zeros before it come and go, in a
 * time that shows how many. CARD_E_PROTOCOL: it is longer. CARD_E_BUFFER.
 */
int buf_put_number(struct buf *b, struct bytes number, size_t len);

/* Overwrite memory in a way the compiler cannot leave out. */
void memory_wipe(void *data, size_t len);

/*
 * Upper-case hex, NUL-terminated, cut to whole bytes when `cap` (counting the
 * NUL) is too small. Returns `out`.
 */
char *bytes_to_hex(struct bytes bytes, char *out, size_t cap);
/*
 * Hex digits of both cases, white space skipped, appended to `out`.
 * CARD_E_ARGUMENT: odd count or another character. CARD_E_BUFFER.
 */
int bytes_from_hex(const char *hex, struct buf *out);

#endif
