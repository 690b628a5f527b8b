/*
 * sim-vpcd, door 2: a simulated card in the virtual reader of a real pcscd.
 * It listens on no network; it connects to 127.0.0.1 (fact sheet vpcd).
 */
#include "tests/sim/vpcd.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "card/error.h"
#include "tests/sim/cps3.h"

enum {
    PATH_LEN = 512,
    DEFAULT_PORT = 35963,
    OVERRIDE_MAX = 65535,
    MAX_SETTINGS = 32
};

/* A CPS3 has options of its own; other families are made by settings. */
struct arguments {
    struct cps3_options card;
    const char *family;
    const char *settings[MAX_SETTINGS + 1];
    size_t setting_count;
    const char *control;
    unsigned short port;
    uint8_t *contents[CPS3_MAX_OVERRIDES]; /* owned */
};

static int usage(void)
{
    fputs("usage: sim-vpcd --dir DIR [--port N] [--control PATH]\n"
          "         [--state FILE] [--pin N] [--puk N] [--serial NNNNNNNN]\n"
          "         [--logical-id NNNNNNNNNN] [--file PATH=FILE]\n"
          "         [--cert-padding BYTES] [--t1] [--tail-6282] [--no-sdo]\n"
          "         [--actualisation] [--endless]\n"
          "   or: sim-vpcd --card FAMILY --dir DIR [--port N] "
          "[--control PATH]\n"
          "         [--state FILE] [--set NAME=VALUE]...\n"
          "Control lines: apdus, reset-count, tries, set-tries N,\n"
          "  fail N none|one-byte|truncated|over-long|silence|remove|SW,\n"
          "  tear N before|after, pull, insert, inserted, log PATH|off,\n"
          "  wrong none|flip|previous|other, set NAME VALUE, quit\n",
          stderr);
    return 2;
}

static bool set_flag(struct cps3_options *o, const char *name)
{
    if (strcmp(name, "--t1") == 0)
        o->t1 = true;
    else if (strcmp(name, "--tail-6282") == 0)
        o->tail = CPS3_TAIL_6282;
    else if (strcmp(name, "--no-sdo") == 0)
        o->no_sdo = true;
    else if (strcmp(name, "--actualisation") == 0)
        o->actualisation = true;
    else if (strcmp(name, "--endless") == 0)
        o->endless = true;
    else
        return false;
    return true;
}

/* "3F0000017002=file": that file's bytes instead of the EF's. */
static bool add_override(struct arguments *a, char *value)
{
    size_t n = a->card.override_count;
    char *file_name = strchr(value, '=');
    FILE *file;
    size_t len;

    if (file_name == NULL || n == CPS3_MAX_OVERRIDES)
        return false;
    *file_name++ = '\0';
    if ((file = fopen(file_name, "rb")) == NULL)
        return false;
    if ((a->contents[n] = malloc(OVERRIDE_MAX)) != NULL) {
        len = fread(a->contents[n], 1, OVERRIDE_MAX, file);
        a->card.overrides[n].path = value;
        a->card.overrides[n].content = bytes_from(a->contents[n], len);
        a->card.override_count++;
    }
    fclose(file);
    return a->contents[n] != NULL;
}

static bool set_value(struct arguments *a, const char *name, char *value)
{
    struct cps3_options *o = &a->card;

    if (strcmp(name, "--dir") == 0)
        o->dir = value;
    else if (strcmp(name, "--state") == 0)
        o->state = value;
    else if (strcmp(name, "--control") == 0)
        a->control = value;
    else if (strcmp(name, "--port") == 0)
        a->port = (unsigned short)strtoul(value, NULL, 10);
    else if (strcmp(name, "--pin") == 0)
        o->pin = value;
    else if (strcmp(name, "--puk") == 0)
        o->puk = value;
    else if (strcmp(name, "--serial") == 0)
        o->serial = value;
    else if (strcmp(name, "--logical-id") == 0)
        o->logical_id = value;
    else if (strcmp(name, "--cert-padding") == 0)
        o->cert_padding = (size_t)strtoul(value, NULL, 10);
    else if (strcmp(name, "--file") == 0)
        return add_override(a, value);
    else if (strcmp(name, "--card") == 0)
        a->family = value;
    else if (strcmp(name, "--set") == 0 && a->setting_count < MAX_SETTINGS)
        a->settings[a->setting_count++] = value;
    else
        return false;
    return true;
}

