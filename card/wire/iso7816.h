/*
 * ISO 7816-4 and -8 commands as plain functions. Each is one command APDU; the
 * status word becomes an error unless the comment says otherwise.
 */
#ifndef CARD_WIRE_ISO7816_H
#define CARD_WIRE_ISO7816_H

#include "card/base/bytes.h"
#include "card/base/sha.h"
#include "card/reader/reader.h"

enum {
    SELECT_FID = 0x02,       /* EF under the current DF */
    SELECT_PARENT = 0x03,
    SELECT_NAME = 0x04,      /* DF name: AID */
    SELECT_PATH_MF = 0x08,   /* 3F00 excluded */
    SELECT_PATH = 0x09,      /* from the current DF; IAS ECC: 3F00 included */
    SELECT_FCP = 0x04,       /* P2: answer with the FCP */
    SELECT_NO_ANSWER = 0x0C, /* P2: no answer */
    MSE_SET_COMPUTE = 0x41,  /* compute, decipher, internal authentication */
    CRT_AT = 0xA4,
    CRT_HT = 0xAA,
    CRT_DST = 0xB6,
    CRT_CT = 0xB8
};

/* Card capabilities, third byte (ISO 7816-4 12.1.1.9; of 2005: 8.1.1.2.7). */
enum { ISO_CHAINING = 0x80, ISO_EXTENDED = 0x40 };

/*
 * That byte of what stands behind the category indicator of historical bytes:
 * compact TLVs, 73 among them. 0: there is none.
 */
uint8_t iso_card_capabilities(struct bytes objects);

/*
 * SELECT. fcp NULL: an answer is neither fetched nor kept; else its bytes are
 * appended. 6283 (deactivated) and 6284 count as success.
 */
int iso_select(struct reader *r, uint8_t p1, uint8_t p2, struct bytes name,
               struct buf *fcp);

/*
 * Read the current EF from `offset` on, appended to `out`, at most `want`
 * bytes, `chunk` bytes a command (at most 256; IAS ECC cards: 231). The end of
 * the file (6282, 6B00, a short answer) is success with what there is, so is
 * nothing at all. Offsets past 32767: CARD_E_LIMIT.
 */
int iso_read_binary(struct reader *r, size_t offset, size_t want, size_t chunk,
                    struct buf *out);

/*
 * The whole content of the current EF up to CARD_MAX_FILE or out's capacity.
 */
int iso_read_file(struct reader *r, size_t chunk, struct buf *out);

/*
 * The current EF up to the end of the one DER object at its start, so padding
 * behind a certificate is never read. CARD_E_PROTOCOL when it is no DER.
 */
int iso_read_der(struct reader *r, size_t offset, size_t chunk,
                 struct buf *out);

/* GET DATA, odd INS CB, for `header` (5C or 4D); 6A88 is CARD_E_NOT_FOUND. */
int iso_get_data(struct reader *r, uint16_t file, struct bytes header,
                 struct buf *out);

/*
 * VERIFY with the padded PIN. CARD_E_PIN_WRONG (*tries_left from 63Cx, or
 * CARD_TRIES_UNKNOWN), CARD_E_PIN_LOCKED (6983, 63C0), CARD_E_STATUS. Nothing
 * is sent for an empty PIN: CARD_E_PIN_FORMAT.
 */
int iso_verify(struct reader *r, uint8_t ref, struct bytes pin,
               int *tries_left);

/*
 * VERIFY without data: the state of a PIN at no cost (7816-4 11.5.6).
 * *verified, *tries_left (CARD_TRIES_UNKNOWN while verified). A card that does
 * not know the query (6700, 6A86, 6D00...) gives CARD_E_UNSUPPORTED.
 */
int iso_verify_query(struct reader *r, uint8_t ref, bool *verified,
                     int *tries_left);

/* MANAGE SECURITY ENVIRONMENT: SET, `crt` in P2 and `body` as its TLVs. */
int iso_mse_set(struct reader *r, uint8_t p1, uint8_t crt, struct bytes body);

/* INTERNAL AUTHENTICATE, P1 P2 = 0 0, at most `le` bytes back. */
int iso_internal_authenticate(struct reader *r, struct bytes challenge,
                              size_t le, struct buf *out);

/* PERFORM SECURITY OPERATION: COMPUTE DIGITAL SIGNATURE, HASH, DECIPHER. */
int iso_pso_sign(struct reader *r, struct bytes input, size_t le,
                 struct buf *sig);
int iso_pso_hash(struct reader *r, struct bytes tlvs);
/* HASH of what is left: 90 { state, bits so far }, 80 { last block }. */
int iso_pso_hash_rest(struct reader *r, const struct sha_midstate *midstate);
/* Data is padding indicator || cryptogram, chained as needed. */
int iso_pso_decipher(struct reader *r, uint8_t indicator,
                     struct bytes cryptogram, size_t le, struct buf *plain);

/*
 * Pad a PIN as `info` says and append it: length and characters are checked
 * first (CARD_E_PIN_FORMAT, nothing appended).
 */
struct card_pin_info;
int iso_pin_block(const struct card_pin_info *info, struct bytes pin,
                  struct buf *out);

/*
 * Whether the reader's own keypad can enter a PIN as `info` describes it, or
 * the old and a new one (`modify`). May ask the reader, no APDU.
 */
bool iso_keypad_fits(struct reader *r, const struct card_pin_info *info,
                     bool modify);

/*
 * VERIFY with a PIN: `value`, padded; or with pin->keypad the one entered at
 * the reader, `value` being ignored. Updates pin->tries_left. Errors as
 * iso_verify's and iso_pin_block's (nothing sent); at the keypad also
 * CARD_E_CANCELLED, also when nobody enters it in time: no try is lost.
 */
int iso_present_pin(struct reader *r, struct card_pin_info *pin,
                    struct bytes value);

/*
 * What the two of these and iso_pin_set.h stand on.
 *
 * A command with a PIN's block in its data: pin->presented is set, tries_left
 * kept.
 * CARD_E_PIN_WRONG, CARD_E_PIN_LOCKED, CARD_E_STATUS: the card refused.
 * CARD_E_PROTOCOL: it failed (65xx, 6F00), and may have done it or not.
 */
struct apdu;
int iso_send_pin(struct reader *r, const struct apdu *cmd,
                 struct card_pin_info *pin, const char *doing);
/* The same, the values being entered at the reader's keypad; `modify`: 24. */
int iso_enter_pin(struct reader *r, struct card_pin_info *pin, bool modify,
                  const char *doing);

#endif
