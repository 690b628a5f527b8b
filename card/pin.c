/*
 * PIN policy: which PIN is presented, when, and when not. The count-full rule:
 * a stored PIN goes to the card only while no try has been lost, so a wrong
 * one costs one try ever, whatever restarts it.
 */
#include "card/card_int.h"

#include <stdio.h>
#include <string.h>

#include "card/base/mark.h"
#include "card/wire/iso7816.h"

enum { MARK_NAME_MAX = 4 * CARD_SERIAL_MAX };

bool pin_is_exclusive(const struct card_key *key)
{
    return (key->info.uses & CARD_USE_SIGN) != 0 || key->info.user_consent;
}

int pin_of_key(struct card_key *key, struct card_pin_info **pin)
{
    struct token *t = &key->card->token;
    const struct card_id *id = &key->info.auth_id;
    int rc = t->driver->list(t, TOKEN_PINS);

    *pin = NULL;
    if (rc < 0 || id->len == 0)
        return rc;
    for (size_t i = 0; i < t->pin_count; i++) {
        struct card_pin_info *p = &t->pins[i];

        if (!p->unblocking &&
            bytes_equal(bytes_from(p->auth_id.data, p->auth_id.len),
                        bytes_from(id->data, id->len))) {
            *pin = p;
            return 0;
        }
    }
    return card_fail(CARD_E_PROTOCOL, "the card names a PIN for key \"%s\" "
                     "but does not describe it", key->info.label);
}

struct pin_memory *pin_memory_of(struct card *c,
                                 const struct card_pin_info *pin)
{
    return &c->pins[pin - c->token.pins];
}

/*
 * The one place that decides where a PIN is entered. A reader's keypad goes
 * before what is stored: it was bought to keep the PIN from computers. Of a
 * token its module has said so.
 */
static bool enters_at_keypad(struct card_key *key, struct card_pin_info *pin)
{
    struct card *c = key->card;

    if (c->slot == NULL)
        pin->keypad = !c->context->settings.no_keypad &&
                      iso_keypad_fits(&c->reader, pin, false);
    return pin->keypad;
}

/*
 * The configured PIN is for keys that sign documents only if it says so; that
 * of a token was configured for all its keys.
 */
static bool serves(const struct card_settings *s, const struct card_key *key)
{
    return !pin_is_exclusive(key) || s->pin_for_signature ||
           key->card->slot != NULL;
}

/* The PIN that needs no person, or NULL. A typed one serves shared keys. */
static struct secret *stored_pin(struct card_key *key,
                                 const struct pin_memory *memory)
{
    const struct card_settings *s = &key->card->context->settings;

    if (key->named_pin != NULL)
        return key->named_pin;
    if (s->pin != NULL && serves(s, key))
        return s->pin;
    if (key->fetched_pin != NULL)
        return key->fetched_pin;
    return pin_is_exclusive(key) ? NULL : memory->typed;
}

/*
 * Of a card that is silent about tries, a mark of ours tells that one was lost.
 * The serial in hex: whatever it is, the name is one.
 */
static void mark_name(const struct card *c, const struct card_pin_info *pin,
                      const char *what, char out[MARK_NAME_MAX])
{
    char serial[2 * CARD_SERIAL_MAX];

    bytes_to_hex(bytes_of_string(c->token.serial), serial, sizeof(serial));
    snprintf(out, MARK_NAME_MAX, "%s-%s-%02X.%s", c->token.driver->name,
             serial, (unsigned)pin->ref, what);
}

static int check_mark(const struct card *c, const struct card_pin_info *pin)
{
    char name[MARK_NAME_MAX];

    mark_name(c, pin, "rejected", name);
    if (!mark_is_set(name))
        return 0;
    return card_fail(CARD_E_PIN_REFUSED, "the stored PIN was not presented: a "
                     "wrong PIN was entered before, and the card does not "
                     "tell how many tries are left");
}

/* The card surely did not look at the PIN, or took it. */
static bool cost_no_try(int rc)
{
    return rc == 0 || rc == CARD_E_PIN_FORMAT || rc == CARD_E_CANCELLED ||
           rc == CARD_E_PIN_REFUSED || rc == CARD_E_UNSUPPORTED ||
           rc == CARD_E_PIN_LOCKED;
}

