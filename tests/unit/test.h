/*
 * cmocka, with the headers it wants before itself, and what most tests need.
 */
#ifndef TESTS_UNIT_TEST_H
#define TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "card/base/bytes.h"

/* The bytes equal those the hexadecimal text stands for. */
#define assert_bytes_hex(bytes, hex)                                           \
    check_bytes_hex((bytes), (hex), __FILE__, __LINE__)

static inline void check_bytes_hex(struct bytes bytes, const char *hex,
                                   const char *file, int line)
{
    static uint8_t expected[4096];
    struct buf b = BUF_ON(expected);

    if (bytes_from_hex(hex, &b) < 0 || bytes.len != b.len) {
        print_error("%zu bytes, not %s\n", bytes.len, hex);
        _fail(file, line);
    }
    if (b.len > 0)
        _assert_memory_equal(bytes.data, b.data, b.len, file, line);
}

#endif
