/*
 * Commands of ISO 7816-4 (files, PIN, security environment) and ISO 7816-8
 * (PSO), and the PIN blocks of ISO 7816-15 PasswordType.
 */
#include "card/wire/iso7816.h"

#include "card/error.h"
#include "card/object.h"
#include "card/wire/apdu.h"
#include "card/wire/tlv.h"

enum {
    OFFSET_MAX = 0x7FFF, /* READ BINARY, even INS */
    SW_DEACTIVATED = 0x6283,
    SW_FCI_FORMAT = 0x6284,
    SW_WRONG_PIN = 0x6300, /* counter not told */
    SW_COUNTER = 0x63C0
};

/* Exchange, and any status word but 9000 is the error. */
static int command(struct reader *r, const struct apdu *cmd, struct buf *out,
                   const char *doing)
{
    uint16_t sw;
    int rc = apdu_exchange(r, cmd, out, &sw);

    return rc < 0 ? rc : apdu_sw_error(sw, doing);
}

int iso_select(struct reader *r, uint8_t p1, uint8_t p2, struct bytes name,
               struct buf *fcp)
{
    struct apdu cmd = {.ins = INS_SELECT, .p1 = p1, .p2 = p2, .data = name,
                       .le = fcp == NULL ? 0 : APDU_LE_MAX};
    uint16_t sw;
    int rc;

    if ((rc = apdu_exchange(r, &cmd, fcp, &sw)) < 0)
        return rc;
    if (sw == SW_DEACTIVATED || sw == SW_FCI_FORMAT)
        return 0;
    return apdu_sw_error(sw, "select a file");
}

/* One READ BINARY; *end when the file has no more. */
static int read_chunk(struct reader *r, size_t offset, size_t n,
                      struct buf *out, bool *end)
{
    struct apdu cmd = {.ins = INS_READ_BINARY, .p1 = (uint8_t)(offset >> 8),
                       .p2 = (uint8_t)offset, .le = n};
    size_t start = out->len;
    uint16_t sw;
    int rc;

    if (offset > OFFSET_MAX)
        return card_fail(CARD_E_LIMIT, "file goes on past %d bytes",
                         OFFSET_MAX + 1);
    if ((rc = apdu_exchange(r, &cmd, out, &sw)) < 0)
        return rc;
    if (out->len - start > n) {
        out->len = start;
        return card_fail(CARD_E_PROTOCOL,
                         "READ BINARY: more bytes than were asked for");
    }
    *end = sw != SW_OK || out->len - start < n;
    if (sw == SW_END_OF_FILE || sw == SW_WRONG_OFFSET)
        return 0;
    return apdu_sw_error(sw, "read a file");
}

int iso_read_binary(struct reader *r, size_t offset, size_t want, size_t chunk,
                    struct buf *out)
{
    size_t start = out->len;
    bool end = false;
    int rc;

    if (chunk == 0 || chunk > APDU_LE_MAX)
        return card_fail(CARD_E_ARGUMENT, "reading by %zu bytes", chunk);
    while (!end && out->len - start < want) {
        size_t got = out->len - start;
        size_t n = want - got < chunk ? want - got : chunk;

        if ((rc = read_chunk(r, offset + got, n, out, &end)) < 0)
            return rc;
    }
    return 0;
}

int iso_read_file(struct reader *r, size_t chunk, struct buf *out)
{
    size_t room = out->cap - out->len;

    return iso_read_binary(r, 0, room < CARD_MAX_FILE ? room : CARD_MAX_FILE,
                           chunk, out);
}

/* Length of the DER object that starts with `head`, the start of a file. */
static int der_len(struct bytes head, size_t *len)
{
    /* 00 and FF are what an empty file is filled with */
    if (head.len == 0 || head.data[0] == 0x00 || head.data[0] == 0xFF ||
        !tlv_whole_len(head, len))
        return card_fail(CARD_E_PROTOCOL, "the file holds no DER object");
    if (*len > CARD_MAX_FILE)
        return card_fail(CARD_E_LIMIT, "object of %zu bytes in a file", *len);
    return 0;
}

