/*
 * PINs: VERIFY of ISO 7816-4, with the PIN blocks of ISO 7816-15 PasswordType,
 * built here or at a reader's keypad.
 */
#include "card/wire/iso7816.h"

#include "card/error.h"
#include "card/object.h"
#include "card/wire/apdu.h"

enum {
    SW_COUNTER = 0x63C0,
    ISO9564_BLOCK = 8, /* bytes */
    ISO9564_MIN = 4,   /* digits */
    ISO9564_MAX = 12,
    ISO9564_FORMAT_2 = 0x20, /* with the number of digits */
    KEYPAD_BLOCK_MAX = 15, /* bytes: what a reader can be told in four bits */
    APDU_HEADER = 5
};

/* What a reader answers by itself, for the card (PC/SC part 10, 2.5). */
enum {
    SW_KEYPAD_TIMEOUT = 0x6400,
    SW_KEYPAD_CANCELLED = 0x6401,
    SW_KEYPAD_NEW_DIFFER = 0x6402,
    SW_KEYPAD_LENGTH = 0x6403,
    SW_KEYPAD_STRUCTURE = 0x6B80
};

/* The status word of a command that presented a PIN. */
static int judge(uint16_t sw, const char *doing, int *tries_left)
{
    int rc = apdu_sw_error(sw, doing);

    if ((sw & 0xFFF0) == SW_COUNTER)
        *tries_left = sw & 0x0F;
    if (rc == CARD_E_PIN_LOCKED)
        *tries_left = 0;
    /* 6982 here does not mean that a PIN is missing */
    if (rc < 0 && rc != CARD_E_PIN_LOCKED && rc != CARD_E_PIN_WRONG)
        rc = CARD_E_STATUS;
    return rc;
}

int iso_verify(struct reader *r, uint8_t ref, struct bytes pin,
               int *tries_left)
{
    struct apdu cmd = {.ins = INS_VERIFY, .p2 = ref, .data = pin};
    uint16_t sw;
    int rc;

    *tries_left = CARD_TRIES_UNKNOWN;
    /* An empty VERIFY would ask for the state: 9000 says nothing of a PIN */
    if (pin.len == 0 || pin.len > CARD_MAX_PIN)
        return card_fail(CARD_E_PIN_FORMAT, "PIN empty or too long");
    if ((rc = apdu_exchange(r, &cmd, NULL, &sw)) < 0)
        return rc;
    return judge(sw, "verify the PIN", tries_left);
}

int iso_verify_query(struct reader *r, uint8_t ref, bool *verified,
                     int *tries_left)
{
    struct apdu cmd = {.ins = INS_VERIFY, .p2 = ref};
    uint16_t sw;
    int rc;

    *verified = false;
    *tries_left = CARD_TRIES_UNKNOWN;
    if ((rc = apdu_exchange(r, &cmd, NULL, &sw)) < 0)
        return rc;
    if (sw == SW_OK)
        *verified = true;
    else if ((sw & 0xFFF0) == SW_COUNTER)
        *tries_left = sw & 0x0F;
    else if (sw == SW_AUTH_BLOCKED)
        *tries_left = 0;
    else if (sw == SW_REF_NOT_FOUND || sw == SW_REF_DATA_UNUSABLE)
        return apdu_sw_error(sw, "ask for the state of the PIN");
    else
        return card_fail(CARD_E_UNSUPPORTED,
                         "card answered %04X when asked for the PIN's state",
                         (unsigned)sw);
    return 0;
}

static bool all_digits(struct bytes pin)
{
    uint8_t c;

    while (bytes_take_u8(&pin, &c)) {
        if (c < '0' || c > '9')
            return false;
    }
    return true;
}

/* In UTF-8 a character is every byte that does not continue one. */
static size_t count_characters(const struct card_pin_info *info,
                               struct bytes pin)
{
    size_t count = 0;
    uint8_t c;

    if (info->type != CARD_PIN_UTF8)
        return pin.len;
    while (bytes_take_u8(&pin, &c))
        count += (c & 0xC0) != 0x80;
    return count;
}

