/*
 * Which card is meant.
 */
#include "card/tool/tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What was asked for, taken apart. */
struct wanted {
    const char *text;     /* NULL: the only card */
    bool is_uri;
    struct card_uri uri;
    size_t number;        /* of a reader, from 1; 0: none */
};

static int parse(const char *text, struct wanted *w)
{
    char *end;
    unsigned long number;

    memset(w, 0, sizeof(*w));
    w->text = text;
    if (text == NULL)
        return 0;
    if (card_uri_is_ours(text)) {
        int rc = card_uri_parse(text, &w->uri);

        w->is_uri = rc == 0;
        return rc;
    }
    number = strtoul(text, &end, 10);
    if (*end == '\0' && number > 0 && number <= READER_MAX_LIST)
        w->number = (size_t)number;
    return 0;
}

static bool wants_reader(const struct wanted *w, size_t i, const char *name)
{
    if (w->is_uri)
        return w->uri.reader == NULL || strstr(name, w->uri.reader) != NULL;
    return w->number == 0 || w->number == i + 1;
}

/* The card is named by where it is. */
static bool names_reader(const struct wanted *w, const char *name)
{
    return w->number != 0 || (w->is_uri && w->uri.reader != NULL) ||
           (w->text != NULL && !w->is_uri && strstr(name, w->text) != NULL);
}

/* Part of the reader's name, or the number on the card. */
static bool wants_application(const struct wanted *w, const struct card *c)
{
    struct card_identity id;

    card_identify(c, &id);
    if (w->text == NULL || w->number != 0)
        return true;
    if (w->is_uri)
        return (w->uri.serial == NULL ||
                strcmp(w->uri.serial, id.serial) == 0) &&
               (w->uri.driver == NULL ||
                strcmp(w->uri.driver, id.driver) == 0) &&
               (w->uri.token == NULL || strcmp(w->uri.token, id.label) == 0);
    return strcmp(w->text, id.serial) == 0 ||
           strstr(id.reader, w->text) != NULL;
}

static struct card *application_of(const struct wanted *w,
                                   const struct card_set *set)
{
    struct card *first = NULL;

    for (size_t i = 0; i < set->count; i++)
        if (wants_application(w, set->cards[i])) {
            if (card_key_at(set->cards[i], 0) != NULL)
                return set->cards[i];
            if (first == NULL)
                first = set->cards[i];
        }
    return first;
}

/* Cards that match; the last one's set stays open in *set. */
struct matches {
    size_t count;
    int failure;        /* of a card that could not be read, or 0 */
    size_t unknown;     /* cards no driver knows, the last one's reader: */
    const char *reader;
    char sentence[512];
    char names[1024];   /* for the message */
    char empty[READER_NAME_MAX]; /* a reader that was named, without a card */
};

static void note_failure(struct matches *m, int rc)
{
    if (m->failure != 0 && m->failure != CARD_E_NOT_MINE)
        return;
    m->failure = rc;
    snprintf(m->sentence, sizeof(m->sentence), "%s", card_error_sentence());
}

static void note_name(struct matches *m, size_t number, const struct card *c)
{
    size_t used = strlen(m->names);
    struct card_identity id;

    card_identify(c, &id);
    snprintf(m->names + used, sizeof(m->names) - used, "%s%zu (%s)",
             used > 0 ? ", " : "", number, id.title);
}

static void try_reader(struct card_context *ctx, const struct wanted *w,
                       const char *name, size_t number, unsigned what,
                       struct matches *m, struct card_set *set,
                       struct card **application)
{
    struct card_set fresh;
    struct card *found;
    int rc = card_open_all(ctx, name, 0, what, &fresh);

    if (rc == CARD_E_NOT_MINE) {
        m->unknown++;
        m->reader = name;
    }
    if (rc < 0) {
        note_failure(m, rc);
        return;
    }
    if ((found = application_of(w, &fresh)) == NULL) {
        card_set_free(&fresh);
        return;
    }
    m->count++;
    note_name(m, number, found);
    card_set_free(set);
    *set = fresh;
    *application = found;
}

static int search(struct card_context *ctx, const struct wanted *w,
                  struct reader_states *readers, unsigned what,
                  struct matches *m, struct card_set *set,
                  struct card **application)
{
    int rc = card_readers(ctx, readers, 0);

    if (rc == 0 && readers->count == 0)
        rc = card_fail(CARD_E_NO_READER, "PC/SC knows none");
    for (size_t i = 0; rc == 0 && i < readers->count; i++) {
        const struct reader_state *r = &readers->readers[i];

        if (!wants_reader(w, i, r->name))
            continue;
        if (r->presence != READER_PRESENT && names_reader(w, r->name))
            snprintf(m->empty, sizeof(m->empty), "%s", r->name);
        else if (r->presence == READER_PRESENT)
            try_reader(ctx, w, r->name, i + 1, what, m, set, application);
    }
    return rc;
}

/* Who types a PIN there does not want it in a terminal's or a job's log. */
static bool may_be_pin(const char *text)
{
    return text[strspn(text, "0123456789")] == '\0';
}

static int judge(struct tool *t, const struct wanted *w,
                 const struct matches *m)
{
    if (m->count == 1)
        return 0;
    if (m->count > 1) {
        tool_error(t, _("more than one card is there: %s. Name one, by its "
                        "number or serial number: tessera %s --card NUMBER"),
                   m->names, t->command);
        return TOOL_NOTHING;
    }
    if (m->failure == 0 && m->empty[0] != '\0') {
        tool_error(t, _("no card is in the reader %s: put it in, the chip "
                        "first"), m->empty);
        return TOOL_NOTHING;
    }
    if (m->failure != 0)
        return tool_card_error(t, card_fail(m->failure, "%s", m->sentence));
    if (w->text != NULL)
        tool_error(t, _("no card is there that \"%s\" names; tessera list "
                        "shows those that are"),
                   may_be_pin(w->text) ? "***" : w->text);
    else
        tool_error(t, _("no card is in a reader: put it in, the chip first"));
    return TOOL_NOTHING;
}

/* An unknown card is one only for those who can show it. */
static int conclude(struct tool *t, const struct wanted *w,
                    const struct matches *m, char unknown[READER_NAME_MAX])
{
    if (unknown == NULL || m->count > 0 || m->unknown != 1)
        return judge(t, w, m);
    snprintf(unknown, READER_NAME_MAX, "%s", m->reader);
    return 0;
}

int tool_choose_any(struct tool *t, const char *text, unsigned what,
                    struct card_set *set, struct card **application,
                    char unknown[READER_NAME_MAX])
{
    struct reader_states *readers = calloc(1, sizeof(*readers));
    struct matches m = {.count = 0};
    struct card_context *ctx;
    struct wanted w = {.is_uri = false};
    int rc, status;

    set->count = 0;
    if (readers == NULL)
        rc = card_fail(CARD_E_MEMORY, "out of memory");
    else if ((rc = parse(text != NULL ? text : t->options.card, &w)) == 0 &&
             (rc = tool_context(t, &ctx)) == 0)
        rc = search(ctx, &w, readers, what, &m, set, application);
    status = rc < 0 ? tool_card_error(t, rc) : conclude(t, &w, &m, unknown);
    if (w.is_uri)
        card_uri_clear(&w.uri);
    if (status != 0)
        card_set_free(set);
    free(readers);
    return status;
}

int tool_choose(struct tool *t, const char *text, unsigned what,
                struct card_set *set, struct card **application)
{
    return tool_choose_any(t, text, what, set, application, NULL);
}
