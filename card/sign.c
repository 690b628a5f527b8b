/*
 * The only way to use a private key: begin, PIN, the driver's operation, end,
 * and nothing leaves before it was checked.
 */
#include "card/card_int.h"

#include <string.h>

/* What the driver is to do, inside a transaction with the PIN verified. */
struct key_use {
    int (*run)(struct card_key *key, struct key_use *use);
    const struct card_tbs *tbs; /* sign */
    struct bytes cryptogram;    /* decrypt */
    bool rejected;              /* decrypt: by the card itself */
    bool afresh;                /* trust nothing, however often it is done */
    struct buf *out;
};

/*
 * The state left by the last use is trusted once: no SELECT, no VERIFY. If
 * another program moved the card since, it refuses, or signs with another key,
 * which the check finds; then all is done again from the start. A PIN never
 * goes out on trust: VERIFY always follows a SELECT in its own transaction.
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
    if (pin != NULL)
        *pin_state = *pin;
    c->check_identity = lost_touch(rc);
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

static int use_key(struct card_key *key, struct key_use *use)
{
    struct card_pin_info pin;
    int rc;

    card_error_clear();
    rc = use_once(key, NULL, use, &pin);
    if (wants_person(rc) && !pin_is_being_asked() &&
        key->card->context->settings.ask_pin != NULL) {
        lock_take(&key->card->ask);
        rc = use_with_person(key, use);
        lock_release(&key->card->ask);
    }
    return rc < 0 ? card_fail_in(rc, "%s", key->name) : 0;
}

/* What the padding of the signature must enclose. */
static int expected_block(const struct card_tbs *tbs, struct buf *block)
{
    struct bytes value = bytes_from(tbs->value, tbs->len);

    return tbs->hash == CARD_HASH_NONE
               ? buf_put(block, value)
               : hash_digest_info(tbs->hash, value, block);
}

static int run_sign(struct card_key *key, struct key_use *use)
{
    struct card *c = key->card;
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf block = BUF_ON(space);
    int rc;

    use->out->len = 0;
    if ((rc = expected_block(use->tbs, &block)) < 0 ||
        (rc = c->token.driver->sign(&c->token, &key->info, use->tbs,
                                    use->out)) < 0)
        return rc;
    rc = crypto_cert_check_pkcs1(c->context->crypto, key->cert,
                                 buf_view(&block), buf_view(use->out));
    if (rc < 0)
        buf_wipe(use->out);
    return rc;
}

static int check_tbs(const struct card_key *key, const struct card_tbs *tbs,
                     const struct buf *sig)
{
    if ((key->info.can & (CARD_CAN_PKCS1 | CARD_CAN_PKCS1_HASH)) == 0)
        return card_fail(CARD_E_UNSUPPORTED, "%s: this key cannot sign",
                         key->name);
    if (tbs->len > sizeof(tbs->value) ||
        (tbs->hash != CARD_HASH_NONE && tbs->len != hash_len(tbs->hash)) ||
        (tbs->hash == CARD_HASH_NONE && tbs->len + 11 > key->info.bits / 8))
        return card_fail(CARD_E_ARGUMENT, "%s: %zu bytes are no hash to sign",
                         key->name, tbs->len);
    if (sig->cap < key->info.bits / 8)
        return card_fail(CARD_E_BUFFER, "%s: a signature takes %u bytes",
                         key->name, key->info.bits / 8);
    return 0;
}

int card_sign(struct card_key *key, const struct card_tbs *tbs,
              struct buf *sig)
{
    struct key_use use = {.run = run_sign, .tbs = tbs, .out = sig};
    int rc = check_tbs(key, tbs, sig);

    return rc < 0 ? rc : use_key(key, &use);
}

/*
 * Bad padding and good take the same APDUs (so no state is trusted, which
 * could make a refusal look like a loss of it): what differs is only which
 * bytes are handed on.
 */
static int run_decrypt(struct card_key *key, struct key_use *use)
{
    struct card *c = key->card;
    int rc;

    use->out->len = 0;
    rc = c->token.driver->decrypt(&c->token, &key->info, use->cryptogram,
                                  use->out);
    use->rejected = rc == CARD_E_STATUS;
    return use->rejected ? 0 : rc;
}

/*
 * The message that bad padding stands for: from a secret of this process and
 * the cryptogram, its length too (RFC 8017 7.2.2 gives the maximum).
 */
static int synthetic_message(const struct card_key *key,
                             struct bytes cryptogram, struct buf *out)
{
    uint8_t space[2 + CARD_MAX_SIGNATURE];
    size_t max = key->info.bits / 8 - 11;
    struct buf derived = {space, 0, 2 + max};
    int rc = crypto_derive(key->card->context->crypto, cryptogram, &derived);

    if (rc == 0) {
        size_t len = (size_t)(space[0] << 8 | space[1]) % (max + 1);

        rc = buf_put(out, bytes_from(space + 2, len));
    }
    memory_wipe(space, sizeof(space));
    return rc;
}

int card_decrypt(struct card_key *key, struct bytes cryptogram,
                 struct buf *plain)
{
    uint8_t good_space[CARD_MAX_SIGNATURE], bad_space[CARD_MAX_SIGNATURE];
    struct buf good = BUF_ON(good_space), bad = BUF_ON(bad_space);
    struct key_use use = {
        .run = run_decrypt,
        .afresh = true,
        .cryptogram = cryptogram,
        .out = &good,
    };
    int rc;

    if ((key->info.can & CARD_CAN_DECRYPT_PKCS1) == 0)
        return card_fail(CARD_E_UNSUPPORTED, "%s: this key cannot decrypt",
                         key->name);
    if (cryptogram.len != key->info.bits / 8)
        return card_fail(CARD_E_ARGUMENT,
                         "%s: a cryptogram has %u bytes, not %zu", key->name,
                         key->info.bits / 8, cryptogram.len);
    if (plain->cap < key->info.bits / 8 - 11)
        return card_fail(CARD_E_BUFFER, "%s: a message takes up to %u bytes",
                         key->name, key->info.bits / 8 - 11);
    if ((rc = synthetic_message(key, cryptogram, &bad)) == 0 &&
        (rc = use_key(key, &use)) == 0) {
        plain->len = 0;
        rc = buf_put(plain, buf_view(use.rejected ? &bad : &good));
        card_error_clear();
    }
    buf_wipe(&good);
    buf_wipe(&bad);
    return rc;
}
