/*
 * The user PIN of a token. Cryptoki tells no number of tries, only that some
 * were lost (CKF_USER_PIN_COUNT_LOW) or all but one: what it does not tell, a
 * mark of ours does (threat T8).
 */
#include "card/pkcs11/p11.h"

#include <stdio.h>
#include <string.h>

const struct card_id token_pin_id = {{0x01}, 1};

static unsigned clip(unsigned long len)
{
    return len > CARD_MAX_PIN ? 0 : (unsigned)len;
}

/* One PIN, for tokens that want a login. */
int p11_list(struct token *t, unsigned what)
{
    const struct p11_slot *slot = p11_slot_of(t);
    struct card_pin_info *pin = &t->pins[0];

    if ((what & TOKEN_PINS) == 0 || (t->listed & TOKEN_PINS) != 0)
        return 0;
    t->listed |= TOKEN_PINS;
    if ((slot->flags & CKF_LOGIN_REQUIRED) == 0)
        return 0;
    memset(pin, 0, sizeof(*pin));
    snprintf(pin->label, sizeof(pin->label), "PIN");
    pin->auth_id = token_pin_id;
    pin->type = CARD_PIN_UTF8;
    pin->min_len = clip(slot->min_pin);
    pin->max_len = clip(slot->max_pin);
    pin->tries_left = pin->tries_max = CARD_TRIES_UNKNOWN;
    pin->keypad = (slot->flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
    t->pin_count = 1;
    return 0;
}

static int tries_by(const struct p11_slot *slot, unsigned long flags)
{
    if ((flags & CKF_USER_PIN_LOCKED) != 0)
        return 0;
    if ((flags & CKF_USER_PIN_FINAL_TRY) != 0)
        return 1;
    if ((flags & CKF_USER_PIN_COUNT_LOW) != 0 || p11_mark_is_set(&slot->token))
        return CARD_TRIES_LOW;
    return CARD_TRIES_FULL;
}

/* The lock is held until the end of the transaction, so over the login. */
int p11_pin_status(struct token *t, struct card_pin_info *pin)
{
    struct p11_slot *slot = p11_slot_of(t);
    CK_TOKEN_INFO info;
    int rc;

    pin->verified = atomic_load(&slot->logged_in);
    if (pin->verified)
        return 0;
    if (slot->login_lock < 0 &&
        (rc = p11_mark_lock(&slot->token, &slot->login_lock)) < 0)
        return rc;
    if ((rc = p11_slot_info(slot, &info)) < 0)
        return rc;
    pin->tries_left = tries_by(slot, info.flags);
    return 0;
}

/* Whether the token itself shows that a try was lost. */
static bool shows_loss(struct p11_slot *slot)
{
    const CK_FLAGS any = CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY |
                         CKF_USER_PIN_LOCKED;
    CK_TOKEN_INFO info;

    return p11_slot_info(slot, &info) == 0 && (info.flags & any) != 0;
}

static int rejected(struct p11_slot *slot, CK_RV rv)
{
    if (!shows_loss(slot))
        p11_mark_set(&slot->token);
    return p11_error(rv, "C_Login");
}

static CK_RV login(struct p11_slot *slot, struct bytes value,
                   struct p11_session *session)
{
    CK_RV rv = session->f->C_Login(session->handle, CKU_USER,
                                   value.len > 0 ? p11_unconst(value.data)
                                                 : NULL,
                                   value.len);

    /* Another context of this process did it: the PIN was not looked at. */
    if (rv == CKR_USER_ALREADY_LOGGED_IN)
        rv = CKR_OK;
    if (rv == CKR_OK)
        atomic_store(&slot->logged_in, true);
    return rv;
}

int p11_verify(struct token *t, struct card_pin_info *pin,
               struct bytes value)
{
    struct p11_slot *slot = p11_slot_of(t);
    struct p11_session session;
    CK_RV rv;
    int rc;

    if (atomic_load(&slot->logged_in))
        return 0; /* the use at hand will see to the PIN: p11_consent */
    if (value.len == 0 && !pin->keypad)
        return card_fail(CARD_E_PIN_FORMAT, "an empty PIN");
    if ((rc = p11_session_take(slot, &session)) < 0)
        return rc;
    rv = login(slot, value, &session);
    p11_session_give(slot, &session, rv);
    if (rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LOCKED)
        return rejected(slot, rv);
    if (rv == CKR_OK)
        p11_mark_clear(&slot->token);
    return p11_error(rv, "C_Login");
}

CK_RV p11_consent(struct token *t, const struct p11_session *session)
{
    struct bytes pin = secret_view(t->consent);

    if (t->consent == NULL)
        return CKR_USER_NOT_LOGGED_IN;
    return session->f->C_Login(session->handle, CKU_CONTEXT_SPECIFIC,
                               pin.len > 0 ? p11_unconst(pin.data) : NULL,
                               pin.len);
}
