/*
 * The search among tokens of PKCS#11 modules. A token is asked for what the URI
 * names and no more; a PIN goes to one identified token, never to several.
 */
#include "card/search_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool search_is_for_tokens(const struct card_search *s)
{
    if (s->context->settings.module_count == 0)
        return false;
    return s->uri.driver != NULL
               ? strcmp(s->uri.driver, driver_pkcs11.name) == 0
               : s->uri.pkcs11;
}

/* ---- one token ----------------------------------------------------------- */

struct gathering {
    struct card_search *search;
    struct card *card;
};

/* The token has seen to label and id. */
static bool found_matches(const struct card_uri *uri,
                          const struct token_found *found)
{
    return found->kind == CARD_KIND_CERT
               ? uri->uses == 0
               : (uri->uses & ~found->key->uses) == 0;
}

static int copy_der(const struct gathering *g, const struct token_found *found,
                    struct buf *out)
{
    int rc = buf_new(out, found->der.len);

    if (rc < 0)
        return rc;
    return found->in_cert
               ? crypto_cert_spki(g->search->context->crypto, found->der, out)
               : buf_put(out, found->der);
}

/* All of an object, or no entry. */
static int gather(void *arg, const struct token_found *found)
{
    const struct gathering *g = arg;
    struct search_entry *e;
    struct buf der;
    int rc;

    if (!found_matches(&g->search->uri, found))
        return 0;
    if ((rc = copy_der(g, found, &der)) < 0 ||
        (rc = search_add(g->search, g->card, found->kind, &e)) < 0) {
        buf_free(&der);
        return rc;
    }
    e->der = der;
    if (found->key != NULL) {
        e->key = *found->key;
        memcpy(e->label, found->key->label, sizeof(e->label));
    } else {
        memcpy(e->label, found->cert->label, sizeof(e->label));
    }
    return 0;
}

static void log_passed_over(void *context)
{
    card_log(context, "%s", card_error_sentence());
}

static int find_in(struct card_search *s, struct card *c, unsigned kinds,
                   token_found_fn *found, void *arg)
{
    const struct token_query query = {kinds, s->uri.object, &s->uri.id,
                                      log_passed_over, s->context};
    int rc;

    if ((rc = card_begin(c)) < 0)
        return card_fail_in(rc, "%s", c->name);
    rc = c->token.driver->find(&c->token, &query, found, arg);
    card_end(c, READER_LEAVE);
    return rc < 0 ? card_fail_in(rc, "%s", c->name) : 0;
}

static int gather_in(struct card_search *s, struct card *c, unsigned kinds)
{
    struct gathering g = {s, c};

    return find_in(s, c, kinds, gather, &g);
}

/* ---- login --------------------------------------------------------------- */

static int new_door(struct card_search *s, struct card *c,
                    struct card_key **out)
{
    int rc = key_new_door(c, out);

    if (rc < 0)
        return rc;
    (*out)->quiet = s->kinds != CARD_KIND_PRIVATE &&
                    !s->context->settings.login_always;
    if ((rc = search_name_pin(s, *out)) < 0) {
        card_fail_in(rc, "%s", c->name);
        card_key_free(*out);
    }
    return rc;
}

/* Log in with what is stored, or with what the program or a person gives. */
static int log_in(struct card_search *s, struct card *c)
{
    struct card_key *door;
    int rc = new_door(s, c, &door);

    if (rc < 0)
        return rc;
    if (s->may_log_in)
        rc = card_key_fetch_pin(door, s->ask, s->ask_arg);
    if (rc == 0 && (rc = key_login(door)) == 0) {
        secret_free(s->fetched);
        s->fetched = secret_ref(door->fetched_pin);
    }
    card_key_free(door);
    return rc;
}

static bool pin_at_hand(struct card_search *s, struct card *c)
{
    struct card_key *door;
    bool at_hand = false;

    if (new_door(s, c, &door) < 0)
        return false;
    if (pin_is_at_hand(door, &at_hand) < 0)
        at_hand = false;
    card_key_free(door);
    return at_hand;
}

static int count_one(void *arg, const struct token_found *found)
{
    size_t *count = arg;

    (void)found;
    ++*count;
    return 0;
}