/*
 * After what may have cost a try and may not: an answer that was lost, or one
 * that says neither. It is let pass once, so that a card pulled at the wrong
 * moment stops no service.
 */
static bool is_first_doubt(const struct card *c,
                           const struct card_pin_info *pin)
{
    char doubt[MARK_NAME_MAX];

    mark_name(c, pin, "unsure", doubt);
    return !mark_is_set(doubt) && mark_set(doubt);
}

void pin_clear_marks(const struct card *c, const struct card_pin_info *pin)
{
    char name[MARK_NAME_MAX];

    mark_name(c, pin, "rejected", name);
    mark_clear(name);
    mark_name(c, pin, "unsure", name);
    mark_clear(name);
}

void pin_mark_wrong(const struct card *c, const struct card_pin_info *pin)
{
    char name[MARK_NAME_MAX];

    if (!pin->silent)
        return;
    mark_name(c, pin, "rejected", name);
    mark_set(name);
}

/*
 * The mark is set before the PIN goes out, for a program that is ended there,
 * and stays if the PIN was wrong; one from before goes by the right PIN only.
 */
static int verify_silent(struct card *c, struct card_pin_info *pin,
                         struct bytes value, bool stored)
{
    char name[MARK_NAME_MAX];
    bool before;
    int rc;

    mark_name(c, pin, "rejected", name);
    before = mark_is_set(name);
    if (!mark_set(name) && stored)
        return card_fail(CARD_E_PIN_REFUSED, "the stored PIN was not "
                         "presented: the card does not tell how many tries "
                         "are left, and there is no folder to note a lost one");
    rc = c->token.driver->verify(&c->token, pin, value);
    if (rc == 0)
        pin_clear_marks(c, pin);
    else if (!before && (cost_no_try(rc) ||
                         (rc != CARD_E_PIN_WRONG && is_first_doubt(c, pin))))
        mark_clear(name);
    return rc;
}

int pin_verify(struct card *c, struct card_pin_info *pin, struct bytes value,
               bool stored)
{
    return pin->silent ? verify_silent(c, pin, value, stored)
                       : c->token.driver->verify(&c->token, pin, value);
}

/*
 * Where a card does not tell how many tries its PIN has at most, a number that
 * cards commonly begin with is taken for all of them. No two are neighbours: a
 * wrong PIN leaves a number that is none, so here too it costs one try ever.
 */
static bool is_commonly_full(int tries_left)
{
    static const int full[] = {3, 5, 8, 10, 15};

    for (size_t i = 0; i < nitems(full); i++)
        if (tries_left == full[i])
            return true;
    return false;
}

/*
 * Whether a stored PIN may be presented with the tries the card has left.
 */
static int check_count(const struct card_key *key,
                       const struct card_pin_info *pin)
{
    bool not_last = key->not_last || key->card->context->settings.pin_not_last;

    if (pin->silent)
        return check_mark(key->card, pin);
    if (pin->tries_left == CARD_TRIES_FULL ||
        (not_last && pin->tries_left == CARD_TRIES_LOW))
        return 0;
    if (pin->tries_left == CARD_TRIES_LOW)
        return card_fail(CARD_E_PIN_REFUSED, "the stored PIN was not "
                         "presented: a wrong PIN was entered before");
    if (pin->tries_left == CARD_TRIES_UNKNOWN ||
        (!not_last && pin->tries_max == CARD_TRIES_UNKNOWN &&
         !is_commonly_full(pin->tries_left)))
        return card_fail(CARD_E_PIN_REFUSED,
                         "the stored PIN was not presented: the card does not "
                         "tell how many tries are left%s",
                         pin->tries_left == CARD_TRIES_UNKNOWN
                             ? ""
                             : " out of how many (the setting pin-rule = "
                               "not-last does without)");
    if (not_last && pin->tries_left < 2)
        return card_fail(CARD_E_PIN_REFUSED,
                         "the stored PIN was not presented: one try is left");
    if (!not_last && pin->tries_left < pin->tries_max)
        return card_fail(CARD_E_PIN_REFUSED,
                         "the stored PIN was not presented: a wrong PIN was "
                         "entered before, %d of %d tries are left",
                         pin->tries_left, pin->tries_max);
    return 0;
}

