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

/* Another context of this process may have logged in: then no PIN is needed. */
static int look_for_login(struct p11_slot *slot)
{
    struct p11_session session;
    CK_SESSION_INFO info;
    CK_RV rv;
    int rc;

    memset(&info, 0, sizeof(info));
    if ((rc = p11_session_take(slot, &session)) < 0)
        return rc;
    rv = session.f->C_GetSessionInfo(session.handle, &info);
    if (rv == CKR_OK && p11_is_user(info.state))
        atomic_store(&slot->logged_in, true);
    p11_session_give(slot, &session, rv);
    return p11_error(rv, "C_GetSessionInfo");
}

/*
 * The lock is held until the end of the transaction: over the login, and over
 * the PIN for one use after it.
 */
int p11_pin_status(struct token *t, struct card_pin_info *pin)
{
    struct p11_slot *slot = p11_slot_of(t);
    CK_TOKEN_INFO info;
    int rc;

    if (!atomic_load(&slot->logged_in) && (rc = look_for_login(slot)) < 0)
        return rc;
    pin->verified = atomic_load(&slot->logged_in);
    if (slot->login_lock < 0 &&
        (rc = p11_mark_lock(&slot->token, &slot->login_lock)) < 0)
        return rc;
    if ((rc = p11_slot_info(slot, &info)) < 0)
        return rc;
    pin->keypad = (info.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
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

static CK_RV present(const struct p11_session *session, CK_USER_TYPE user,
                     struct bytes pin)
{
    return session->f->C_Login(session->handle, user,
                               pin.len > 0 ? p11_unconst(pin.data) : NULL,
                               pin.len);
}

/*
 * What a token says of a PIN is kept. One that is pulled meanwhile may have
 * looked at the PIN: that is no lost session, after which it is tried again.
 */
static int judge(struct p11_slot *slot, CK_RV rv)
{
    int rc;

    if (rv == CKR_OK)
        p11_mark_clear(&slot->token);
    else if ((rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LOCKED ||
              rv == CKR_PIN_INVALID || rv == CKR_PIN_LEN_RANGE) &&
             !shows_loss(slot))
        p11_mark_set(&slot->token);
    rc = p11_error(rv, "C_Login");
    return rc == CARD_E_REMOVED ? CARD_E_TOKEN : rc;
}

/* What cannot be right costs no try; a length of 0 is none. */
static int check_length(const struct card_pin_info *pin, struct bytes value)
{
    if (pin->keypad)
        return 0;
    if (value.len == 0)
        return card_fail(CARD_E_PIN_FORMAT, "an empty PIN");
    if (value.len < pin->min_len ||
        (pin->max_len >= pin->min_len && pin->max_len > 0 &&
         value.len > pin->max_len))
        return card_fail(CARD_E_PIN_FORMAT, "a PIN of this token has %u to %u "
                         "bytes", pin->min_len, pin->max_len);
    return 0;
}

int p11_verify(struct token *t, struct card_pin_info *pin,
               struct bytes value)
{
    struct p11_slot *slot = p11_slot_of(t);
    struct p11_session session;
    CK_RV rv;
    int rc;

    if ((rc = check_length(pin, value)) < 0)
        return rc;
    if (atomic_load(&slot->logged_in))
        return 0; /* the use at hand will see to the PIN: p11_consent */
    if ((rc = p11_session_take(slot, &session)) < 0)
        return rc;
    rv = present(&session, CKU_USER, value);
    if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN)
        atomic_store(&slot->logged_in, true);
    p11_session_give(slot, &session, rv);
    /* Another context did it just now: the PIN was not looked at. */
    return rv == CKR_USER_ALREADY_LOGGED_IN ? 0 : judge(slot, rv);
}

int p11_consent(struct token *t, const struct p11_session *session)
{
    if (t->consent == NULL)
        return card_fail(CARD_E_LOGIN, "the token wants a PIN for each use");
    return judge(p11_slot_of(t), present(session, CKU_CONTEXT_SPECIFIC,
                                         secret_view(t->consent)));
}
