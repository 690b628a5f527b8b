/*
 * PIV cards for their holders: the PUK (SP 800-73-4 part 2, 3.2), what the
 * CHUID and the application's own template say, Yubico's version and number.
 */
#include "card/driver/piv.h"

#include <stdio.h>

#include "card/driver/driver_admin.h"
#include "card/driver/fields.h"
#include "card/wire/iso_pin_set.h"
#include "card/wire/tlv.h"

enum { DATE_LEN = 8, VERSION_LEN = 3 };

/* ---- PINs ---------------------------------------------------------------- */

static int add_pins(struct token *t)
{
    t->pins[t->pin_count++] = (struct card_pin_info){
        .label = "PUK",
        .auth_id = {{PIV_PUK}, 1},
        .type = CARD_PIN_UTF8,
        .min_len = 6,
        .max_len = 8,
        .stored_len = 8,
        .ref = PIV_PUK,
        .pad_char = 0xFF,
        .needs_padding = true,
        .unblocking = true,
        .tries_left = CARD_TRIES_UNKNOWN,
        .tries_max = CARD_TRIES_UNKNOWN,
    };
    return 0;
}

/*
 * Of the PUK the standard has no query: an empty VERIFY is for PINs. Yubico's
 * metadata tell, and other makers' cards have taken them over.
 */
static int pin_status(struct token *t, struct card_pin_info *pin)
{
    int rc;

    if (!pin->unblocking)
        return driver_piv.pin_status(t, pin);
    pin->tries_left = CARD_TRIES_UNKNOWN;
    if (piv_refused(rc = piv_read_tries(t, pin))) {
        pin->tries_left = CARD_TRIES_UNKNOWN;
        rc = 0;
    }
    return rc;
}

static int unblock(struct token *t, struct card_pin_info *pin,
                   struct card_pin_info *puk, struct bytes puk_value,
                   struct bytes new)
{
    int rc;

    if (pin->ref != PIV_PIN)
        return card_fail(CARD_E_UNSUPPORTED, "the PUK unblocks the PIV PIN, "
                         "and this card uses its \"%s\" instead, which "
                         "whoever issued the card can unblock", pin->label);
    if ((rc = piv_select(t)) < 0)
        return rc;
    return iso_unblock_pin(t->reader, pin, puk, puk_value, new);
}

/* ---- what the card says -------------------------------------------------- */

/* The template that SELECT answers with (part 2, table 3). */
static int describe_application(struct token *t, struct fields *f)
{
    static const uint32_t name[] = {0x61, 0x4F, 0};
    static const uint32_t authority[] = {0x61, 0x79, 0x4F, 0};
    static const uint32_t label[] = {0x61, 0x50, 0};
    const struct apdu cmd = {.ins = INS_SELECT, .p1 = 0x04,
                             .data = bytes_from(piv_aid, sizeof(piv_aid)),
                             .le = APDU_LE_MAX};
    uint8_t space[APDU_LE_MAX + 2];
    struct buf answer = BUF_ON(space);
    struct tlv tlv;
    uint16_t sw;
    int rc;

    t->selected = false;
    if ((rc = apdu_exchange(t->reader, &cmd, &answer, &sw)) < 0 ||
        (rc = apdu_sw_error(sw, "select the PIV application")) < 0)
        return rc;
    t->selected = true;
    if (tlv_find_path(buf_view(&answer), name, &tlv))
        fields_hex(f, "application", tlv.value, "APT 4F", false);
    if (tlv_find_path(buf_view(&answer), authority, &tlv))
        fields_hex(f, "application-authority", tlv.value, "APT 79", false);
    if (tlv_find_path(buf_view(&answer), label, &tlv))
        fields_text(f, "application-label", tlv.value, "APT 50", false);
    return 0;
}

/* YYYYMMDD, for people YYYY-MM-DD; anything else as it is. */
static void put_date(struct fields *f, const char *name, struct bytes date,
                     const char *source)
{
    uint8_t space[DATE_LEN + 2];
    struct buf text = BUF_ON(space);
    bool digits = date.len == DATE_LEN;

    for (size_t i = 0; digits && i < date.len; i++) {
        digits = date.data[i] >= '0' && date.data[i] <= '9';
        if (i == 4 || i == 6)
            buf_put_u8(&text, '-');
        buf_put_u8(&text, date.data[i]);
    }
    fields_text(f, name, digits ? buf_view(&text) : date, source, false);
}

/* All but the signature at its end, which the first answer may cut. */
static int describe_chuid(struct token *t, struct fields *f)
{
    uint8_t space[APDU_LE_MAX];
    struct buf chuid = BUF_ON(space);
    struct bytes content;
    struct tlv tlv;
    int rc = piv_get_object(t, OBJECT_CHUID, true, &chuid);

    if (rc < 0)
        return piv_refused(rc) ? 0 : rc;
    if (!piv_open_object(buf_view(&chuid), &content))
        return 0;
    if (tlv_find(content, 0x34, &tlv))
        fields_hex(f, "guid", tlv.value, "CHUID 34", false);
    if (tlv_find(content, 0x30, &tlv))
        fields_hex(f, "fasc-n", tlv.value, "CHUID 30", true);
    if (tlv_find(content, 0x35, &tlv))
        put_date(f, "expiration", tlv.value, "CHUID 35");
    return 0;
}

/* One of Yubico's commands; an empty answer where the card does not know it. */
static int ask(struct token *t, uint8_t ins, struct buf *answer)
{
    const struct apdu cmd = {.ins = ins, .le = APDU_LE_MAX};
    uint16_t sw;
    int rc = t->selected ? 0 : piv_select(t);

    if (rc < 0 || (rc = apdu_exchange(t->reader, &cmd, answer, &sw)) < 0)
        return rc;
    if (sw != SW_OK)
        answer->len = 0;
    return 0;
}

static int describe_maker(struct token *t, struct fields *f)
{
    uint8_t version_space[APDU_LE_MAX], number_space[APDU_LE_MAX];
    struct buf version = BUF_ON(version_space), number = BUF_ON(number_space);
    char text[16];
    uint32_t n;
    int rc = ask(t, INS_GET_VERSION, &version);

    if (rc < 0 || version.len != VERSION_LEN)
        return rc;
    snprintf(text, sizeof(text), "%u.%u.%u", version_space[0],
             version_space[1], version_space[2]);
    fields_text(f, "version", bytes_of_string(text), "GET VERSION", false);
    if ((rc = ask(t, INS_GET_SERIAL, &number)) == 0 && number.len == 4 &&
        tlv_unsigned(buf_view(&number), &n))
        fields_number(f, "serial-number", n, "GET SERIAL NUMBER");
    return rc;
}

static int describe(struct token *t, card_field_fn *put, void *arg)
{
    struct fields f = {put, arg, 0};
    int rc;

    if ((rc = describe_application(t, &f)) < 0 ||
        (rc = describe_maker(t, &f)) < 0 ||
        (rc = describe_chuid(t, &f)) < 0)
        return rc;
    return f.rc;
}

const struct driver_admin admin_piv = {
    .driver = &driver_piv,
    .add_pins = add_pins,
    .pin_status = pin_status,
    .describe = describe,
    .unblock = unblock,
};
