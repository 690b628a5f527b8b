/*
 * What the readers of ISO 7816-15 files share: tags, and the fields that are
 * the same in all objects. Included by card/wire/p15*.c only.
 */
#ifndef CARD_WIRE_P15_INT_H
#define CARD_WIRE_P15_INT_H

#include "card/wire/p15.h"
#include "card/wire/tlv.h"

enum {
    TAG_BOOLEAN = 0x01,
    TAG_INTEGER = 0x02,
    TAG_BIT_STRING = 0x03,
    TAG_OCTET_STRING = 0x04,
    TAG_NULL = 0x05,
    TAG_ENUMERATED = 0x0A,
    TAG_UTF8 = 0x0C,
    TAG_GENERALIZED_TIME = 0x18,
    TAG_SEQUENCE = 0x30,
    TAG_CONTEXT_0 = 0x80,
    TAG_EC_KEY = 0xA0,
    TAG_APP_FILE = 0xA1, /* { aid, path } in place of a Path */
    TAG_DIRECT = 0xA0,   /* ObjectValue */
    TAG_DIRECT_SPKI = 0xA1
};

struct p15_path {
    struct card_path file;
    struct p15_range range;
};

/* One object of a directory, taken apart; what is absent is empty. */
struct p15_object {
    struct bytes common;           /* CommonObjectAttributes */
    struct bytes class_attributes;
    struct bytes type;             /* typeAttributes, [1] and SEQUENCE off */
};

/* The text of the first such field, if there is one: UTF-8 or Latin-1. */
void p15_find_label(struct bytes in, uint32_t tag, char out[CARD_LABEL_MAX]);
/* False: too long. */
bool p15_copy_id(struct card_id *out, struct bytes value);
bool p15_copy_path(struct card_path *out, struct bytes value);
/* The first OCTET STRING. False only if it is there and too long. */
bool p15_find_id(struct bytes in, struct card_id *out);
/* The first field with that tag as bits, or its last byte; else 0. */
uint32_t p15_find_bits(struct bytes in, uint32_t tag);
uint8_t p15_last_byte(struct bytes in, uint32_t tag);
/* The next object of a file. */
bool p15_next_object(struct bytes *file, struct tlv *out);
/* Content of a Path; the Path at the start of typeAttributes. */
bool p15_parse_path(struct bytes content, struct p15_path *out);
bool p15_value_path(struct bytes type, struct p15_path *out);
/* False for an empty object: `30 00`. */
bool p15_split(struct bytes content, struct p15_object *out);
unsigned p15_key_bits(struct bytes type);

#endif