static int check_stored(const struct card_key *key,
                        const struct card_pin_info *pin,
                        const struct pin_memory *memory,
                        const struct secret *value)
{
    if (memory->rejected != NULL &&
        bytes_equal_secret(secret_view(memory->rejected), secret_view(value)))
        return card_fail(CARD_E_PIN_REFUSED, "the stored PIN was not "
                         "presented: the card has rejected it before");
    return check_count(key, pin);
}

void pin_reject(struct pin_memory *memory, struct secret *value)
{
    secret_free(memory->rejected);
    memory->rejected = secret_ref(value);
    if (memory->typed != NULL &&
        bytes_equal_secret(secret_view(memory->typed), secret_view(value))) {
        secret_free(memory->typed);
        memory->typed = NULL;
    }
}

static int present(struct card_key *key, struct card_pin_info *pin,
                   struct secret *value, bool stored)
{
    struct card *c = key->card;
    struct pin_memory *memory = pin_memory_of(c, pin);
    int rc;

    memory->presented = true;
    rc = pin_verify(c, pin, secret_view(value), stored);
    memory->verified = rc == 0;
    if (rc == CARD_E_PIN_WRONG || rc == CARD_E_PIN_LOCKED)
        pin_reject(memory, value);
    return rc;
}

/* For this use only, or for re-login after a reset as well. */
static void remember_typed(struct card_key *key, struct pin_memory *memory,
                           struct secret *typed)
{
    if (pin_is_exclusive(key))
        return;
    secret_free(memory->typed);
    memory->typed = secret_ref(typed);
}

static int no_pin(const struct card_key *key, const struct card_pin_info *pin)
{
    int rc;

    if (pin->keypad)
        return card_fail(CARD_E_PIN_NEEDED, "the PIN is entered at the "
                         "reader's keypad, unless keypad = no");
    if (key->callback_skipped && (rc = check_count(key, pin)) < 0)
        return rc;
    if (key->card->context->settings.pin != NULL && pin_is_exclusive(key))
        return card_fail(CARD_E_PIN_NEEDED,
                         "the configured PIN is not for keys that sign "
                         "documents (pin-for-signature)");
    return card_fail(CARD_E_PIN_NEEDED, "no PIN is configured");
}

/* A person decides by the number told: with fewer tries left, anew. */
static int check_typed(const struct typed_pin *typed,
                       const struct card_pin_info *pin)
{
    if (typed->told < 0 || pin->tries_left < 0 ||
        pin->tries_left >= typed->told)
        return 0;
    return card_fail(CARD_E_PIN_REFUSED,
                     "the PIN was not presented: %d tries were left when it "
                     "was asked for, now %d",
                     typed->told, pin->tries_left);
}

int pin_login(struct card_key *key, struct card_pin_info *pin,
              const struct typed_pin *typed)
{
    struct card *c = key->card;
    struct pin_memory *memory = pin_memory_of(c, pin);
    struct secret *value;
    int rc;

    if ((rc = c->token.driver->pin_status(&c->token, pin)) < 0)
        return rc;
    if (pin->tries_left == 0)
        return card_fail(CARD_E_PIN_LOCKED, "the PIN \"%s\" is blocked",
                         pin->label);
    if (pin->verified && !pin_is_exclusive(key)) {
        memory->verified = true; /* another program did; none is presented */
        return 0;
    }
    value = typed != NULL ? typed->value
                          : enters_at_keypad(key, pin)
                                ? NULL : stored_pin(key, memory);
    if (value == NULL)
        return no_pin(key, pin);
    rc = typed != NULL ? check_typed(typed, pin)
                       : check_stored(key, pin, memory, value);
    if (rc < 0)
        return rc;
    rc = present(key, pin, value, typed == NULL);
    if (rc == 0 && key->info.user_consent) {
        secret_free(c->token.consent);
        c->token.consent = secret_ref(value);
    }
    if (rc == 0 && typed != NULL && !pin->keypad)
        remember_typed(key, memory, value);
    if (key->fetched_pin != NULL && pin_is_exclusive(key)) {
        secret_free(key->fetched_pin); /* consent to one use */
        key->fetched_pin = NULL;
    }
    return rc;
}

/* One flag for each thread, like the error sentence: see pin_is_being_asked. */
static _Thread_local bool being_asked;

