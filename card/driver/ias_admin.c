/*
 * CPS3 and other IAS ECC cards for their holders. A card with PIN objects has
 * its PUK verified before the PIN is reset, as the profile says; one without
 * takes both at once (fact sheets ias-ecc, section 7; cps3, section 4).
 */
#include "card/driver/cps_admin.h"
#include "card/driver/driver_admin.h"
#include "card/driver/ias.h"
#include "card/driver/p15_admin.h"
#include "card/wire/iso_pin_set.h"

static bool is_cps(const struct token *t)
{
    const struct ias *ias = t->priv;

    return (ias->card->quirks & IAS_CPS) != 0;
}

/*
 * A PUK is used up after a number of uses, which its object alone tells: that
 * is asked anew each time, and with it which way of unblocking the card has,
 * even if another program's disturbance had made it refuse before.
 */
static int pin_status(struct token *t, struct card_pin_info *pin)
{
    struct ias *ias = t->priv;

    if (pin->unblocking) {
        pin->tries_max = CARD_TRIES_UNKNOWN;
        ias->no_sdo = false;
    }
    return ias_pin_status(t, pin);
}

static int unblock(struct token *t, struct card_pin_info *pin,
                   struct card_pin_info *puk, struct bytes puk_value,
                   struct bytes new)
{
    const struct ias *ias = t->priv;
    int rc = ias_need_application(t);

    if (rc < 0)
        return rc;
    if (ias->no_sdo)
        return iso_unblock_pin(t->reader, pin, puk, puk_value, new);
    rc = iso_present_pin(t->reader, puk, puk_value);
    return rc < 0 ? rc : iso_reset_pin(t->reader, pin, new);
}

static struct bytes aid_of(const struct token *t)
{
    const struct ias *ias = t->priv;

    return bytes_from(ias->aid.data, ias->aid.len);
}

static int describe_cps(struct token *t, card_field_fn *put, void *arg)
{
    const struct ias *ias = t->priv;

    return cps_describe(t, ias->card->name, aid_of(t), put, arg);
}

static int describe(struct token *t, card_field_fn *put, void *arg)
{
    const struct ias *ias = t->priv;
    struct fields f = {.put = put, .arg = arg};
    int rc;

    fields_text(&f, "model", bytes_of_string(ias->card->name), "ATR", false);
    fields_text(&f, "serial", bytes_of_string(t->serial), "EF.SN (D003)",
                false);
    if ((rc = p15_describe_application(t, aid_of(t), bytes_from(NULL, 0),
                                       &f)) < 0 ||
        (rc = p15_describe_token(t, &f)) < 0)
        return rc;
    return f.rc;
}

const struct driver_admin admin_cps3 = {
    .driver = &driver_ias,
    .is_for = is_cps,
    .reinsert = true,
    .pin_status = pin_status,
    .describe = describe_cps,
    .describe_private = cps_describe_private,
    .unblock = unblock,
};

const struct driver_admin admin_ias = {
    .driver = &driver_ias,
    .pin_status = pin_status,
    .describe = describe,
    .unblock = unblock,
};
