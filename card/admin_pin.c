/*
 * PINs for their holder: present, change, unblock. Each is one transaction that
 * reads the tries, sends a value once, and ends with the card reset; and says
 * what became of it when the answer was lost.
 */
#include "card/admin_int.h"

#include <stdio.h>

#include "card/driver/driver_admin.h"
#include "card/wire/iso_pin_set.h"

/*
 * What is to be done with one PIN.
 *   counted  what is presented, and loses the try: the PIN or its PUK
 */
struct admin_use {
    int (*run)(struct card *c, struct admin_use *use);
    struct card_pin_info *pin, *counted;
    struct bytes value, new;
    bool keypad;
    bool done; /* the PIN's part, whatever fails behind it */
    bool sets; /* a new PIN, so a lost VERIFY has changed nothing yet */
    card_field_fn *put;
    void *arg;
};

static const struct driver_admin *admin_of(const struct card *c)
{
    return driver_admin_of(&c->token);
}

/* ---- before anything is sent --------------------------------------------- */

int card_check_pin(const struct card_pin_info *pin, struct bytes value)
{
    uint8_t raw[CARD_MAX_PIN];
    struct buf block = BUF_ON(raw);
    int rc = iso_pin_block(pin, value, &block);

    buf_wipe(&block);
    return rc;
}

bool card_keypad_fits(struct card *c, size_t pin, bool change)
{
    const struct driver_admin *admin = admin_of(c);
    bool fits = false;

    /* A family's own way to change a PIN is more than one command. */
    if (c->context->settings.no_keypad ||
        (change && admin != NULL && admin->change != NULL) ||
        card_begin(c) < 0)
        return false;
    fits = iso_keypad_fits(&c->reader, &c->token.pins[pin], change);
    card_end(c, READER_LEAVE);
    return fits;
}

static int check_tries(const struct card_pin_info *pin,
                       const struct card_try *how)
{
    if (pin->tries_left == 0)
        return card_fail(CARD_E_PIN_LOCKED, "\"%s\" is blocked", pin->label);
    if (pin->tries_left == 1 && !how->last_try)
        return card_fail(CARD_E_PIN_REFUSED, "\"%s\" was not presented: one "
                         "try is left", pin->label);
    if (how->told >= 0 && pin->tries_left >= 0 &&
        pin->tries_left < how->told)
        return card_fail(CARD_E_PIN_REFUSED, "\"%s\" was not presented: %d "
                         "tries were left when it was asked for, now %d",
                         pin->label, how->told, pin->tries_left);
    return 0;
}

/* ---- what came of it ----------------------------------------------------- */

/* The card, the keypad or we ourselves said no: nothing is in doubt. */
static bool is_refusal(int rc)
{
    return rc == CARD_E_PIN_WRONG || rc == CARD_E_PIN_LOCKED ||
           rc == CARD_E_PIN_FORMAT || rc == CARD_E_PIN_REFUSED ||
           rc == CARD_E_STATUS || rc == CARD_E_LOGIN ||
           rc == CARD_E_UNSUPPORTED || rc == CARD_E_NOT_FOUND ||
           rc == CARD_E_CANCELLED || rc == CARD_E_ARGUMENT;
}

static enum card_outcome outcome_of(const struct admin_use *use, int rc)
{
    bool sent = use->sets ? use->pin->setting : use->counted->presented;

    if (rc == 0 || use->done)
        return CARD_DONE;
    return sent && !is_refusal(rc) ? CARD_UNKNOWN : CARD_NOT_DONE;
}

/*
 * After a fault the counter may tell what happened; asking costs nothing, and
 * what went wrong is said already.
 */
static void read_state_again(struct card *c, struct admin_use *use, int *left)
{
    *left = CARD_TRIES_UNKNOWN;
    if (card_begin(c) < 0)
        return;
    if (admin_pin_status(c, use->counted) == 0)
        *left = use->counted->tries_left;
    card_end(c, READER_LEAVE);
}

