/*
 * PC/SC part 10: what a reader says of itself, and how one with a keypad is
 * told to take a PIN. Bytes in, bytes out; card/reader/pcsc.c carries them.
 */
#ifndef CARD_READER_PART10_H
#define CARD_READER_PART10_H

#include "card/base/bytes.h"
#include "card/reader/reader.h"

enum {
    PART10_GET_FEATURES = 0x42000000 + 3400, /* CM_IOCTL_GET_FEATURE_REQUEST */
    PART10_MAX_ANSWER = 256,   /* bytes a reader may say of itself */
    PART10_MAX_STRUCTURE = 128 /* bytes of what it is told */
};

/* Control codes; 0: the reader has no such feature. */
struct part10_features {
    uint32_t verify, modify; /* VERIFY_PIN_DIRECT, MODIFY_PIN_DIRECT */
    uint32_t properties;     /* GET_TLV_PROPERTIES */
};

/* 0: not told. */
struct part10_limits {
    unsigned min_pin, max_pin; /* digits */
    unsigned max_data;         /* reader.h: what max_data answers */
};

/* The answer to PART10_GET_FEATURES, as far as it is well-formed. */
void part10_features(struct bytes answer, struct part10_features *out);
/* The answer to GET_TLV_PROPERTIES, as far as it is well-formed. */
void part10_limits(struct bytes answer, struct part10_limits *out);
/*
 * PIN_VERIFY_STRUCTURE or PIN_MODIFY_STRUCTURE, little-endian as libccid takes
 * it on every machine, appended to `out`. CARD_E_ARGUMENT, CARD_E_BUFFER.
 */
int part10_structure(const struct reader_entry *entry, struct buf *out);

#endif
