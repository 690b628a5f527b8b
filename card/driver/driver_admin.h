/*
 * What a driver knows beyond using keys: what its cards say of themselves, and
 * how their PINs are changed and unblocked. Linked by the tool only, found by
 * the driver's name, so that plugins carry nothing that changes a card.
 *
 * To add a family: one file FAMILY_admin.c and one row in table_admin.c.
 */
#ifndef CARD_DRIVER_DRIVER_ADMIN_H
#define CARD_DRIVER_DRIVER_ADMIN_H

#include "card/driver/driver.h"

/*
 * Every function runs inside a reader transaction, after the driver's probe and
 * list, and brings the card where it needs it. NULL: a family has no such
 * thing.
 */
struct driver_admin {
    const struct driver *driver;
    /* Whether the row is for this card of the driver's; NULL: it is for all. */
    bool (*is_for)(const struct token *t);
    /* A card that was unblocked serves again only after power off. */
    bool reinsert;
    /*
     * Append PUKs and other PINs that `list` leaves out, since no key needs
     * them, to t->pins; `unblocking` is set in what unblocks. Called once.
     */
    int (*add_pins)(struct token *t);
    /*
     * pin_status for what add_pins added, and for PUKs; NULL: the driver's own.
     */
    int (*pin_status)(struct token *t, struct card_pin_info *pin);
    int (*describe)(struct token *t, card_field_fn *put, void *arg);
    /* After VERIFY, in the same transaction. */
    int (*describe_private)(struct token *t, card_field_fn *put, void *arg);
    /*
     * Go to where a PIN is changed and unblocked, before iso_change_pin and
     * iso_unblock_pin. NULL: the driver's select.
     */
    int (*enter)(struct token *t, const struct card_pin_info *pin);
    /*
     * Values were checked against the records. Commands that present or set a
     * PIN are sent by iso_present_pin and iso_pin_set.h, which note that they
     * were; all that only selects or reads comes before the first of them.
     * tries_left of what was presented is kept up to date. NULL: enter, then
     * iso_change_pin, iso_unblock_pin.
     */
    int (*change)(struct token *t, struct card_pin_info *pin,
                  struct bytes old, struct bytes new);
    int (*unblock)(struct token *t, struct card_pin_info *pin,
                   struct card_pin_info *puk, struct bytes puk_value,
                   struct bytes new);
};

/* The row for a card; NULL: none. */
const struct driver_admin *driver_admin_of(const struct token *t);

extern const struct driver_admin admin_cps3;
extern const struct driver_admin admin_cps4;
extern const struct driver_admin admin_gemsafe;
extern const struct driver_admin admin_ias;
extern const struct driver_admin admin_iso15;
extern const struct driver_admin admin_openpgp;
extern const struct driver_admin admin_piv;

#endif
