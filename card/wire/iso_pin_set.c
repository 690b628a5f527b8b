/*
 * Setting PINs: CHANGE REFERENCE DATA and RESET RETRY COUNTER of ISO 7816-4.
 */
#include "card/wire/iso_pin_set.h"

#include "card/error.h"
#include "card/object.h"
#include "card/wire/apdu.h"

enum {
    P1_BOTH = 0x00,    /* what proves the right, then the new PIN */
    P1_NEW_ONLY = 0x01, /* of CHANGE */
    P1_RESET_NEW = 0x02 /* of RESET RETRY COUNTER */
};

/* One value, or what proves the right before it. */
static int send(struct reader *r, const struct apdu *header,
                struct card_pin_info *counted, const char *doing,
                const struct card_pin_info *first_info, struct bytes first,
                struct card_pin_info *pin, struct bytes new)
{
    uint8_t raw[2 * CARD_MAX_PIN];
    struct buf block = BUF_ON(raw);
    struct apdu cmd = *header;
    int rc = 0;

    if (first_info != NULL)
        rc = iso_pin_block(first_info, first, &block);
    if (rc == 0 && (rc = iso_pin_block(pin, new, &block)) == 0) {
        cmd.data = buf_view(&block);
        pin->setting = true;
        rc = iso_send_pin(r, &cmd, counted, doing);
    }
    buf_wipe(&block);
    return rc;
}

int iso_change_pin(struct reader *r, struct card_pin_info *pin,
                   struct bytes old, struct bytes new)
{
    const struct apdu header = {.ins = INS_CHANGE_REFERENCE_DATA,
                                .p1 = P1_BOTH, .p2 = pin->ref};

    if (pin->keypad)
        return iso_enter_pin(r, pin, true, "change the PIN");
    return send(r, &header, pin, "change the PIN", pin, old, pin, new);
}

int iso_set_pin(struct reader *r, struct card_pin_info *pin, struct bytes new)
{
    const struct apdu header = {.ins = INS_CHANGE_REFERENCE_DATA,
                                .p1 = P1_NEW_ONLY, .p2 = pin->ref};

    return send(r, &header, pin, "set the new PIN", NULL, new, pin, new);
}

int iso_unblock_pin(struct reader *r, struct card_pin_info *pin,
                    struct card_pin_info *puk, struct bytes puk_value,
                    struct bytes new)
{
    const struct apdu header = {.ins = INS_RESET_RETRY_COUNTER,
                                .p1 = P1_BOTH, .p2 = pin->ref};

    return send(r, &header, puk, "unblock the PIN", puk, puk_value, pin, new);
}

int iso_reset_pin(struct reader *r, struct card_pin_info *pin,
                  struct bytes new)
{
    const struct apdu header = {.ins = INS_RESET_RETRY_COUNTER,
                                .p1 = P1_RESET_NEW, .p2 = pin->ref};

    return send(r, &header, pin, "unblock the PIN", NULL, new, pin, new);
}