bool pin_is_being_asked(void)
{
    return being_asked;
}

/* Without a lock that another use of the card needs. */
static int ask_person(struct card_key *key, const struct card_pin_info *pin,
                      const char *refused, card_ask_pin_fn *ask, void *arg,
                      struct secret **out)
{
    uint8_t space[CARD_MAX_PIN];
    struct buf value = BUF_ON(space);
    const struct card_pin_question question = {
        .reader = key->card->reader.name,
        .token = key->card->token.title,
        .pin = pin->label,
        .key = key->info.label,
        .tries_left = pin->tries_left,
        .silent = pin->silent,
        .last_try = pin->tries_left == 1,
        .keypad = pin->keypad,
        .holds_card = pin->keypad && key->card->slot == NULL,
        .refused = refused,
    };
    int rc;

    being_asked = true;
    rc = ask(arg, &question, &value);
    being_asked = false;
    if (rc == 0 && value.len == 0 && !pin->keypad)
        rc = card_fail(CARD_E_CANCELLED, "no PIN was entered");
    if (rc == 0 && (*out = secret_new(buf_view(&value))) == NULL)
        rc = card_fail(CARD_E_MEMORY, "out of memory");
    buf_wipe(&value);
    return rc;
}

int pin_ask(struct card_key *key, const struct card_pin_info *pin, int why,
            struct typed_pin *typed)
{
    const struct card_settings *s = &key->card->context->settings;
    char sentence[512];
    int rc;

    snprintf(sentence, sizeof(sentence), "%s", card_error_sentence());
    if (why == CARD_E_PIN_REFUSED)
        card_log(key->card->context, "%s: %s", key->name, sentence);
    rc = ask_person(key, pin, why == CARD_E_PIN_REFUSED ? sentence : NULL,
                    s->ask_pin, s->ask_arg, &typed->value);
    typed->told = pin->tries_left;
    if (rc == CARD_E_PIN_NEEDED) /* nobody is there: why one was needed counts */
        return card_fail_in(why, "%s", sentence);
    return rc;
}

/*
 * Tries that are lost, or a locked PIN, are for a person at the first use to
 * hear: whoever answers this callback may be a file.
 */
static bool worth_fetching(const struct card_key *key,
                           const struct card_pin_info *pin)
{
    return pin->verified || check_count(key, pin) == 0;
}

int pin_is_at_hand(struct card_key *key, bool *at_hand)
{
    struct card *c = key->card;
    struct card_pin_info *pin = NULL;
    int rc;

    *at_hand = false;
    if ((rc = card_begin(c)) < 0)
        return rc;
    rc = pin_of_key(key, &pin);
    if (rc == 0 && pin != NULL && !enters_at_keypad(key, pin))
        *at_hand = stored_pin(key, pin_memory_of(c, pin)) != NULL;
    if (rc == 0 && pin != NULL && !*at_hand) {
        rc = c->token.driver->pin_status(&c->token, pin);
        *at_hand = rc == 0 && pin->verified;
    }
    card_end(c, READER_LEAVE);
    return rc;
}

int card_key_fetch_pin(struct card_key *key, card_ask_pin_fn *ask, void *arg)
{
    struct card *c = key->card;
    struct card_pin_info *pin = NULL, copy;
    bool fetch = false;
    int rc;

    if ((rc = card_begin(c)) < 0)
        return card_fail_in(rc, "%s", key->name);
    if ((rc = pin_of_key(key, &pin)) == 0 && pin != NULL &&
        stored_pin(key, pin_memory_of(c, pin)) == NULL &&
        !enters_at_keypad(key, pin) &&
        (rc = c->token.driver->pin_status(&c->token, pin)) == 0) {
        fetch = worth_fetching(key, pin);
        key->callback_skipped = !fetch;
        copy = *pin; /* another thread may ask the card meanwhile */
    }
    card_end(c, READER_LEAVE);
    if (fetch && !being_asked) {
        lock_take(&c->ask);
        if (ask_person(key, &copy, NULL, ask, arg, &key->fetched_pin) < 0)
            card_error_clear(); /* none given: the first use asks or fails */
        lock_release(&c->ask);
    }
    return rc < 0 ? card_fail_in(rc, "%s", key->name) : 0;
}
