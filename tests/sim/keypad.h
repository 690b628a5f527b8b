/*
 * What a reader with a keypad does: complete a command with the PIN that a
 * person enters, as PC/SC part 10 describes it. The reader's side, written
 * apart from card/reader/part10.c.
 */
#ifndef TESTS_SIM_KEYPAD_H
#define TESTS_SIM_KEYPAD_H

#include "card/base/bytes.h"

enum {
    KEYPAD_DONE = 0x9000, /* the command is complete */
    KEYPAD_TIMEOUT = 0x6400,
    KEYPAD_CANCELLED = 0x6401,
    KEYPAD_NEW_DIFFER = 0x6402,
    KEYPAD_LENGTH = 0x6403,
    KEYPAD_STRUCTURE = 0x6B80
};

/*
 *   structure  PIN_VERIFY_STRUCTURE, or with `modify` PIN_MODIFY_STRUCTURE
 *   typed      "1234"; to modify: old, new and new PIN "1234 5678 5678"; in
 *              place of any "cancel"; what is missing is a time-out
 *   apdu       what goes to the card is appended
 *
 * KEYPAD_DONE, or the status word the reader answers by itself.
 */
unsigned keypad_complete(bool modify, struct bytes structure,
                         const char *typed, struct buf *apdu);

#endif
