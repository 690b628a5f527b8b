/*
 * PC/SC part 10, "IFDs with secure PIN entry capabilities", revision 2.02.
 * What a reader answers is hostile until checked.
 */
#include "card/reader/part10.h"

#include "card/error.h"

enum {
    FEATURE_VERIFY_PIN_DIRECT = 0x06,
    FEATURE_MODIFY_PIN_DIRECT = 0x07,
    FEATURE_GET_TLV_PROPERTIES = 0x12,
    PROPERTY_MIN_PIN_SIZE = 0x06,
    PROPERTY_MAX_PIN_SIZE = 0x07,
    PROPERTY_MAX_APDU_DATA_SIZE = 0x0A
};

/* Of MAX_APDU_DATA_SIZE; readers of short commands tell 0, or their size. */
enum { SHORT_APDU_MAX = 261, EXTENDED_DATA_MAX = 65536 };

enum {
    SECONDS = 25,           /* other programs wait 30 for the card */
    BLOCK_MAX = 15,         /* what four bits tell */
    CONFIRM_NEW = 0x01,     /* bConfirmPIN */
    ASK_OLD = 0x02,
    ENDS_WITH_KEY = 0x02,   /* bEntryValidationCondition: OK was pressed */
    READERS_MESSAGES = 0xFF /* bNumberMessage */
};

/* One of a list of tag, length, value. */
static bool next_tlv(struct bytes *cursor, uint8_t *tag, struct bytes *value)
{
    uint8_t len;

    return bytes_take_u8(cursor, tag) && bytes_take_u8(cursor, &len) &&
           bytes_take(cursor, len, value);
}

void part10_features(struct bytes answer, struct part10_features *out)
{
    struct bytes value;
    uint16_t high, low;
    uint8_t tag;

    *out = (struct part10_features){.verify = 0};
    while (next_tlv(&answer, &tag, &value)) {
        if (!bytes_take_u16(&value, &high) || !bytes_take_u16(&value, &low) ||
            value.len != 0)
            continue;
        if (tag == FEATURE_VERIFY_PIN_DIRECT)
            out->verify = (uint32_t)high << 16 | low;
        else if (tag == FEATURE_MODIFY_PIN_DIRECT)
            out->modify = (uint32_t)high << 16 | low;
        else if (tag == FEATURE_GET_TLV_PROPERTIES)
            out->properties = (uint32_t)high << 16 | low;
    }
}

/* Little-endian, unlike the control codes. */
static uint32_t number(struct bytes value)
{
    uint32_t n = 0;

    while (value.len-- > 0)
        n = n << 8 | value.data[value.len];
    return n;
}

/* A size that no command has is not told. */
static unsigned max_data(uint32_t told)
{
    if (told > EXTENDED_DATA_MAX)
        return 0;
    return told <= SHORT_APDU_MAX ? READER_SHORT_DATA : told;
}

void part10_limits(struct bytes answer, struct part10_limits *out)
{
    struct bytes value;
    uint8_t tag;

    *out = (struct part10_limits){.min_pin = 0};
    while (next_tlv(&answer, &tag, &value)) {
        if (tag == PROPERTY_MIN_PIN_SIZE && value.len == 1)
            out->min_pin = number(value);
        else if (tag == PROPERTY_MAX_PIN_SIZE && value.len == 1)
            out->max_pin = number(value);
        else if (tag == PROPERTY_MAX_APDU_DATA_SIZE && value.len == 4)
            out->max_data = max_data(number(value));
    }
}

/*
 * bmFormatString: bytes or bits as units, where the digits begin, left
 * justified, their form. bmPINBlockString: bits of the number of digits, bytes
 * of the block. bmPINLengthFormat: where in bits that number stands.
 */
static const struct {
    uint8_t format, length_bits, length_position;
} forms[] = {
    [READER_DIGITS_ASCII] =   {0x82, 0x00, 0x00},
    [READER_DIGITS_BCD] =     {0x81, 0x00, 0x00},
    [READER_DIGITS_BINARY] =  {0x80, 0x00, 0x00},
    [READER_DIGITS_ISO9564] = {0x41, 0x40, 0x04},
};

int part10_structure(const struct reader_entry *entry, struct buf *out)
{
    const uint8_t form[] = {
        SECONDS, SECONDS, forms[entry->digits].format,
        (uint8_t)(forms[entry->digits].length_bits | entry->block),
        forms[entry->digits].length_position};
    const uint8_t offsets[] = {0, entry->block}; /* old, new PIN */
    const uint8_t limits[] = {(uint8_t)entry->max_len,
                              (uint8_t)entry->min_len};
    const uint8_t confirm[] = {CONFIRM_NEW | ASK_OLD};
    const uint8_t dialogue[] = {ENDS_WITH_KEY, READERS_MESSAGES,
                                0x09, 0x04}; /* English */
    const uint8_t messages[] = {0, 1, 2}; /* old PIN, new PIN, confirm */
    const uint8_t tail[] = {0, 0, 0, /* bTeoPrologue: the reader's affair */
                            (uint8_t)entry->command.len, 0, 0, 0};
    const bool modify = entry->modify;
    const struct bytes fields[] = {
        BYTES_OF(form),
        bytes_from(offsets, modify ? sizeof(offsets) : 0),
        BYTES_OF(limits),
        bytes_from(confirm, modify ? sizeof(confirm) : 0),
        BYTES_OF(dialogue),
        bytes_from(messages, modify ? sizeof(messages) : 1),
        BYTES_OF(tail),
        entry->command,
    };
    int rc = 0;

    if (entry->block > BLOCK_MAX || entry->command.len > UINT8_MAX ||
        entry->min_len > UINT8_MAX || entry->max_len > UINT8_MAX)
        return card_fail(CARD_E_ARGUMENT, "no reader's keypad can do this");
    for (size_t i = 0; i < nitems(fields) && rc == 0; i++)
        rc = buf_put(out, fields[i]);
    return rc;
}
