/*
 * tessera watch: what list shows, and then each card that comes or goes. The
 * service wakes us; nothing is polled while it is there.
 */
#include "card/tool/list.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RETRY_S = 2, FOR_EVER = -1 };

static const struct reader_state *find(const struct reader_states *all,
                                       const char *name)
{
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(all->readers[i].name, name) == 0)
            return &all->readers[i];
    return NULL;
}

/* A line of its own, in JSON a document. */
static bool tell(struct tool *t, const char *event, const char *words,
                 const char *reader)
{
    out_string(t->out, "event", event);
    out_string(t->out, "reader", reader);
    out_line(t->out, _("%s: %s"), words, reader);
    return out_flush(t->out);
}

static bool tell_card(struct tool *t, size_t number,
                      const struct reader_state *reader)
{
    out_string(t->out, "event", "card inserted");
    out_open_list(t->out, "readers");
    list_reader(t, number, reader);
    out_close(t->out);
    return out_flush(t->out);
}

/* A card may have been changed for another between two looks. */
static bool is_other_card(const struct reader_state *was,
                          const struct reader_state *is)
{
    return was->presence != is->presence || was->events != is->events;
}

static bool tell_gone(struct tool *t, const struct reader_states *was,
                      const struct reader_states *is)
{
    for (size_t i = 0; i < was->count; i++) {
        const struct reader_state *before = &was->readers[i];
        const struct reader_state *now = find(is, before->name);
        bool ok = true;

        if (now == NULL)
            ok = tell(t, "reader removed", _("reader removed"), before->name);
        else if (before->presence == READER_PRESENT &&
                 is_other_card(before, now))
            ok = tell(t, "card removed", _("card removed"), before->name);
        if (!ok)
            return false;
    }
    return true;
}

static bool tell_come(struct tool *t, const struct reader_states *was,
                      const struct reader_states *is)
{
    for (size_t i = 0; i < is->count; i++) {
        const struct reader_state *now = &is->readers[i];
        const struct reader_state *before = find(was, now->name);
        bool ok = true;

        if (before == NULL)
            ok = tell(t, "reader added", _("reader added"), now->name);
        if (ok && now->presence != READER_EMPTY &&
            (before == NULL || is_other_card(before, now)))
            ok = tell_card(t, i + 1, now);
        if (!ok)
            return false;
    }
    return true;
}

/* The service may be started anew, or by a socket at the next question. */
static void wait_for_service(void)
{
    const struct timespec pause = {.tv_sec = RETRY_S};

    nanosleep(&pause, NULL);
}

/* Until an error; 0: standard output takes no more. */
static int watch(struct tool *t, struct card_context *ctx,
                 struct reader_states *was, struct reader_states *is)
{
    int rc;

    *is = *was;
    while ((rc = card_readers(ctx, is, is->known ? FOR_EVER : 0)) == 0) {
        if (!tell_gone(t, was, is) || !tell_come(t, was, is))
            return 0;
        *was = *is;
    }
    return rc;
}

static int watch_for_ever(struct tool *t, struct card_context *ctx,
                          struct reader_states *both)
{
    static const struct reader_states nothing;
    bool said = false;
    int rc;

    for (;;) {
        rc = watch(t, ctx, &both[0], &both[1]);
        if (rc == 0)
            return TOOL_DONE; /* main.c tells */
        if (rc != CARD_E_NO_SERVICE)
            return tool_card_error(t, rc);
        if (!said)
            tool_card_error(t, rc);
        said = true;
        if (!tell_gone(t, &both[0], &nothing))
            return TOOL_DONE;
        both[0] = nothing;
        wait_for_service();
    }
}

int watch_run(struct tool *t, int argc, char **argv)
{
    struct reader_states *both;
    struct card_context *ctx;
    int rc, status;

    if (tool_parse(t, NULL, 0, argc, argv) < 0)
        return tool_parsed(t);
    if ((rc = tool_context(t, &ctx)) < 0)
        return tool_card_error(t, rc);
    if ((both = calloc(2, sizeof(*both))) == NULL)
        return tool_card_error(t, card_fail(CARD_E_MEMORY, "out of memory"));
    status = watch_for_ever(t, ctx, both);
    free(both);
    return status;
}