static int check_pin(const struct card_pin_info *info, struct bytes pin)
{
    size_t count = count_characters(info, pin);

    if (pin.len == 0)
        return card_fail(CARD_E_PIN_FORMAT, "the PIN is empty");
    if (info->type != CARD_PIN_UTF8 && !all_digits(pin))
        return card_fail(CARD_E_PIN_FORMAT, "this PIN has digits only");
    if (count < info->min_len)
        return card_fail(CARD_E_PIN_FORMAT,
                         "this PIN has at least %u characters", info->min_len);
    if (info->max_len > 0 && count > info->max_len)
        return card_fail(CARD_E_PIN_FORMAT,
                         "this PIN has at most %u characters", info->max_len);
    return 0;
}

/* Two digits a byte, the first in the high nibble, F after an odd last one. */
static int put_bcd(struct buf *out, struct bytes digits)
{
    uint8_t high, low;
    int rc;

    while (bytes_take_u8(&digits, &high)) {
        if (!bytes_take_u8(&digits, &low))
            low = 0x0F;
        rc = buf_put_u8(out, (uint8_t)(high << 4 | (low & 0x0F)));
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int put_half_nibble(struct buf *out, struct bytes digits)
{
    uint8_t digit;
    int rc;

    while (bytes_take_u8(&digits, &digit)) {
        if ((rc = buf_put_u8(out, digit & 0x0F)) < 0)
            return rc;
    }
    return 0;
}

static int fill(struct buf *out, size_t len, uint8_t value)
{
    int rc = 0;

    while (out->len < len && rc == 0)
        rc = buf_put_u8(out, value);
    return rc;
}

/* ISO 9564-1 format 2: 2n, the digits, F up to 8 bytes. */
static int put_iso9564(struct buf *out, struct bytes digits)
{
    int rc;

    if (digits.len < ISO9564_MIN || digits.len > ISO9564_MAX)
        return card_fail(CARD_E_PIN_FORMAT, "this PIN has 4 to 12 digits");
    if ((rc = buf_put_u8(out, (uint8_t)(ISO9564_FORMAT_2 | digits.len))) < 0 ||
        (rc = put_bcd(out, digits)) < 0)
        return rc;
    return fill(out, ISO9564_BLOCK, 0xFF);
}

static int encode_pin(const struct card_pin_info *info, struct bytes pin,
                      struct buf *out)
{
    switch (info->type) {
    case CARD_PIN_ASCII_NUMERIC:
    case CARD_PIN_UTF8:
        return buf_put(out, pin);
    case CARD_PIN_BCD:
        return put_bcd(out, pin);
    case CARD_PIN_HALF_NIBBLE_BCD:
        return put_half_nibble(out, pin);
    case CARD_PIN_ISO9564_1:
        return put_iso9564(out, pin);
    }
    return card_fail(CARD_E_UNSUPPORTED, "PIN type %d", (int)info->type);
}

static int build_block(const struct card_pin_info *info, struct bytes pin,
                       struct buf *block)
{
    int rc;

    if (pin.len > block->cap)
        return card_fail(CARD_E_PIN_FORMAT, "the PIN is too long");
    if ((rc = check_pin(info, pin)) < 0 ||
        (rc = encode_pin(info, pin, block)) < 0)
        return rc;
    if (info->stored_len == 0)
        return 0;
    if (block->len > info->stored_len)
        return card_fail(CARD_E_PIN_FORMAT, "this PIN has at most %u bytes",
                         info->stored_len);
    if (info->stored_len > block->cap)
        return card_fail(CARD_E_LIMIT, "the card wants PINs of %u bytes",
                         info->stored_len);
    return info->needs_padding ? fill(block, info->stored_len, info->pad_char)
                               : 0;
}

int iso_pin_block(const struct card_pin_info *info, struct bytes pin,
                  struct buf *out)
{
    uint8_t raw[CARD_MAX_PIN];
    struct buf block = BUF_ON(raw);
    int rc;

    if ((rc = build_block(info, pin, &block)) == 0)
        rc = buf_put(out, buf_view(&block));
    buf_wipe(&block);
    return rc;
}

/* ---- at the reader's keypad ---------------------------------------------- */

/* The digits' form and the block's length; false: no reader can build it. */
static bool describe_form(const struct card_pin_info *info,
                          struct reader_entry *entry)
{
    unsigned block = info->needs_padding ? info->stored_len : 0;

    if (block > KEYPAD_BLOCK_MAX)
        return false;
    entry->block = (uint8_t)block;
    switch (info->type) {
    case CARD_PIN_ASCII_NUMERIC:
    case CARD_PIN_UTF8:
        entry->digits = READER_DIGITS_ASCII;
        return true;
    case CARD_PIN_HALF_NIBBLE_BCD:
        entry->digits = READER_DIGITS_BINARY;
        return true;
    case CARD_PIN_BCD: /* behind an odd last digit the padding stays */
        entry->digits = READER_DIGITS_BCD;
        return block != 0 && (info->pad_char & 0x0F) == 0x0F;
    case CARD_PIN_ISO9564_1:
        entry->digits = READER_DIGITS_ISO9564;
        entry->block = ISO9564_BLOCK;
        return info->stored_len == 0 || info->stored_len == ISO9564_BLOCK;
    }
    return false;
}

/* 0: no maximum. */
static void narrow(struct reader_entry *entry, unsigned min_len,
                   unsigned max_len)
{
    if (entry->min_len < min_len)
        entry->min_len = min_len;
    if (max_len != 0 && entry->max_len > max_len)
        entry->max_len = max_len;
}

/* All but the command; false: this keypad cannot enter such a PIN. */
static bool describe(struct reader *r, const struct card_pin_info *info,
                     struct reader_entry *entry)
{
    struct reader_keypad keypad = {.verify = false};

    if (info->derived || r->ops->keypad == NULL || !describe_form(info, entry))
        return false;
    r->ops->keypad(r, &keypad);
    entry->min_len = 1;
    entry->max_len = info->max_len != 0 ? UINT8_MAX : ISO9564_MAX;
    narrow(entry, info->min_len, info->max_len);
    narrow(entry, keypad.min_len, keypad.max_len);
    if (entry->digits == READER_DIGITS_ISO9564)
        narrow(entry, ISO9564_MIN, ISO9564_MAX);
    else if (entry->digits == READER_DIGITS_BCD)
        narrow(entry, 0, 2u * entry->block);
    else
        narrow(entry, 0, entry->block);
    return (entry->modify ? keypad.modify : keypad.verify) &&
           entry->min_len <= entry->max_len;
}

bool iso_keypad_fits(struct reader *r, const struct card_pin_info *info,
                     bool modify)
{
    struct reader_entry entry = {.modify = modify};

    return describe(r, info, &entry);
}

static int put_empty_block(const struct card_pin_info *info,
                           const struct reader_entry *entry, struct buf *out)
{
    size_t end = out->len + entry->block;
    int rc;

    if (entry->digits != READER_DIGITS_ISO9564)
        return fill(out, end, info->pad_char);
    rc = buf_put_u8(out, ISO9564_FORMAT_2);
    return rc < 0 ? rc : fill(out, end, 0xFF);
}

static int put_command(const struct reader *r, const struct card_pin_info *info,
                       const struct reader_entry *entry, struct buf *out)
{
    const uint8_t lc = (uint8_t)(entry->modify ? 2 * entry->block
                                               : entry->block);
    const uint8_t header[APDU_HEADER] = {
        r->channel, entry->modify ? INS_CHANGE_REFERENCE_DATA : INS_VERIFY,
        0x00, info->ref, lc};
    int rc;

    if ((rc = buf_put(out, BYTES_OF(header))) < 0 ||
        (rc = put_empty_block(info, entry, out)) < 0)
        return rc;
    return entry->modify ? put_empty_block(info, entry, out) : 0;
}

/* The reader's own words; everything else is the card's. */
static int judge_entry(uint16_t sw, const struct reader_entry *entry,
                       const char *doing, int *tries_left)
{
    switch (sw) {
    case SW_KEYPAD_TIMEOUT:
        return card_fail(CARD_E_CANCELLED,
                         "no PIN was entered at the reader's keypad in time");
    case SW_KEYPAD_CANCELLED:
        return card_fail(CARD_E_CANCELLED,
                         "cancelled at the reader's keypad");
    case SW_KEYPAD_NEW_DIFFER:
        return card_fail(CARD_E_PIN_FORMAT,
                         "the new PIN was not entered twice the same");
    case SW_KEYPAD_LENGTH:
        return card_fail(CARD_E_PIN_FORMAT, "this PIN has no less than %u and "
                         "no more than %u digits",
                         entry->min_len, entry->max_len);
    case SW_KEYPAD_STRUCTURE:
        return card_fail(CARD_E_UNSUPPORTED, "the reader's keypad cannot "
                         "enter PINs for this card (6B80); keypad = no has "
                         "the PIN typed at the computer");
    default:
        return judge(sw, doing, tries_left);
    }
}

int iso_enter_pin(struct reader *r, struct card_pin_info *pin, bool modify,
                  const char *doing)
{
    uint8_t command[APDU_HEADER + 2 * KEYPAD_BLOCK_MAX], answer[258];
    struct buf template = BUF_ON(command), rsp = BUF_ON(answer);
    struct reader_entry entry = {.modify = modify};
    int rc;

    if (!describe(r, pin, &entry))
        return card_fail(CARD_E_UNSUPPORTED, "the keypad of the reader "
                         "\"%s\" cannot %s this PIN", r->name,
                         modify ? "change" : "enter");
    if ((rc = put_command(r, pin, &entry, &template)) < 0)
        return rc;
    entry.command = buf_view(&template);
    pin->tries_left = CARD_TRIES_UNKNOWN;
    pin->presented = true;
    pin->setting = modify;
    if ((rc = r->ops->enter_pin(r, &entry, &rsp)) < 0)
        return rc;
    if (rsp.len < 2)
        return card_fail(CARD_E_PROTOCOL, "the keypad gave no status word");
    return judge_entry((uint16_t)(answer[rsp.len - 2] << 8 |
                                  answer[rsp.len - 1]),
                       &entry, doing, &pin->tries_left);
}

/* ---- either way ---------------------------------------------------------- */

/*
 * A card whose memory failed (65xx), or that does not know what went wrong
 * (6F00), may have done half: that is no refusal.
 */
static bool is_doubtful(uint16_t sw)
{
    return (sw & 0xFF00) == 0x6500 || sw == 0x6F00;
}

int iso_send_pin(struct reader *r, const struct apdu *cmd,
                 struct card_pin_info *pin, const char *doing)
{
    uint16_t sw;
    int rc;

    /* An empty VERIFY would ask for the state: 9000 says nothing of a PIN */
    if (cmd->data.len == 0)
        return card_fail(CARD_E_PIN_FORMAT, "the PIN is empty");
    pin->tries_left = CARD_TRIES_UNKNOWN;
    pin->presented = true;
    if ((rc = apdu_exchange(r, cmd, NULL, &sw)) < 0)
        return rc;
    if (is_doubtful(sw))
        return card_fail(CARD_E_PROTOCOL, "cannot %s: the card failed (%04X)",
                         doing, (unsigned)sw);
    return judge(sw, doing, &pin->tries_left);
}

int iso_present_pin(struct reader *r, struct card_pin_info *pin,
                    struct bytes value)
{
    uint8_t raw[CARD_MAX_PIN];
    struct buf block = BUF_ON(raw);
    struct apdu cmd = {.ins = INS_VERIFY, .p2 = pin->ref};
    int rc;

    if (pin->keypad)
        return iso_enter_pin(r, pin, false, "verify the PIN");
    if ((rc = iso_pin_block(pin, value, &block)) == 0) {
        cmd.data = buf_view(&block);
        rc = iso_send_pin(r, &cmd, pin, "verify the PIN");
    }
    buf_wipe(&block);
    return rc;
}
