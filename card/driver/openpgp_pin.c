/*
 * PW1 of OpenPGP cards: one PIN, one count of tries, two references.
 */
#include "card/driver/openpgp_int.h"

#include <stdio.h>
#include <string.h>

#include "card/wire/iso7816.h"

enum { PW1_MIN_LEN = 6 }; /* characters (specification 4.2) */

/*
 * A PIN sent as it is where its hash is wanted costs a try: only 6A88 and an
 * object that says so are no KDF.
 */
static int read_kdf(struct token *t)
{
    const struct apdu cmd = {.ins = INS_GET_DATA, .p2 = OPENPGP_DO_KDF,
                             .le = APDU_LE_MAX};
    struct openpgp *op = t->priv;
    uint8_t space[APDU_LE_MAX];
    struct buf answer = BUF_ON(space);
    uint16_t sw;
    int rc;

    if (!op->data.kdf)
        return 0;
    if ((rc = openpgp_need_application(t)) < 0 ||
        (rc = apdu_exchange(t->reader, &cmd, &answer, &sw)) < 0 ||
        (sw != SW_REF_NOT_FOUND &&
         (rc = apdu_sw_error(sw, "ask how the PIN is derived")) < 0))
        return rc;
    op->kdf_unknown = openpgp_parse_kdf(buf_view(&answer), &op->kdf) < 0;
    if (op->kdf.hash != CARD_HASH_NONE && op->crypto == NULL)
        return crypto_new(&op->crypto);
    return 0;
}

/*
 * One PIN with two references: the card counts its tries together, and tells
 * how many are left but not of how many.
 */
static void describe_pin(const struct openpgp *op, uint8_t ref,
                         struct card_pin_info *pin)
{
    const struct openpgp_pw_status *pw = &op->data.pw;

    memset(pin, 0, sizeof(*pin));
    snprintf(pin->label, sizeof(pin->label), "User PIN");
    openpgp_set_id(&pin->auth_id, ref);
    pin->ref = ref;
    pin->type = pw->pin_block ? CARD_PIN_ISO9564_1 : CARD_PIN_UTF8;
    pin->min_len = PW1_MIN_LEN;
    if (!pw->pin_block)
        pin->max_len = pw->max_len;
    if (pin->max_len <= CARD_MAX_PIN)
        pin->stored_len = pin->max_len; /* that many bytes, too */
    pin->tries_left = pin->tries_max = CARD_TRIES_UNKNOWN;
    pin->derived = op->kdf_unknown || op->kdf.hash != CARD_HASH_NONE;
}

int openpgp_list_pins(struct token *t)
{
    const struct openpgp *op = t->priv;
    int rc = read_kdf(t);

    if (rc < 0)
        return rc;
    describe_pin(op, OPENPGP_PW1_SIGN, &t->pins[0]);
    describe_pin(op, OPENPGP_PW1, &t->pins[1]);
    t->pin_count = 2;
    return 0;
}

static int read_pw_status(struct token *t)
{
    struct openpgp *op = t->priv;
    uint8_t space[APDU_LE_MAX];
    struct buf answer = BUF_ON(space);
    int rc = openpgp_get(t, OPENPGP_DO_PW_STATUS, &answer);

    if (rc == 0 &&
        !openpgp_parse_pw_status(buf_view(&answer), &op->data.pw))
        rc = card_fail(CARD_E_PROTOCOL, "the PIN status is malformed");
    return rc;
}

/*
 * DO 6E holds the AID with the serial number and the PIN status as well: one
 * command where SELECT and the status would be two. It is a guess that the
 * application is still selected, and not made again once it was wrong.
 */
static int find_current(struct token *t)
{
    struct openpgp *op = t->priv;
    struct openpgp_data now;
    int rc = openpgp_read_data(t, &now);

    if (openpgp_refused(rc) || rc == CARD_E_PROTOCOL)
        return 0;
    if (rc < 0 ||
        !bytes_equal(BYTES_OF(now.aid), BYTES_OF(op->data.aid)))
        return rc;
    op->data.pw = now.pw;
    op->occurrence = OPENPGP_OCCURRENCE_UNKNOWN;
    t->selected = true;
    return 0;
}