/* What a person typed before is no longer this PIN. */
static void forget_typed(struct card *c, const struct card_pin_info *pin)
{
    struct pin_memory *memory = pin_memory_of(c, pin);

    secret_free(memory->typed);
    memory->typed = NULL;
}

/* ---- the ritual ---------------------------------------------------------- */

static int run_in_transaction(struct card *c, struct admin_use *use,
                              const struct card_try *how)
{
    struct card_pin_info *counted = use->counted;
    int rc;

    use->pin->presented = use->pin->setting = false;
    counted->presented = counted->setting = false;
    if ((rc = admin_pin_status(c, counted)) < 0 ||
        (rc = check_tries(counted, how)) < 0)
        return rc;
    counted->keypad = use->keypad;
    rc = use->run(c, use);
    counted->keypad = false;
    return rc;
}

static int admin_use(struct card *c, struct admin_use *use,
                     const struct card_try *how,
                     struct card_pin_result *result)
{
    char sentence[512];
    int rc;

    if ((rc = card_begin(c)) < 0)
        return card_fail_in(rc, "%s", c->name);
    rc = run_in_transaction(c, use, how);
    result->outcome = outcome_of(use, rc);
    result->tries_left = use->counted->tries_left;
    card_end(c, use->counted->presented ? READER_RESET : READER_LEAVE);
    if (use->counted->presented)
        forget_typed(c, use->pin);
    if (rc == 0)
        return 0;
    snprintf(sentence, sizeof(sentence), "%s", card_error_sentence());
    if (!is_refusal(rc))
        read_state_again(c, use, &result->tries_left);
    return card_fail(rc, "%s: %s", c->name, sentence);
}

/* Which PIN is meant, and nothing is done yet. */
static int start(struct card *c, size_t pin, struct admin_use *use,
                 struct card_pin_result *result)
{
    card_error_clear();
    *result = (struct card_pin_result){.outcome = CARD_NOT_DONE,
                                       .tries_left = CARD_TRIES_UNKNOWN};
    if (pin >= c->token.pin_count)
        return card_fail(CARD_E_ARGUMENT, "%s has no such PIN", c->name);
    use->pin = use->counted = &c->token.pins[pin];
    return 0;
}

/* It has no number of its own: the command would mean another PIN. */
static int check_has_ref(const struct card *c, const struct card_pin_info *pin)
{
    return pin->no_ref
               ? card_fail(CARD_E_UNSUPPORTED, "\"%s\" of %s serves only to "
                           "unblock a PIN", pin->label, c->name)
               : 0;
}

/* Where the PIN is; a family's own way goes there by itself. */
static int enter(struct card *c, const struct card_pin_info *pin)
{
    const struct driver_admin *admin = admin_of(c);
    struct token *t = &c->token;

    return admin != NULL && admin->enter != NULL ? admin->enter(t, pin)
                                                 : t->driver->select(t);
}

/* ---- the verbs ----------------------------------------------------------- */

static int run_verify(struct card *c, struct admin_use *use)
{
    return pin_verify(c, use->pin, use->value, false);
}

int card_verify_pin(struct card *c, size_t pin, struct bytes value,
                    const struct card_try *how, bool keypad,
                    struct card_pin_result *result)
{
    struct admin_use use = {.run = run_verify, .value = value,
                            .keypad = keypad};
    int rc = start(c, pin, &use, result);

    if (rc == 0)
        rc = check_has_ref(c, use.pin);
    return rc < 0 ? rc : admin_use(c, &use, how, result);
}

static int run_describe(struct card *c, struct admin_use *use)
{
    int rc = pin_verify(c, use->pin, use->value, false);

    use->done = rc == 0;
    return rc < 0 ? rc
                  : admin_of(c)->describe_private(&c->token, use->put,
                                                  use->arg);
}