/*
 * The token to log in to: the only one, or the only one that shows something
 * public of what the URI names. NULL: none can be told, as where one of them
 * cannot be read: it may be the one that is meant.
 */
static struct card *choose_hidden(struct card_search *s)
{
    struct card *chosen = NULL;

    if (s->hidden_count == 1)
        return s->hidden[0];
    for (size_t i = 0; i < s->hidden_count; i++) {
        size_t count = 0;

        if (find_in(s, s->hidden[i], CARD_KIND_PUBLIC | CARD_KIND_CERT,
                    count_one, &count) < 0) {
            card_log(s->context, "%s", card_error_sentence());
            return NULL;
        }
        if (count == 0)
            continue;
        if (chosen != NULL)
            return NULL;
        chosen = s->hidden[i];
    }
    return chosen;
}

static int log_in_and_gather(struct card_search *s, struct card *c)
{
    int rc = log_in(s, c);

    return rc < 0 ? rc
                  : gather_in(s, c, s->context->settings.login_always
                                        ? s->kinds : CARD_KIND_PRIVATE);
}

static int not_found(const struct card_search *s)
{
    if (s->seen[0] == '\0')
        return card_fail(CARD_E_NOT_FOUND, "no token matches the URI; %s%s",
                         s->others[0] != '\0' ? "there is " : "none is there",
                         s->others);
    return card_fail(CARD_E_NOT_FOUND, "nothing matches on the tokens %s",
                     s->seen);
}

static int ambiguous(const struct card_search *s)
{
    return card_fail(CARD_E_AMBIGUOUS,
                     "the PIN was not presented: more than one token matches, "
                     "%s and %s; name one by token= or serial=",
                     s->hidden[0]->name, s->hidden[1]->name);
}

/* Who lists everything is content with what is public. */
static int quietly(const struct card_search *s, int rc)
{
    if (rc == 0 || s->kinds == CARD_KIND_PRIVATE || s->count == 0)
        return rc;
    card_log(s->context, "%s", card_error_sentence());
    return 0;
}

int search_hidden(struct card_search *s)
{
    struct card *c = choose_hidden(s);
    int rc;

    rc = c == NULL ? ambiguous(s) : log_in_and_gather(s, c);
    search_forget_hidden(s);
    if ((rc = quietly(s, rc)) < 0)
        return rc;
    return s->count > 0 ? 0 : not_found(s);
}

/* ---- all tokens ---------------------------------------------------------- */

struct open_tokens {
    struct card *cards[SEARCH_MAX_TOKENS]; /* references */
    size_t count;
    int failed; /* of a module or token */
    char sentence[512];
};

static void note_failure(struct card_search *s, struct open_tokens *open,
                         int rc)
{
    card_log(s->context, "%s", card_error_sentence());
    if (open->failed == 0) {
        open->failed = rc;
        snprintf(open->sentence, sizeof(open->sentence), "%s",
                 card_error_sentence());
    }
}

static bool slot_matches(const struct card_search *s, struct p11_module *m,
                         const struct p11_slot_entry *slot)
{
    char description[65] = "", manufacturer[33] = "";

    if (!match_slot(&s->uri, slot) || !match_library(&s->uri, m))
        return false;
    if (!match_wants_slot_words(&s->uri))
        return true;
    return p11_module_slot_words(m, slot->id, description, manufacturer) == 0 &&
           match_slot_words(&s->uri, description, manufacturer);
}

static void open_slot(struct card_search *s, struct p11_module *m,
                      const struct p11_slot_entry *slot,
                      struct open_tokens *open)
{
    int rc;

    if (!slot_matches(s, m, slot)) {
        search_note(s->others, slot->token.label);
        return;
    }
    search_note(s->seen, slot->token.label);
    rc = open->count == nitems(open->cards)
             ? card_fail(CARD_E_LIMIT, "more than %d tokens match",
                         SEARCH_MAX_TOKENS)
             : card_open_token(s->context, m, slot,
                               &open->cards[open->count]);
    if (rc < 0)
        note_failure(s, open, rc);
    else
        open->count++;
}

static void open_module(struct card_search *s, struct p11_module *m,
                        struct p11_slot_list *list, struct open_tokens *open)
{
    int rc = p11_module_slots(m, list);