static int fresh_pw_status(struct token *t)
{
    struct openpgp *op = t->priv;
    int rc;

    if (!t->selected && !op->was_moved) {
        rc = find_current(t);
        op->was_moved = !t->selected;
        if (rc < 0 || t->selected)
            return rc;
    }
    if ((rc = openpgp_need_application(t)) < 0)
        return rc;
    return read_pw_status(t);
}

int openpgp_pin_status(struct token *t, struct card_pin_info *pin)
{
    const struct openpgp *op = t->priv;
    int rc;

    pin->verified = false;
    pin->tries_left = CARD_TRIES_UNKNOWN;
    if ((rc = fresh_pw_status(t)) == 0)
        pin->tries_left = op->data.pw.tries;
    return rc;
}

/*
 * What was rejected as 81 is not tried as 82: the PIN presented last, if it was
 * not accepted and the card counts fewer tries than before it.
 */
static bool was_rejected(const struct openpgp *op,
                         const struct card_pin_info *pin, struct bytes value)
{
    return op->presented != NULL && !pin->keypad &&
           pin->tries_left < op->tries_before &&
           bytes_equal_secret(secret_view(op->presented), value);
}

static void remember(struct openpgp *op, const struct card_pin_info *pin,
                     struct bytes value)
{
    secret_free(op->presented);
    op->presented = pin->keypad ? NULL : secret_new(value);
    op->tries_before = pin->tries_left;
}

static void forget(struct openpgp *op)
{
    secret_free(op->presented);
    op->presented = NULL;
}

static int present_derived(struct token *t, struct card_pin_info *pin,
                           struct bytes value)
{
    const struct openpgp *op = t->priv;
    uint8_t raw[CARD_MAX_PIN], space[CARD_MAX_HASH];
    struct buf checked = BUF_ON(raw), digest = BUF_ON(space);
    int rc;

    if (op->kdf_unknown)
        return card_fail(CARD_E_UNSUPPORTED, "the PIN was not presented: the "
                         "card wants it derived in an unknown way");
    if ((rc = iso_pin_block(pin, value, &checked)) == 0 &&
        (rc = openpgp_derive_pin(op->crypto, &op->kdf, value, &digest)) == 0)
        rc = iso_verify(t->reader, pin->ref, buf_view(&digest),
                        &pin->tries_left);
    buf_wipe(&checked);
    buf_wipe(&digest);
    return rc;
}

/*
 * These cards answer 6982 to a wrong PIN, as to much else: how many tries are
 * left tells whether it was looked at.
 */
static int judge_refusal(struct token *t, struct card_pin_info *pin)
{
    const struct openpgp *op = t->priv;
    int rc = openpgp_pin_status(t, pin);

    if (rc == 0 && pin->tries_left == 0)
        rc = card_fail(CARD_E_PIN_LOCKED, "wrong PIN, now locked");
    else if (rc == 0 && pin->tries_left < op->tries_before)
        rc = card_fail(CARD_E_PIN_WRONG, "wrong PIN, tries left: %d",
                       pin->tries_left);
    else if (rc == 0)
        rc = card_fail(CARD_E_STATUS, "the card refused to look at the PIN");
    return rc;
}

int openpgp_verify(struct token *t, struct card_pin_info *pin,
                   struct bytes value)
{
    struct openpgp *op = t->priv;
    int rc;

    if (was_rejected(op, pin, value))
        return card_fail(CARD_E_PIN_REFUSED, "the PIN was not presented: the "
                         "card has rejected it before");
    if ((rc = openpgp_need_application(t)) < 0)
        return rc;
    remember(op, pin, value);
    rc = pin->derived ? present_derived(t, pin, value)
                      : iso_present_pin(t->reader, pin, value);
    if (rc == 0)
        forget(op);
    return rc == CARD_E_STATUS ? judge_refusal(t, pin) : rc;
}
