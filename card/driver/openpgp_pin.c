/*
 * PINs of OpenPGP cards: PW1, one PIN with one count of tries behind two
 * references; and what is alike for PW3 and the resetting code.
 */
#include "card/driver/openpgp_int.h"

#include <stdio.h>
#include <string.h>

#include "card/wire/apdu.h"
#include "card/wire/iso7816.h"

/* What is told of each: lengths in characters (specification 4.2). */
static const struct {
    const char *label;
    unsigned min_len;
} passwords[OPENPGP_PASSWORDS] = {
    [OPENPGP_USER] = {"User PIN", 6},
    [OPENPGP_CODE] = {"Resetting code", 8},
    [OPENPGP_ADMIN] = {"Admin PIN", 8},
};

static enum openpgp_password password_of(uint8_t ref)
{
    return ref == OPENPGP_PW3  ? OPENPGP_ADMIN
           : ref == OPENPGP_RC ? OPENPGP_CODE
                               : OPENPGP_USER;
}

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

/* The card tells how many tries are left, but not of how many. */
void openpgp_describe_pin(const struct openpgp *op, uint8_t ref,
                          struct card_pin_info *pin)
{
    enum openpgp_password which = password_of(ref);
    bool pin_block = op->data.pw.of[which].pin_block;

    memset(pin, 0, sizeof(*pin));
    snprintf(pin->label, sizeof(pin->label), "%s", passwords[which].label);
    openpgp_set_id(&pin->auth_id, ref);
    pin->ref = ref;
    pin->no_ref = ref == OPENPGP_RC;
    pin->type = pin_block ? CARD_PIN_ISO9564_1 : CARD_PIN_UTF8;
    pin->min_len = passwords[which].min_len;
    if (!pin_block)
        pin->max_len = op->data.pw.of[which].max_len;
    if (pin->max_len <= CARD_MAX_PIN)
        pin->stored_len = pin->max_len; /* that many bytes, too */
    pin->tries_left = pin->tries_max = CARD_TRIES_UNKNOWN;
    pin->derived = op->kdf_unknown || op->kdf.hash != CARD_HASH_NONE;
}

/* PW1: one PIN with two references, whose tries the card counts together. */
int openpgp_list_pins(struct token *t)
{
    const struct openpgp *op = t->priv;
    int rc = read_kdf(t);

    if (rc < 0)
        return rc;
    openpgp_describe_pin(op, OPENPGP_PW1_SIGN, &t->pins[0]);
    openpgp_describe_pin(op, OPENPGP_PW1, &t->pins[1]);
    t->pins[1].alias = true;
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
        pin->tries_left = op->data.pw.of[password_of(pin->ref)].tries;
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

void openpgp_forget_presented(struct openpgp *op)
{
    secret_free(op->presented);
    op->presented = NULL;
}

int openpgp_put_pin(const struct openpgp *op, const struct card_pin_info *pin,
                    struct bytes value, struct buf *out)
{
    uint8_t raw[CARD_MAX_PIN];
    struct buf checked = BUF_ON(raw);
    int rc;

    if (op->kdf_unknown)
        return card_fail(CARD_E_UNSUPPORTED, "the PIN was not presented: the "
                         "card wants it derived in an unknown way");
    if ((rc = iso_pin_block(pin, value, &checked)) == 0)
        rc = pin->derived
                 ? openpgp_derive_pin(op->crypto, &op->kdf,
                                      password_of(pin->ref), value, out)
                 : buf_put(out, buf_view(&checked));
    buf_wipe(&checked);
    return rc;
}

static int present_derived(struct token *t, struct card_pin_info *pin,
                           struct bytes value)
{
    uint8_t space[CARD_MAX_HASH];
    struct buf digest = BUF_ON(space);
    struct apdu cmd = {.ins = INS_VERIFY, .p2 = pin->ref};
    int rc;

    if ((rc = openpgp_put_pin(t->priv, pin, value, &digest)) == 0) {
        cmd.data = buf_view(&digest);
        rc = iso_send_pin(t->reader, &cmd, pin, "verify the PIN");
    }
    buf_wipe(&digest);
    return rc;
}

/* How many tries are left tells whether it was looked at. */
int openpgp_judge_refusal(struct token *t, struct card_pin_info *pin,
                          int before)
{
    int rc = openpgp_pin_status(t, pin);

    if (rc == 0 && pin->tries_left == 0)
        rc = card_fail(CARD_E_PIN_LOCKED, "wrong PIN, now locked");
    else if (rc == 0 && pin->tries_left < before)
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
    bool user = password_of(pin->ref) == OPENPGP_USER;
    int before = pin->tries_left, rc;

    if (user && was_rejected(op, pin, value))
        return card_fail(CARD_E_PIN_REFUSED, "the PIN was not presented: the "
                         "card has rejected it before");
    if ((rc = openpgp_need_application(t)) < 0)
        return rc;
    if (user)
        remember(op, pin, value);
    rc = pin->derived ? present_derived(t, pin, value)
                      : iso_present_pin(t->reader, pin, value);
    if (rc == 0 && user)
        openpgp_forget_presented(op);
    return rc == CARD_E_STATUS ? openpgp_judge_refusal(t, pin, before) : rc;
}
