/*
 * The only way to use a private key: begin, PIN, the driver's operation, end.
 */
#include "card/use.h"

#include <string.h>

/*
 * The state left by the last use is trusted once: no SELECT, no VERIFY. If
 * another program moved the card since, it refuses, or signs with another key,
 * which the check finds; then all is done again from the start. A PIN never
 * goes out on trust: VERIFY always follows a SELECT in its own transaction, or
 * an answer that only the right application can have given.
 */
static bool trust_state(struct card_key *key, const struct card_pin_info *pin)
{
    return pin != NULL && !pin_is_exclusive(key) &&
           pin_memory_of(key->card, pin)->verified;
}

static bool state_was_lost(int rc)
{
    return rc == CARD_E_LOGIN || rc == CARD_E_STATUS ||
           rc == CARD_E_NOT_FOUND || rc == CARD_E_UNSUPPORTED ||
           rc == CARD_E_PROTOCOL || rc == CARD_E_SELF_CHECK;
}

static int login_and_run(struct card_key *key, struct card_pin_info *pin,
                         const struct typed_pin *typed, struct key_use *use)
{
    int rc = pin != NULL ? pin_login(key, pin, typed) : 0;

    return rc < 0 ? rc : use->run(key, use);
}

static int run_in_transaction(struct card_key *key, struct card_pin_info *pin,
                              const struct typed_pin *typed,
                              struct key_use *use)
{
    struct card *c = key->card;
    int rc;

    if (use->afresh || !trust_state(key, pin))
        return login_and_run(key, pin, typed, use);
    c->token.selected = true;
    rc = use->run(key, use);
    if (!state_was_lost(rc))
        return rc;
    card_forget_state(c);
    return login_and_run(key, pin, typed, use);
}

/* After such an error the card may have been changed without a word. */
static bool lost_touch(int rc)
{
    return rc == CARD_E_COMM || rc == CARD_E_TIMEOUT ||
           rc == CARD_E_PROTOCOL || rc == CARD_E_REMOVED || rc == CARD_E_RESET;
}

/*
 * What a session of a token fails with when a new one may succeed. A token
 * that fails otherwise may have looked at the PIN: nothing is repeated.
 */
static bool session_was_lost(int rc)
{
    return rc == CARD_E_LOGIN || rc == CARD_E_RESET || rc == CARD_E_REMOVED ||
           rc == CARD_E_COMM || rc == CARD_E_NOT_FOUND;
}

static bool is_concurrent(const struct card *c)
{
    return c->token.driver->concurrent;
}

/*
 * A PIN that went with the operation itself (context-specific login) is
 * judged by it.
 */
static void end_consent(struct card *c, struct card_pin_info *pin, int rc)
{
    if (c->token.consent != NULL &&
        (rc == CARD_E_PIN_WRONG || rc == CARD_E_PIN_LOCKED))
        pin_reject(pin_memory_of(c, pin), c->token.consent);
    secret_free(c->token.consent);
    c->token.consent = NULL;
}

/* The question for a person needs the PIN's state after the transaction. */
static int use_once(struct card_key *key, const struct typed_pin *typed,
                    struct key_use *use, struct card_pin_info *pin_state)
{
    struct card *c = key->card;
    struct card_pin_info *pin = NULL;
    int rc;

    if ((rc = card_begin(c)) < 0)
        return rc;
    if ((rc = pin_of_key(key, &pin)) == 0)
        rc = run_in_transaction(key, pin, typed, use);
    end_consent(c, pin, rc);
    if (pin != NULL)
        *pin_state = *pin;
    c->check_identity = lost_touch(rc);
    if (is_concurrent(c) && session_was_lost(rc))
        card_forget_state(c);
    else if (is_concurrent(c) && rc == 0)
        atomic_store(&c->ready, true);
    /* A reset is the one sure way to undo VERIFY, at no APDU. */
    card_end(c, pin != NULL && pin_is_exclusive(key) &&
                        pin_memory_of(c, pin)->presented
                    ? READER_RESET
                    : READER_LEAVE);
    return rc;
}

static bool wants_person(int rc)
{
    return rc == CARD_E_PIN_NEEDED || rc == CARD_E_PIN_REFUSED;
}

/*
 * With the right to ask: again, since another thread may have been given the
 * PIN meanwhile, and then with what is typed. Whoever was told a number of
 * tries that no longer holds is asked once more.
 */
static int use_with_person(struct card_key *key, struct key_use *use)
{
    struct card_pin_info pin = {.tries_left = CARD_TRIES_UNKNOWN};
    int rc = use_once(key, NULL, use, &pin);

    for (int times = 0; times < 2 && wants_person(rc); times++) {
        struct typed_pin typed = {.value = NULL};

        if ((rc = pin_ask(key, &pin, rc, &typed)) < 0)
            break;
        rc = use_once(key, &typed, use, &pin);
        secret_free(typed.value);
    }
    return rc;
}

/*
 * A token that is logged in serves many threads at a time: no transaction, and
 * nothing is asked of it but the operation. Whatever that stumbles over, the
 * ritual puts right.
 */
static int use_at_once(struct card_key *key, struct key_use *use)
{
    if (!atomic_load(&key->card->ready) || pin_is_exclusive(key) ||
        use->in_transaction)
        return CARD_E_RESET;
    return use->run(key, use);
}

static int use_in_ritual(struct card_key *key, struct key_use *use,
                         struct card_pin_info *pin)
{
    int rc = use_once(key, NULL, use, pin);

    if (is_concurrent(key->card) && session_was_lost(rc))
        rc = use_once(key, NULL, use, pin);
    return rc;
}

int use_key(struct card_key *key, struct key_use *use)
{
    struct card_pin_info pin;
    int rc = CARD_E_RESET;

    card_error_clear();
    if (key->card->slot != NULL && p11_is_inside())
        return card_fail(CARD_E_BUSY, "%s: a PKCS#11 module uses it",
                         key->name);
    if (is_concurrent(key->card))
        rc = use_at_once(key, use);
    if (!is_concurrent(key->card) || session_was_lost(rc))
        rc = use_in_ritual(key, use, &pin);
    if (wants_person(rc) && !key->quiet && !pin_is_being_asked() &&
        key->card->context->settings.ask_pin != NULL) {
        lock_take(&key->card->ask);
        rc = use_with_person(key, use);
        lock_release(&key->card->ask);
    }
    return rc < 0 ? card_fail_in(rc, "%s", key->name) : 0;
}

static int run_nothing(struct card_key *key, struct key_use *use)
{
    (void)key;
    (void)use;
    return 0;
}

int key_login(struct card_key *key)
{
    struct key_use use = {.run = run_nothing, .in_transaction = true};

    return use_key(key, &use);
}
