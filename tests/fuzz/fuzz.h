/*
 * What fuzz targets share: the entry that libFuzzer calls, and what must hold
 * of anything that was read from hostile bytes.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "card/base/bytes.h"
#include "card/object.h"

/* Each target is one of these; 0 always. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Say what does not hold, and abort: libFuzzer keeps the input. */
void must(bool holds, const char *what);

/* 0 or an enum card_error, and then a sentence was set. */
void must_be_result(int rc);
void must_be_buf(const struct buf *b);
/* Strings end and lengths are within their arrays. */
void must_be_string(const char *string, size_t cap);
void must_be_id(const struct card_id *id);
void must_be_path(const struct card_path *path);
void must_be_key(const struct card_key_info *key);
void must_be_cert(const struct card_cert_info *cert);
void must_be_pin(const struct card_pin_info *pin);

#endif
