/*
 * ISO 7816-4 commands that set PINs: of an administrator, so in no plugin.
 * Values are padded as the records say, and checked before anything is sent
 * (CARD_E_PIN_FORMAT). Errors and tries as iso_present_pin and iso_send_pin;
 * pin->setting tells that a new value went out.
 */
#ifndef CARD_WIRE_ISO_PIN_SET_H
#define CARD_WIRE_ISO_PIN_SET_H

#include "card/wire/iso7816.h"

/*
 * CHANGE REFERENCE DATA (7816-4 11.5.7), P1 00: from `old` to `new`; or with
 * pin->keypad both entered at the reader, the new one twice.
 */
int iso_change_pin(struct reader *r, struct card_pin_info *pin,
                   struct bytes old, struct bytes new);
/* P1 01: to `new`, the old one, or what may set it, being verified. */
int iso_set_pin(struct reader *r, struct card_pin_info *pin, struct bytes new);

/*
 * RESET RETRY COUNTER (7816-4 11.5.10), P1 00: unblock `pin` with its PUK, and
 * set it. The tries are the PUK's.
 */
int iso_unblock_pin(struct reader *r, struct card_pin_info *pin,
                    struct card_pin_info *puk, struct bytes puk_value,
                    struct bytes new);
/* P1 02: unblock and set it, the PUK being verified. */
int iso_reset_pin(struct reader *r, struct card_pin_info *pin,
                  struct bytes new);

#endif
