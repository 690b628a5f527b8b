/*
 * change_at_keypad READER: have a person change the PIN of the CPS3 in this
 * reader at its keypad. Prints the tries left and what came of it.
 */
#include <stdio.h>

#include "card/error.h"
#include "card/object.h"
#include "card/reader/reader.h"
#include "card/wire/apdu.h"
#include "card/wire/iso_pin_set.h"

static const uint8_t cps3[] = {0xE8, 0x28, 0xBD, 0x08, 0x0F, 0x80, 0x25,
                               0x00, 0x00, 0x01, 0xFF, 0x00, 0x10};

static int change(struct reader *r, struct card_pin_info *pin)
{
    const struct bytes nothing = {NULL, 0};
    int rc;

    rc = iso_select(r, SELECT_NAME, SELECT_NO_ANSWER, BYTES_OF(cps3), NULL);
    return rc < 0 ? rc : iso_change_pin(r, pin, nothing, nothing);
}

int main(int argc, char **argv)
{
    struct reader r = {.ops = &reader_pcsc, .budget = APDU_BUDGET};
    struct card_pin_info pin = {.type = CARD_PIN_ASCII_NUMERIC, .ref = 1,
                                .min_len = 4, .max_len = 8, .stored_len = 8,
                                .pad_char = 0xFF, .needs_padding = true,
                                .keypad = true};
    int rc;

    if (argc != 2)
        return 2;
    snprintf(r.name, sizeof(r.name), "%s", argv[1]);
    if ((rc = r.ops->connect(&r)) == 0 && (rc = r.ops->begin(&r)) == 0) {
        rc = change(&r, &pin);
        r.ops->end(&r, READER_LEAVE);
    }
    printf("%d %s\n", pin.tries_left,
           rc < 0 ? card_error_sentence() : "changed");
    r.ops->disconnect(&r);
    return rc < 0;
}