int card_describe_private(struct card *c, size_t pin, struct bytes value,
                          const struct card_try *how, bool keypad,
                          struct card_pin_result *result, card_field_fn *put,
                          void *arg)
{
    struct admin_use use = {.run = run_describe, .value = value,
                            .keypad = keypad, .put = put, .arg = arg};
    int rc = start(c, pin, &use, result);

    if (rc == 0 && (admin_of(c) == NULL ||
                    admin_of(c)->describe_private == NULL))
        rc = card_fail(CARD_E_NOT_FOUND, "%s shows nothing more after its PIN",
                       c->name);
    return rc < 0 ? rc : admin_use(c, &use, how, result);
}

static int run_change(struct card *c, struct admin_use *use)
{
    const struct driver_admin *admin = admin_of(c);
    struct token *t = &c->token;
    int rc;

    if (admin != NULL && admin->change != NULL)
        rc = admin->change(t, use->pin, use->value, use->new);
    else if ((rc = enter(c, use->pin)) == 0)
        rc = iso_change_pin(t->reader, use->pin, use->value, use->new);
    if (rc == 0)
        pin_clear_marks(c, use->pin);
    else if (rc == CARD_E_PIN_WRONG)
        pin_mark_wrong(c, use->pin);
    return rc;
}

int card_change_pin(struct card *c, size_t pin, struct bytes old,
                    struct bytes new, const struct card_try *how, bool keypad,
                    struct card_pin_result *result)
{
    struct admin_use use = {.run = run_change, .value = old, .new = new,
                            .keypad = keypad, .sets = true};
    int rc = start(c, pin, &use, result);

    if (rc == 0)
        rc = check_has_ref(c, use.pin);
    if (rc == 0 && use.pin->change_disabled)
        rc = card_fail(CARD_E_UNSUPPORTED, "%s says that \"%s\" cannot be "
                       "changed", c->name, use.pin->label);
    if (rc == 0 && !keypad && (rc = card_check_pin(use.pin, old)) == 0)
        rc = card_check_pin(use.pin, new);
    return rc < 0 ? rc : admin_use(c, &use, how, result);
}

static int run_unblock(struct card *c, struct admin_use *use)
{
    const struct driver_admin *admin = admin_of(c);
    struct token *t = &c->token;
    int rc;

    if (admin != NULL && admin->unblock != NULL)
        rc = admin->unblock(t, use->pin, use->counted, use->value, use->new);
    else if ((rc = enter(c, use->pin)) == 0)
        rc = iso_unblock_pin(t->reader, use->pin, use->counted, use->value,
                             use->new);
    if (rc == 0)
        pin_clear_marks(c, use->pin);
    return rc;
}

/* The PUK, and whether the card says that it serves. */
static int find_puk(struct card *c, size_t pin, struct admin_use *use)
{
    size_t puk;

    if (!card_puk_of_pin(c, pin, &puk))
        return card_fail(CARD_E_UNSUPPORTED, "%s has no PUK for \"%s\" that is "
                         "known", c->name, use->pin->label);
    if (use->pin->unblock_disabled)
        return card_fail(CARD_E_UNSUPPORTED, "%s says that \"%s\" cannot be "
                         "unblocked", c->name, use->pin->label);
    use->counted = &c->token.pins[puk];
    return 0;
}

int card_unblock_pin(struct card *c, size_t pin, struct bytes puk,
                     struct bytes new, const struct card_try *how,
                     struct card_pin_result *result)
{
    struct admin_use use = {.run = run_unblock, .value = puk, .new = new,
                            .sets = true};
    int rc = start(c, pin, &use, result);

    if (rc < 0 || (rc = find_puk(c, pin, &use)) < 0 ||
        (rc = card_check_pin(use.counted, puk)) < 0 ||
        (rc = card_check_pin(use.pin, new)) < 0)
        return rc;
    rc = admin_use(c, &use, how, result);
    result->reinsert = result->outcome != CARD_NOT_DONE &&
                       admin_of(c) != NULL && admin_of(c)->reinsert;
    return rc;
}