static bool parse_arguments(struct arguments *a, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (set_flag(&a->card, argv[i]))
            continue;
        if (i + 1 == argc || !set_value(a, argv[i], argv[i + 1]))
            return false;
        i++;
    }
    return a->card.dir != NULL;
}

static int make_card(const struct arguments *a, struct applet **out)
{
    const struct sim_options options = {a->card.dir, a->card.state,
                                        a->settings};

    if (a->family != NULL)
        return sim_card_new(a->family, &options, out);
    return cps3_new(&a->card, out);
}

/* Wait for something and serve it. */
static int serve(struct vpcd *v)
{
    struct pollfd fds[2 + CONTROL_CLIENTS];
    int rc = 0;

    fds[0] = (struct pollfd){v->link, POLLIN, 0};
    fds[1] = (struct pollfd){v->listener, POLLIN, 0};
    for (size_t i = 0; i < CONTROL_CLIENTS; i++)
        fds[2 + i] = (struct pollfd){v->clients[i].fd, POLLIN, 0};
    if (poll(fds, nitems(fds), -1) < 0)
        return errno == EINTR ? 0
                              : card_fail(CARD_E_COMM, "poll: %s",
                                          strerror(errno));
    if (fds[0].revents != 0)
        rc = link_serve(v);
    if (fds[1].revents != 0)
        control_accept(v);
    for (size_t i = 0; i < CONTROL_CLIENTS; i++)
        if (fds[2 + i].revents != 0)
            control_serve(v, &v->clients[i]);
    return rc;
}

/* A reader that went away may come back: pcscd was restarted. */
static int run(struct vpcd *v)
{
    int rc = link_insert(v);

    while (rc == 0 && !v->quit) {
        rc = serve(v);
        if (rc == CARD_E_COMM && v->inserted && !v->quit) {
            link_pull(v);
            rc = link_insert(v);
        }
    }
    return rc;
}

static void vpcd_close(struct vpcd *v, const char *control)
{
    if (v->link >= 0)
        close(v->link);
    for (size_t i = 0; i < CONTROL_CLIENTS; i++)
        if (v->clients[i].fd >= 0)
            close(v->clients[i].fd);
    if (v->listener >= 0) {
        close(v->listener);
        unlink(control);
    }
    if (v->log != NULL)
        fclose(v->log);
    if (v->card != NULL)
        v->card->ops->free(v->card);
}

int main(int argc, char **argv)
{
    struct arguments a = {.port = DEFAULT_PORT};
    struct vpcd v = {.link = -1, .listener = -1};
    char state[PATH_LEN];
    int rc;

    for (size_t i = 0; i < CONTROL_CLIENTS; i++)
        v.clients[i].fd = -1;
    if (!parse_arguments(&a, argc, argv))
        return usage();
    if (a.card.state == NULL) {
        snprintf(state, sizeof(state), "%s/state", a.card.dir);
        a.card.state = state;
    }
    v.port = a.port;
    rc = make_card(&a, &v.card);
    if (rc == 0 && a.control != NULL)
        rc = control_open(&v, a.control);
    if (rc == 0)
        rc = run(&v);
    if (rc < 0)
        fprintf(stderr, "sim-vpcd: %s\n", card_error_sentence());
    vpcd_close(&v, a.control);
    for (size_t i = 0; i < CPS3_MAX_OVERRIDES; i++)
        free(a.contents[i]);
    return rc < 0 ? 1 : 0;
}