int iso_read_der(struct reader *r, size_t offset, size_t chunk,
                 struct buf *out)
{
    size_t start = out->len;
    size_t room = out->cap - start;
    size_t got, len = 0;
    int rc;

    rc = iso_read_binary(r, offset, room < chunk ? room : chunk, chunk, out);
    if (rc < 0)
        return rc;
    got = out->len - start;
    if ((rc = der_len(bytes_from(out->data + start, got), &len)) < 0)
        return rc;
    if (len > room)
        return card_fail(CARD_E_BUFFER, "object of %zu bytes, room for %zu",
                         len, room);
    if (len > got) {
        rc = iso_read_binary(r, offset + got, len - got, chunk, out);
        if (rc < 0)
            return rc;
    }
    if (out->len - start < len)
        return card_fail(CARD_E_PROTOCOL,
                         "file ends after %zu of the object's %zu bytes",
                         out->len - start, len);
    out->len = start + len;
    return 0;
}

int iso_get_data(struct reader *r, uint16_t file, struct bytes header,
                 struct buf *out)
{
    struct apdu cmd = {.ins = INS_GET_DATA_ODD, .p1 = (uint8_t)(file >> 8),
                       .p2 = (uint8_t)file, .data = header,
                       .le = APDU_LE_MAX};

    return command(r, &cmd, out, "get data");
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
    rc = apdu_sw_error(sw, "verify the PIN");
    if ((sw & 0xFFF0) == SW_COUNTER)
        *tries_left = sw & 0x0F;
    if (rc == CARD_E_PIN_LOCKED)
        *tries_left = 0;
    /* 6982 here does not mean that a PIN is missing */
    if (rc < 0 && rc != CARD_E_PIN_LOCKED && rc != CARD_E_PIN_WRONG)
        rc = CARD_E_STATUS;
    return rc;
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

int iso_mse_set(struct reader *r, uint8_t p1, uint8_t crt, struct bytes body)
{
    struct apdu cmd = {.ins = INS_MSE, .p1 = p1, .p2 = crt, .data = body};

    return command(r, &cmd, NULL, "set the security environment");
}

int iso_internal_authenticate(struct reader *r, struct bytes challenge,
                              size_t le, struct buf *out)
{
    struct apdu cmd = {.ins = INS_INTERNAL_AUTHENTICATE, .data = challenge,
                       .le = le};

    return command(r, &cmd, out, "internal authenticate");
}

int iso_pso_sign(struct reader *r, struct bytes input, size_t le,
                 struct buf *sig)
{
    struct apdu cmd = {.ins = INS_PSO, .p1 = 0x9E, .p2 = 0x9A, .data = input,
                       .le = le};

    return command(r, &cmd, sig, "compute digital signature");
}

int iso_pso_hash(struct reader *r, struct bytes tlvs)
{
    struct apdu cmd = {.ins = INS_PSO, .p1 = 0x90, .p2 = 0xA0, .data = tlvs};

    return command(r, &cmd, NULL, "hash");
}

int iso_pso_decipher(struct reader *r, uint8_t indicator,
                     struct bytes cryptogram, size_t le, struct buf *plain)
{
    uint8_t raw[1 + CARD_MAX_SIGNATURE];
    struct buf data = BUF_ON(raw);
    struct apdu cmd = {.ins = INS_PSO, .p1 = 0x80, .p2 = 0x86, .le = le};
    int rc;

    if ((rc = buf_put_u8(&data, indicator)) < 0 ||
        (rc = buf_put(&data, cryptogram)) < 0)
        return rc;
    cmd.data = buf_view(&data);
    return command(r, &cmd, plain, "decipher");
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

    if (digits.len < 4 || digits.len > 12)
        return card_fail(CARD_E_PIN_FORMAT, "this PIN has 4 to 12 digits");
    if ((rc = buf_put_u8(out, (uint8_t)(0x20 | digits.len))) < 0 ||
        (rc = put_bcd(out, digits)) < 0)
        return rc;
    return fill(out, 8, 0xFF);
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
