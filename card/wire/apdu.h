/*
 * One command out, one whole answer back: the four cases, T=0 and T=1, 61xx,
 * 6Cxx, command chaining, extended length (ISO 7816-3 12, 7816-4 5).
 */
#ifndef CARD_WIRE_APDU_H
#define CARD_WIRE_APDU_H

#include "card/base/bytes.h"
#include "card/reader/reader.h"

enum {
    INS_VERIFY = 0x20,
    INS_MSE = 0x22,
    INS_CHANGE_REFERENCE_DATA = 0x24,
    INS_PSO = 0x2A,
    INS_RESET_RETRY_COUNTER = 0x2C,
    INS_EXTERNAL_AUTHENTICATE = 0x82,
    INS_GENERAL_AUTHENTICATE = 0x86,
    INS_GENERAL_AUTHENTICATE_ODD = 0x87, /* ODD: the data is BER-TLV */
    INS_INTERNAL_AUTHENTICATE = 0x88,
    INS_SELECT = 0xA4,
    INS_READ_BINARY = 0xB0,
    INS_READ_RECORD = 0xB2,
    INS_GET_RESPONSE = 0xC0,
    INS_GET_DATA = 0xCA,
    INS_GET_DATA_ODD = 0xCB
};

enum {
    SW_OK = 0x9000,
    SW_END_OF_FILE = 0x6282,
    SW_SECURITY_STATUS = 0x6982,
    SW_AUTH_BLOCKED = 0x6983,
    SW_REF_DATA_UNUSABLE = 0x6984,
    SW_CONDITIONS = 0x6985,
    SW_FILE_NOT_FOUND = 0x6A82,
    SW_WRONG_P1P2 = 0x6A86,
    SW_REF_NOT_FOUND = 0x6A88,
    SW_WRONG_OFFSET = 0x6B00,
    SW_CLA_UNSUPPORTED = 0x6E00
};

enum {
    APDU_LE_MAX = 256,      /* short Le 00 */
    APDU_BUDGET = 512,      /* exchanges one operation may take */
    APDU_MAX_ANSWER = 65536 /* bytes collected over 61xx */
};

/*
 *   data  command data; over 255 bytes it is chained or sent extended, as the
 *         card announced and the reader carries, else CARD_E_UNSUPPORTED before
 *         anything is sent
 *   le    bytes of answer wanted; 0: none wanted, whatever comes is dropped
 *         and a 61xx is not followed (it counts as 9000)
 *   first_part  what comes with the first answer is enough: the rest that a
 *         61xx promises is not fetched (and counts as 9000)
 */
struct apdu {
    uint8_t cla, ins, p1, p2;
    struct bytes data;
    size_t le;
    bool first_part;
};

/*
 * Send and collect. The answer's data is appended to rsp (may be NULL when le
 * is 0), the final status word goes to *sw and is not an error by itself.
 * At most one resend on 6Cxx, then with exactly that Le, and only of commands
 * that carried an Le: none with a PIN goes out twice. A chain whose
 * intermediate answer is not 9000 ends there with that status word.
 * Fails: the reader's errors, CARD_E_PROTOCOL (shorter than 2 bytes, endless
 * 61xx), CARD_E_BUFFER (answer over rsp's capacity), CARD_E_LIMIT (budget).
 */
int apdu_exchange(struct reader *r, const struct apdu *cmd, struct buf *rsp,
                  uint16_t *sw);

/*
 * 0 for 9000, else the enum card_error a status word stands for, with the
 * sentence "<doing>: card answered 6A82 (file not found)". 63Cx gives
 * CARD_E_PIN_WRONG (x == 0: CARD_E_PIN_LOCKED).
 */
int apdu_sw_error(uint16_t sw, const char *doing);
/* The card understood and said no, for another reason than the PIN. */
bool apdu_refused(int rc);

#endif
