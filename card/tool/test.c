/*
 * tessera test: does each key of a card do its work? One signature or
 * decryption each, with stock libcrypto as the judge. The PIN is asked once.
 */
#include "card/tool/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/x509.h>

#include "card/base/secret.h"
#include "card/tool/config.h"
#include "card/tool/list.h"

enum { WARN_DAYS = 30, SECONDS_A_DAY = 86400 };

/* ---- PINs ---------------------------------------------------------------- */

/* What was answered for a PIN, kept for further keys that it guards. */
struct answer {
    struct secret *pin;
    bool right; /* the card has taken it */
};

struct run {
    struct tool *t;
    struct card *card;
    struct answer answers[CARD_MAX_PINS];
    size_t pin;       /* of the key at work */
    struct card_pin_info info; /* of that PIN */
    size_t blocked;   /* a PIN that is, or CARD_MAX_PINS */
    unsigned line;    /* of the PIN file, for the next question */
    long long waited; /* milliseconds, for a person */
    unsigned failed;
    int prompted;     /* what came of asking, if that failed */
    int ended;        /* no further key is tried: enum card_error */
};

static long long now_ms(void)
{
    struct timespec now = {.tv_sec = 0};

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static int ask_once(struct run *r, const struct card_pin_question *q,
                    struct buf *pin)
{
    struct answer *answer = &r->answers[r->pin];

    r->info.tries_left = q->tries_left;
    r->prompted = test_pin_enter(r->t, &r->info, r->line++, &answer->pin);
    return r->prompted < 0 ? r->prompted
                           : buf_put(pin, secret_view(answer->pin));
}

/* A value that the card has not taken yet is never given a second time. */
static int ask(void *arg, const struct card_pin_question *q, struct buf *pin)
{
    struct run *r = arg;
    struct answer *answer = &r->answers[r->pin];
    long long start = now_ms();
    int rc;

    if (q->keypad) {
        tool_say(r->t, _("Enter the PIN at the keypad of %s."), q->reader);
        return 0;
    }
    if (answer->pin != NULL && answer->right)
        return buf_put(pin, secret_view(answer->pin));
    if (answer->pin != NULL)
        return card_fail(CARD_E_PIN_REFUSED,
                         _("the card has not taken the PIN that was given, so "
                           "it is not given again"));
    rc = ask_once(r, q, pin);
    r->waited += now_ms() - start;
    return rc;
}

/* Two references may stand for one PIN: it is asked once. */
static size_t pin_of(const struct card *c, size_t key)
{
    size_t pin;

    if (!card_pin_of_key(c, key, &pin))
        return CARD_MAX_PINS - 1;
    while (pin > 0 && card_pin_at(c, pin)->alias)
        pin--;
    return pin;
}

static void wipe_answers(struct run *r)
{
    for (size_t i = 0; i < nitems(r->answers); i++)
        secret_free(r->answers[i].pin);
}

/* ---- one key ------------------------------------------------------------- */

/* No further key is to be tried: the PIN, or the card, is gone. */
static bool ends_all(int rc)
{
    return rc == CARD_E_PIN_WRONG || rc == CARD_E_PIN_NEEDED ||
           rc == CARD_E_PIN_REFUSED || rc == CARD_E_PIN_FORMAT ||
           rc == CARD_E_PIN_LOCKED || rc == CARD_E_CANCELLED ||
           rc == CARD_E_CONFIG || rc == CARD_E_REMOVED ||
           rc == CARD_E_OTHER_CARD ||
           rc == CARD_E_NO_SERVICE || rc == CARD_E_NO_READER ||
           rc == CARD_E_NO_CARD;
}

static void put_failure(struct run *r, int rc, const char *why)
{
    r->failed++;
    out_string(r->t->out, "reason", why);
    out_line(r->t->out, "%s", why);
    if (card_error_name(rc)->remedy[0] != '\0')
        out_line(r->t->out, "%s", _(card_error_name(rc)->remedy));
}

static void put_result(struct run *r, const char *key, const char *label,
                       const struct test_result *result)
{
    struct out *o = r->t->out;
    char words[256];

    if (result->rc == 0)
        snprintf(words, sizeof(words), _("works: %s, %u ms"), result->scheme,
                 result->milliseconds);
    else
        snprintf(words, sizeof(words), ends_all(result->rc)
                                           ? _("not tried: %s")
                                           : _("FAILS: %s"), result->scheme);
    out_open(o, key);
    out_flag(o, "works", label, result->rc == 0, words);
    out_string(o, "scheme", result->scheme);
    if (out_is_json(o))
        out_number(o, "milliseconds", NULL, result->milliseconds, NULL);
    if (ends_all(result->rc))
        out_string(o, "reason", result->why); /* people are told at the end */
    else if (result->rc < 0)
        put_failure(r, result->rc, result->why);
    out_close(o);
}

static void try_one(struct run *r, const char *name, const char *label,
                    void (*test)(struct card_key *key, EVP_PKEY *public,
                                 struct test_result *out),
                    struct card_key *key, EVP_PKEY *public)
{
    struct test_result result = {.scheme = NULL};
    long long start = now_ms();

    if (r->ended < 0)
        return;
    r->waited = 0;
    test(key, public, &result);
    result.milliseconds = (unsigned)(now_ms() - start - r->waited);
    if (result.scheme == NULL)
        return;
    if (result.rc == 0 || result.rc == CARD_E_SELF_CHECK)
        r->answers[r->pin].right = true; /* it came to work */
    if (ends_all(result.rc))
        r->ended = result.rc;
    put_result(r, name, label, &result);
    if (r->ended < 0)
        card_fail(r->ended, "%s", result.why);
}

/* What the card says the key is for; if it says nothing, all it can do. */
static void try_key(struct run *r, struct card_key *key, EVP_PKEY *public)
{
    unsigned uses = card_key_info(key)->uses;

    if (uses == 0 || (uses & (CARD_USE_AUTH | CARD_USE_SIGN)) != 0)
        try_one(r, "signature", _("Signature"), test_sign, key, public);
    if (uses != 0 && (uses & CARD_USE_DECRYPT) == 0)
        return;
    try_one(r, "decryption", _("Decryption"), test_decrypt, key, public);
    try_one(r, "agreement", _("Key agreement"), test_derive, key, public);
}

/* ---- what it is good for ------------------------------------------------- */

static void put_tls(struct run *r, const struct card_key *key)
{
    const unsigned signs = CARD_CAN_PKCS1 | CARD_CAN_PKCS1_HASH |
                           CARD_CAN_PSS | CARD_CAN_ECDSA | CARD_CAN_EDDSA;
    const char *versions[] = {"1.2", "1.3"};
    unsigned can = test_can(key);
    bool old = test_is_tls12_only(can);

    if ((can & signs) == 0 || (card_key_info(key)->uses &
                               (CARD_USE_AUTH | CARD_USE_SIGN)) == 0)
        return;
    out_strings(r->t->out, "tls", _("TLS"), versions, old ? 1 : 2);
    if (old)
        out_line(r->t->out,
                 _("TLS 1.3 wants RSA-PSS signatures; this card makes PKCS#1 "
                   "v1.5 ones only, which TLS 1.2 takes."));
    out_flag(r->t->out, "tls12_only", NULL, old, NULL);
}

const char *test_validity(const struct cert_text *cert, bool *broken)
{
    int64_t left = cert->not_after - (int64_t)time(NULL);

    *broken = cert_validity(cert) != CERT_VALID;
    if (cert_validity(cert) == CERT_EXPIRED)
        return _("The certificate has expired: ask its issuer for a new one.");
    if (cert_validity(cert) == CERT_NOT_YET)
        return _("The certificate is not valid yet: is the clock right?");
    if (left < WARN_DAYS * (int64_t)SECONDS_A_DAY)
        return _("The certificate expires in less than 30 days: ask its "
                 "issuer for a new one.");
    return NULL;
}

static void put_certificate(struct run *r, size_t i)
{
    const char *warning;
    struct cert_text text;
    struct bytes der;
    size_t cert;
    bool broken;

    if (!card_cert_of_key(r->card, i, &cert) ||
        card_cert_at(r->card, cert, &der) == NULL || !cert_describe(der, &text))
        return;
    out_field(r->t->out, "until", _("Certificate until"), text.until);
    if ((warning = test_validity(&text, &broken)) == NULL)
        return;
    out_string(r->t->out, "warning", warning);
    out_line(r->t->out, "%s", warning);
    r->failed += broken;
}

/* What is known of the PIN that guards a key. */
static void take_pin(struct run *r, size_t key)
{
    const struct card_pin_info *info;

    r->pin = pin_of(r->card, key);
    info = card_pin_at(r->card, r->pin);
    r->info = info != NULL ? *info : (struct card_pin_info){.min_len = 0};
}

/* People are told at the end, once for all its keys. */
static void put_blocked(struct run *r)
{
    r->blocked = r->pin;
    out_string(r->t->out, "reason", _("its PIN is blocked"));
}

static void test_one(struct run *r, size_t i)
{
    const struct card_key_info *info = card_key_at(r->card, i);
    EVP_PKEY *public = NULL;
    struct card_key *key;
    struct bytes der;
    int rc;

    out_open(r->t->out, NULL);
    out_title(r->t->out, _("%s \"%s\""), list_key_title(info),
                  info->label);
    out_string(r->t->out, "label", info->label);
    take_pin(r, i);
    if (test_pin_blocked(r->card, r->pin)) {
        put_blocked(r);
    } else if ((rc = card_use_key(r->card, i, &key)) < 0) {
        put_failure(r, rc, card_error_sentence());
    } else {
        der = card_key_public(key);
        public = d2i_PUBKEY(NULL, &der.data, (long)der.len);
        if (public != NULL)
            try_key(r, key, public);
        else
            put_failure(r, CARD_E_UNSUPPORTED,
                        _("OpenSSL does not know this kind of key"));
        put_tls(r, key);
        card_key_free(key);
    }
    put_certificate(r, i);
    EVP_PKEY_free(public);
    out_close(r->t->out);
}

/* ---- the card ------------------------------------------------------------ */

static void put_card(struct run *r)
{
    struct card_identity id;

    card_identify(r->card, &id);
    out_title(r->t->out, _("%s in %s"), id.title, id.reader);
    out_string(r->t->out, "card", id.title);
    out_string(r->t->out, "reader", id.reader);
    out_string(r->t->out, "serial", id.serial);
    out_open_list(r->t->out, "keys");
    for (size_t i = 0; r->ended == 0 && card_key_at(r->card, i) != NULL; i++)
        test_one(r, i);
    out_close(r->t->out);
}

static void put_success(struct tool *t)
{
    struct tool_config config;

    tool_config(&config);
    out_line(t->out, _("The card works."));
    if (!config.activated)
        out_line(t->out, _("Next: tessera activate makes your programs find "
                           "it."));
}

/* An error that ended it stands in the sentence. */
static int conclude(struct run *r)
{
    bool empty = card_key_at(r->card, 0) == NULL;
    bool is_blocked = r->blocked < CARD_MAX_PINS;

    out_flag(r->t->out, "works", NULL,
             r->ended == 0 && r->failed == 0 && !empty && !is_blocked, NULL);
    if (r->prompted < 0)
        return test_pin_error(r->t, r->prompted);
    if (r->ended < 0)
        return tool_card_error(r->t, r->ended);
    if (is_blocked)
        return test_pin_say_blocked(r->t, r->card, r->blocked);
    if (empty)
        out_line(r->t->out, _("There is no key on this card."));
    else if (r->failed == 0)
        put_success(r->t);
    else
        out_line(r->t->out, _("Something is to be mended: see above."));
    return empty || r->failed > 0 ? TOOL_FINDINGS : TOOL_DONE;
}

/* A YubiKey is a PIV card and an OpenPGP card: one is tried at a time. */
static void tell_others(struct run *r, const struct card_set *set)
{
    struct card_identity id;

    for (size_t i = 0; i < set->count; i++) {
        if (set->cards[i] == r->card || card_key_at(set->cards[i], 0) == NULL)
            continue;
        card_identify(set->cards[i], &id);
        tool_say(r->t, _("This card has other keys: tessera test "
                         "'card:driver=%s'"), id.driver);
    }
}

static int test_card(struct tool *t, const char *text)
{
    struct run r = {.t = t, .pin = CARD_MAX_PINS - 1,
                    .blocked = CARD_MAX_PINS};
    struct card_set set;
    char sentence[512];
    int status;

    t->ask_pin = ask;
    t->ask_arg = &r;
    status = tool_choose(t, text, CARD_READ_OBJECTS | CARD_READ_PINS, &set,
                         &r.card);
    if (status != 0)
        return status;
    put_card(&r);
    snprintf(sentence, sizeof(sentence), "%s", card_error_sentence());
    tell_others(&r, &set);
    if (r.ended < 0)
        card_fail(r.ended, "%s", sentence);
    status = conclude(&r);
    card_set_free(&set);
    wipe_answers(&r);
    return status;
}

/* A server's address without its https://, which no card has for a name. */
static bool is_address(const char *text)
{
    const char *colon = strrchr(text, ':');

    if (card_uri_is_ours(text))
        return false;
    return strstr(text, "://") != NULL ||
           (colon != NULL && colon[1] != '\0' &&
            colon[1 + strspn(colon + 1, "0123456789/")] == '\0');
}

int test_run(struct tool *t, int argc, char **argv)
{
    struct test_login login = {.usage = NULL};
    const struct tool_option own[] = {{"ca", &login.ca, NULL, NULL},
                                      {"cacert", &login.ca, NULL, NULL},
                                      {"usage", &login.usage, NULL, NULL},
                                      {NULL, NULL, NULL, NULL}};

    if ((argc = tool_parse(t, own, 1, argc, argv)) < 0)
        return tool_parsed(t);
    if (argc > 1 && strncmp(argv[1], "https:", 6) == 0) {
        login.url = argv[1];
        return test_tls(t, &login);
    }
    if (argc > 1 && is_address(argv[1])) {
        tool_error(t, _("for a login at a server write https://HOST:PORT/"));
        return TOOL_USAGE;
    }
    if (login.ca != NULL || login.usage != NULL) {
        tool_error(t, _("--ca and --usage are for a login: tessera test "
                        "https://HOST/"));
        return TOOL_USAGE;
    }
    return test_card(t, argc > 1 ? argv[1] : NULL);
}
