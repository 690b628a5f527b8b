/*
 * Cards with ISO 7816-15 directories for their holders, by the commands of ISO
 * 7816-4; of IsoApplet, by fact sheet iso7816-pkcs15, section 4.
 */
#include <string.h>

#include "card/driver/driver_admin.h"
#include "card/driver/iso15_use.h"
#include "card/driver/p15_admin.h"
#include "card/wire/apdu.h"

enum {
    APPLET_BLOCK = 16, /* bytes of a PIN, filled with 00, and of a PUK */
    APPLET_PUK = 0x02,
    APPLET_PUK_TRIES = 5
};

static bool is_applet(const struct token *t)
{
    const struct iso15 *iso = t->priv;

    return (iso->card->quirks & QUIRK_APPLET_INFO) != 0;
}

static int enter(struct token *t, const struct card_pin_info *pin)
{
    return iso15_go_to(t, &pin->path);
}

/* The applet pads what it verifies, but not what it changes. */
static void complete_applets_pin(struct card_pin_info *pin)
{
    pin->stored_len = APPLET_BLOCK;
    pin->needs_padding = true;
    pin->pad_char = 0x00;
}

static void complete_applets_puk(struct card_pin_info *puk)
{
    puk->min_len = puk->max_len = puk->stored_len = APPLET_BLOCK;
    puk->tries_max = APPLET_PUK_TRIES;
}

/* The maximum that is known is the PIN's. */
static int add_pins(struct token *t)
{
    struct card_pin_info *puk = NULL;

    if (is_applet(t) && (puk = p15_add_puk(t, "PUK")) != NULL) {
        puk->ref = APPLET_PUK;
        puk->type = CARD_PIN_UTF8;
    }
    for (size_t i = 0; i < t->pin_count; i++) {
        if (t->pins[i].unblocking)
            t->pins[i].tries_max = CARD_TRIES_UNKNOWN;
        if (is_applet(t) && t->pins[i].unblocking)
            complete_applets_puk(&t->pins[i]);
        else if (is_applet(t))
            complete_applets_pin(&t->pins[i]);
    }
    return 0;
}

/* Some PIN's protectedBy says that this unblocks it. */
static bool is_named(const struct token *t, const struct card_pin_info *puk)
{
    const struct card_id *id = &puk->auth_id;

    for (size_t i = 0; i < t->pin_count; i++)
        if (bytes_equal(bytes_from(id->data, id->len),
                        bytes_from(t->pins[i].protected_by.data,
                                   t->pins[i].protected_by.len)))
            return true;
    return false;
}

/*
 * Not every card tells of its PUK this way; then what the last wrong one was
 * answered holds. A security officer's PIN that no PIN names has a counter of
 * its own: MyEID's PUKs, which are no objects, have another.
 */
static int pin_status(struct token *t, struct card_pin_info *pin)
{
    int before = pin->tries_left, rc;

    if (pin->unblocking && !is_named(t, pin)) {
        pin->silent = true;
        return 0;
    }
    rc = driver_iso15.pin_status(t, pin);
    if (!pin->unblocking || (rc < 0 && !apdu_refused(rc)))
        return rc;
    pin->silent = pin->silent || rc < 0;
    if (pin->silent && before > 0)
        pin->tries_left = before;
    return 0;
}

/* Where the driver took the serial number from. */
static const char *serial_source(const struct token *t)
{
    const struct iso15 *iso = t->priv;

    if (strcmp(t->serial, iso->info.serial) == 0)
        return p15_info_source(t);
    return strcmp(t->serial, iso->info.last_update) == 0
               ? "TokenInfo lastUpdate" : "EF.GDO (2F02)";
}

static void put_model(const struct token *t, struct fields *f)
{
    const struct iso15 *iso = t->priv;

    if (iso->card != &iso15_any_card)
        fields_text(f, "model", bytes_of_string(iso->card->model),
                    iso->card->aid_len > 0 ? "SELECT" : "ATR", false);
}

static int describe(struct token *t, card_field_fn *put, void *arg)
{
    const struct iso15 *iso = t->priv;
    struct bytes aid = iso15_path(&iso->aid);
    struct fields f = {.put = put, .arg = arg};
    int rc;

    if (iso->card->aid_len > 0)
        aid = bytes_from(iso->card->aid, iso->card->aid_len);
    put_model(t, &f);
    fields_text(&f, "serial", bytes_of_string(t->serial), serial_source(t),
                false);
    p15_describe_info(t, &iso->info, &f);
    rc = p15_describe_application(t, aid, iso15_path(&iso->path), &f);
    return rc < 0 ? rc : f.rc;
}

const struct driver_admin admin_iso15 = {
    .driver = &driver_iso15,
    .add_pins = add_pins,
    .pin_status = pin_status,
    .describe = describe,
    .enter = enter,
};
