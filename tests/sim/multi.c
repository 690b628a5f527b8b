/*
 * Two applications on one card: SELECT finds the one it names, which has all
 * commands from then on; the other forgets what it held in RAM.
 */
#include "tests/sim/multi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card/error.h"

enum { INS_SELECT = 0xA4, BY_NAME = 0x04, PATH_LEN = 512 };

struct multi {
    struct applet applet; /* first */
    struct applet *part[2];
    size_t current;
};

static struct multi *multi_of(struct applet *a)
{
    return (struct multi *)a;
}

struct applet *multi_part(struct applet *a, const char *name)
{
    struct multi *m = multi_of(a);

    for (size_t i = 0; i < nitems(m->part); i++)
        if (strcmp(m->part[i]->ops->name, name) == 0)
            return m->part[i];
    return NULL;
}

/* ---- commands ------------------------------------------------------------ */

static bool selects_by_name(struct bytes cmd)
{
    return cmd.len > 4 && cmd.data[0] == 0 && cmd.data[1] == INS_SELECT &&
           cmd.data[2] == BY_NAME;
}

static bool is_taken(struct bytes answer)
{
    uint8_t sw1 = answer.len < 2 ? 0 : answer.data[answer.len - 2];

    return sw1 == 0x90 || sw1 == 0x61;
}

static void make_current(struct multi *m, size_t index)
{
    for (size_t i = 0; i < nitems(m->part); i++)
        if (i != index)
            m->part[i]->ops->power(m->part[i]);
    m->current = index;
}

/* A name that none knows changes nothing; the last one's refusal is told. */
static int select_by_name(struct multi *m, struct bytes cmd, struct buf *rsp)
{
    size_t start = rsp->len;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < nitems(m->part); i++) {
        rsp->len = start;
        rc = m->part[i]->ops->process(m->part[i], cmd, rsp);
        if (rc == 0 && is_taken(bytes_from(rsp->data + start,
                                           rsp->len - start))) {
            make_current(m, i);
            return 0;
        }
    }
    return rc;
}

static int multi_process(struct applet *a, struct bytes cmd, struct buf *rsp)
{
    struct multi *m = multi_of(a);
    struct applet *current = m->part[m->current];

    return selects_by_name(cmd) ? select_by_name(m, cmd, rsp)
                                : current->ops->process(current, cmd, rsp);
}

/* ---- the card ------------------------------------------------------------ */

static struct bytes multi_atr(const struct applet *a)
{
    const struct applet *first = ((const struct multi *)a)->part[0];

    return first->ops->atr(first);
}

static void multi_power(struct applet *a)
{
    struct multi *m = multi_of(a);

    for (size_t i = 0; i < nitems(m->part); i++)
        m->part[i]->ops->power(m->part[i]);
    m->current = 0;
}

static void multi_tries(const struct applet *a, struct applet_tries *out)
{
    const struct applet *first = ((const struct multi *)a)->part[0];

    first->ops->tries(first, out);
}

static int multi_set_tries(struct applet *a, unsigned pin)
{
    struct applet *first = multi_of(a)->part[0];

    return first->ops->set_tries(first, pin);
}

static int multi_set(struct applet *a, const char *name, const char *value)
{
    struct multi *m = multi_of(a);
    const char *dot = strchr(name, '.');
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < nitems(m->part); i++) {
        struct applet *part = m->part[i];
        size_t len = strlen(part->ops->name);

        if (dot == NULL)
            rc = part->ops->set(part, name, value);
        else if (len == (size_t)(dot - name) &&
                 memcmp(name, part->ops->name, len) == 0)
            return part->ops->set(part, dot + 1, value);
    }
    return dot == NULL ? rc : card_fail(CARD_E_ARGUMENT,
                                        "no application for %s", name);
}

static void multi_free(struct applet *a)
{
    struct multi *m = multi_of(a);

    for (size_t i = 0; m != NULL && i < nitems(m->part); i++)
        if (m->part[i] != NULL)
            m->part[i]->ops->free(m->part[i]);
    free(m);
}

static const struct applet_ops yubikey_ops = {
    .name = "yubikey",
    .atr = multi_atr,
    .power = multi_power,
    .process = multi_process,
    .tries = multi_tries,
    .set_tries = multi_set_tries,
    .set = multi_set,
    .free = multi_free,
};

/* Each with a state of its own, beside the other's. */
static int make_part(struct multi *m, size_t index, const char *family,
                     const char *const *settings,
                     const struct sim_options *options)
{
    char state[PATH_LEN];
    const struct sim_options own = {
        options->dir, options->state != NULL ? state : NULL, settings};

    if (options->state != NULL &&
        (size_t)snprintf(state, sizeof(state), "%s.%s", options->state,
                         family) >= sizeof(state))
        return card_fail(CARD_E_ARGUMENT, "%s: too long", options->state);
    return sim_card_new(family, &own, &m->part[index]);
}

int yubikey_make(const struct sim_options *options, struct applet **out)
{
    static const char *const piv[] = {"yubico=yes", NULL};
    static const char *const openpgp[] = {"card=yubikey", NULL};
    struct multi *m = calloc(1, sizeof(*m));
    int rc;

    if (m == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    m->applet.ops = &yubikey_ops;
    if ((rc = make_part(m, 0, "piv", piv, options)) < 0 ||
        (rc = make_part(m, 1, "openpgp", openpgp, options)) < 0 ||
        (rc = sim_card_set_all(&m->applet, options)) < 0) {
        multi_free(&m->applet);
        return rc;
    }
    multi_power(&m->applet);
    *out = &m->applet;
    return 0;
}