    if (rc < 0) {
        note_failure(s, open, rc);
        return;
    }
    for (size_t i = 0; i < list->count; i++)
        open_slot(s, m, &list->entries[i], open);
}

static int open_all(struct card_search *s, struct open_tokens *open)
{
    const struct card_context *ctx = s->context;
    struct p11_slot_list *list;

    if (p11_is_inside())
        return card_fail(CARD_E_BUSY, "a PKCS#11 module looks for a token");
    if ((list = calloc(1, sizeof(*list))) == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    for (size_t i = 0; i < ctx->settings.module_count; i++)
        open_module(s, ctx->modules[i], list, open);
    free(list);
    return 0;
}

/* Tokens that may hide what is wanted; one whose PIN is at hand is opened. */
static int look_behind(struct card_search *s, const struct open_tokens *open)
{
    struct card *c;
    int rc;

    for (size_t i = 0; i < open->count; i++)
        if (card_is_hidden(open->cards[i]))
            s->hidden[s->hidden_count++] = card_ref(open->cards[i]);
    if (s->hidden_count == 0 || (c = choose_hidden(s)) == NULL ||
        !pin_at_hand(s, c))
        return 0;
    rc = log_in(s, c);
    search_forget_hidden(s);
    if (rc < 0 && s->kinds != CARD_KIND_PRIVATE) {
        card_log(s->context, "%s", card_error_sentence());
        rc = 0;
    }
    return rc;
}

static bool wants_login(const struct card_search *s)
{
    return (s->kinds & CARD_KIND_PRIVATE) != 0 ||
           s->context->settings.login_always;
}

/* One that is to be logged in to first gives nothing before. */
static bool is_for_later(const struct card_search *s, const struct card *c)
{
    for (size_t i = 0; i < s->hidden_count; i++)
        if (s->hidden[i] == c)
            return s->context->settings.login_always;
    return false;
}

static int gather_all(struct card_search *s, struct open_tokens *open)
{
    int rc;

    if (wants_login(s) && (rc = look_behind(s, open)) < 0)
        return rc;
    for (size_t i = 0; i < open->count; i++)
        if (!is_for_later(s, open->cards[i]) &&
            (rc = gather_in(s, open->cards[i], s->kinds)) < 0)
            note_failure(s, open, rc);
    if (s->count > 0 && s->kinds == CARD_KIND_PRIVATE)
        search_forget_hidden(s);
    if (s->count > 0)
        return search_check_one_card(s);
    if (open->failed != 0)
        return card_fail(open->failed, "%s", open->sentence);
    return not_found(s);
}

static void close_all(struct open_tokens *open)
{
    while (open->count > 0)
        card_unref(open->cards[--open->count]);
}

int search_tokens(struct card_search *s)
{
    struct open_tokens open = {.count = 0};
    int rc;

    if (s->uri.issuer != NULL || s->uri.subject != NULL)
        return card_fail(CARD_E_UNSUPPORTED, "issuer= and subject= name what "
                         "is on cards: name a token's by object= or id=");
    rc = open_all(s, &open);
    if (rc == 0)
        rc = gather_all(s, &open);
    /* Sessions, and the login, were lost since they were last looked at. */
    if (rc == CARD_E_RESET && s->count == 0) {
        search_forget_hidden(s);
        open.failed = 0;
        rc = gather_all(s, &open);
    }
    close_all(&open);
    return rc;
}

static int the_only_one(const struct card_search *s,
                        const struct open_tokens *open)
{
    if (open->count == 1)
        return 0;
    if (open->count > 1)
        return card_fail(CARD_E_AMBIGUOUS, "more than one token matches, %s "
                         "and %s; name one by token= or serial=",
                         open->cards[0]->name, open->cards[1]->name);
    if (open->failed != 0)
        return card_fail(open->failed, "%s", open->sentence);
    return not_found(s);
}

int search_one_token(struct card_search *s, struct card **out)
{
    struct open_tokens open = {.count = 0};
    int rc = open_all(s, &open);

    if (rc == 0 && (rc = the_only_one(s, &open)) == 0 &&
        (rc = log_in(s, open.cards[0])) == 0)
        *out = card_ref(open.cards[0]);
    close_all(&open);
    return rc;
}
