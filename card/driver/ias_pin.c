/*
 * PINs of IAS ECC cards: their data objects, where a card has them, and VERIFY.
 */
#include "card/driver/ias.h"

#include "card/wire/apdu.h"
#include "card/wire/iso7816.h"
#include "card/wire/tlv.h"

enum {
    PIN_LOCAL = 0x80, /* of a reference: the DF's own */
    PIN_NUMBER = 0x1F
};

/* DOCP of a PIN object: 9A maximum, 9B remaining, 9D usages left. */
static int parse_docp(struct bytes answer, uint8_t ref,
                      struct card_pin_info *pin)
{
    const uint32_t path[] = {0x70, 0xBF8100U | ref, 0xA0, 0};
    struct tlv docp, max, left, usage;
    uint32_t max_value, left_value, usage_value;

    if (!tlv_find_path(answer, path, &docp) ||
        !tlv_find(docp.value, 0x9A, &max) ||
        !tlv_find(docp.value, 0x9B, &left) ||
        !tlv_unsigned(max.value, &max_value) ||
        !tlv_unsigned(left.value, &left_value) ||
        max_value > 15 || left_value > max_value)
        return card_fail(CARD_E_PROTOCOL, "PIN object %u is malformed", ref);
    if (tlv_find(docp.value, 0x9D, &usage) &&
        tlv_unsigned(usage.value, &usage_value) && usage_value == 0)
        left_value = 0; /* used up: blocked, whatever the tries say */
    pin->tries_max = (int)max_value;
    pin->tries_left = (int)left_value;
    return 0;
}

static int get_docp(struct token *t, struct card_pin_info *pin)
{
    const uint8_t ref = pin->ref & PIN_NUMBER;
    const uint8_t header[] = {0x4D, 0x08, 0x70, 0x06, 0xBF,
                              0x81, ref,  0x02, 0xA0, 0x80};
    uint8_t space[APDU_LE_MAX];
    struct buf answer = BUF_ON(space);
    int rc;

    rc = iso_get_data(t->reader, 0x3FFF, BYTES_OF(header), &answer);
    return rc < 0 ? rc : parse_docp(buf_view(&answer), ref, pin);
}

/*
 * The PIN's data object, which holds the maximum; VERIFY never tells that. It
 * answers in its own DF only, of a global PIN the MF. The request does not say
 * which DF is meant: whether the MF is still the current one may be guessed on
 * cards alone that have no other PIN of that number, and the guess costs no
 * more than a refusal.
 */
static int read_docp(struct token *t, struct card_pin_info *pin)
{
    const struct ias *ias = t->priv;
    int rc;

    if (ias->at_mf && (ias->card->quirks & IAS_CPS) != 0) {
        rc = get_docp(t, pin);
        if (!apdu_refused(rc))
            return rc;
    }
    rc = (pin->ref & PIN_LOCAL) != 0 ? ias_need_application(t)
                                     : ias_enter_mf(t);
    return rc < 0 ? rc : get_docp(t, pin);
}

/*
 * The object is asked once for the maximum; later an empty VERIFY tells what
 * is left at a third of the price, unless the PIN is verified, which hides it.
 */
int ias_pin_status(struct token *t, struct card_pin_info *pin)
{
    struct ias *ias = t->priv;
    int rc;

    pin->verified = false;
    if (!ias->no_sdo && pin->tries_max == CARD_TRIES_UNKNOWN) {
        rc = read_docp(t, pin);
        if (!apdu_refused(rc))
            return rc;
        ias->no_sdo = true;
    }
    if ((rc = ias_need_application(t)) < 0)
        return rc;
    rc = iso_verify_query(t->reader, pin->ref, &pin->verified,
                          &pin->tries_left);
    if (rc == 0 && pin->verified && !ias->no_sdo)
        rc = read_docp(t, pin);
    if (rc != CARD_E_UNSUPPORTED)
        return rc;
    pin->tries_left = CARD_TRIES_UNKNOWN;
    return 0;
}

int ias_verify(struct token *t, struct card_pin_info *pin,
               struct bytes value)
{
    int rc = ias_need_application(t);

    return rc < 0 ? rc : iso_present_pin(t->reader, pin, value);
}
