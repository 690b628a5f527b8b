/*
 * CPS4 for their holders: what of a PIN needs proving is verified first, and
 * a new value goes out alone (fact sheet cps3, section 6).
 */
#include "card/driver/cps_admin.h"
#include "card/driver/driver_admin.h"
#include "card/driver/ias.h"
#include "card/wire/apdu.h"
#include "card/wire/iso_pin_set.h"

enum {
    RESET_ONLY = 0x03, /* P1 of RESET RETRY COUNTER: no data */
    TO_BE_RESET = 0x80 /* in P2, beside the PIN's reference */
};

/* Three tries at most is what is known of the PIN, not of the PUK. */
static int pin_status(struct token *t, struct card_pin_info *pin)
{
    int rc = driver_cps4.pin_status(t, pin);

    if (pin->unblocking)
        pin->tries_max = CARD_TRIES_UNKNOWN;
    return rc;
}

static int change(struct token *t, struct card_pin_info *pin, struct bytes old,
                  struct bytes new)
{
    int rc = driver_cps4.verify(t, pin, old);

    return rc < 0 ? rc : iso_set_pin(t->reader, pin, new);
}

static int reset_counter(struct token *t, const struct card_pin_info *pin)
{
    const struct apdu cmd = {.ins = INS_RESET_RETRY_COUNTER, .p1 = RESET_ONLY,
                             .p2 = pin->ref | TO_BE_RESET};
    uint16_t sw;
    int rc = apdu_exchange(t->reader, &cmd, NULL, &sw);

    return rc < 0 ? rc : apdu_sw_error(sw, "unblock the PIN");
}

static int unblock(struct token *t, struct card_pin_info *pin,
                   struct card_pin_info *puk, struct bytes puk_value,
                   struct bytes new)
{
    int rc;

    if ((rc = driver_cps4.verify(t, puk, puk_value)) < 0 ||
        (rc = reset_counter(t, pin)) < 0)
        return rc;
    return iso_set_pin(t->reader, pin, new);
}

static int describe(struct token *t, card_field_fn *put, void *arg)
{
    return cps_describe(t, "CPS4", cps4_application, put, arg);
}

const struct driver_admin admin_cps4 = {
    .driver = &driver_cps4,
    .pin_status = pin_status,
    .describe = describe,
    .describe_private = cps_describe_private,
    .change = change,
    .unblock = unblock,
};
