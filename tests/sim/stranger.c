/*
 * The stranger: as much of ISO 7816-4 as lets people see what it is.
 */
#include "tests/sim/stranger.h"

#include <stdlib.h>

#include "card/error.h"
#include "tests/sim/frame.h"

enum { INS_SELECT = 0xA4, INS_READ_BINARY = 0xB0, BY_FID = 0x02 };

static const uint8_t atr[] = {0x3B, 0x86, 0x01, 0x53, 0x54, 0x52,
                              0x41, 0x4E, 0x47, 0x9A};
/* 61 { 4F AID, 50 label }: of a proprietary, unregistered category (F0). */
static const uint8_t dir[] = {0x61, 0x10, 0x4F, 0x06, 0xF0, 0x01, 0x02, 0x03,
                              0x04, 0x05, 0x50, 0x06, 'n',  'o',  'b',  'o',
                              'd',  'y'};
static const uint8_t ef_atr[] = {0x80, 0x43, 0x01, 0x80};

struct stranger {
    struct applet applet;
    struct sim_frame frame;
    struct bytes file; /* the current one */
};

static unsigned select_file(struct stranger *s, const struct sim_command *cmd)
{
    unsigned fid;

    if (cmd->body.len != 2 || (cmd->p1 != 0 && cmd->p1 != BY_FID))
        return SIM_SW_NOT_FOUND;
    fid = (unsigned)cmd->body.data[0] << 8 | cmd->body.data[1];
    s->file = bytes_from(NULL, 0);
    if (fid == 0x2F00)
        s->file = BYTES_OF(dir);
    else if (fid == 0x2F01)
        s->file = BYTES_OF(ef_atr);
    else if (fid != 0x3F00)
        return SIM_SW_NOT_FOUND;
    return SIM_SW_OK;
}

static unsigned run(void *card, const struct sim_command *cmd, struct buf *out)
{
    struct stranger *s = card;

    if (cmd->cla != 0)
        return SIM_SW_CLA;
    if (cmd->ins == INS_SELECT)
        return select_file(s, cmd);
    if (cmd->ins != INS_READ_BINARY)
        return SIM_SW_INS;
    if (s->file.len == 0)
        return SIM_SW_NO_EF;
    return sim_read_binary(&s->frame, s->file,
                           (size_t)cmd->p1 << 8 | cmd->p2, cmd->le, out);
}

static struct bytes stranger_atr(const struct applet *a)
{
    (void)a;
    return BYTES_OF(atr);
}

static void stranger_power(struct applet *a)
{
    struct stranger *s = (struct stranger *)a;

    sim_frame_power(&s->frame);
    s->file = bytes_from(NULL, 0);
}

static int stranger_process(struct applet *a, struct bytes cmd,
                            struct buf *rsp)
{
    struct stranger *s = (struct stranger *)a;

    return sim_frame_process(&s->frame, run, s, cmd, rsp);
}

static void stranger_tries(const struct applet *a, struct applet_tries *out)
{
    (void)a;
    out->pin = out->puk = 0;
}

static int stranger_set_tries(struct applet *a, unsigned pin)
{
    (void)pin;
    return card_fail(CARD_E_ARGUMENT, "%s has no PIN", a->ops->name);
}

static int stranger_set(struct applet *a, const char *name, const char *value)
{
    struct stranger *s = (struct stranger *)a;

    return sim_frame_set(&s->frame, name, value)
               ? 0
               : card_fail(CARD_E_ARGUMENT, "no setting \"%s\"", name);
}

static void stranger_free(struct applet *a)
{
    struct stranger *s = (struct stranger *)a;

    if (s != NULL)
        sim_frame_clear(&s->frame);
    free(s);
}

static const struct applet_ops ops = {
    .name = "stranger",
    .atr = stranger_atr,
    .power = stranger_power,
    .process = stranger_process,
    .tries = stranger_tries,
    .set_tries = stranger_set_tries,
    .set = stranger_set,
    .free = stranger_free,
};

int stranger_make(const struct sim_options *options, struct applet **out)
{
    struct stranger *s = calloc(1, sizeof(*s));
    int rc;

    if (s == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    s->applet.ops = &ops;
    s->frame.t1 = true;
    if ((rc = sim_frame_init(&s->frame)) == 0)
        rc = sim_card_set_all(&s->applet, options);
    if (rc < 0) {
        stranger_free(&s->applet);
        return rc;
    }
    *out = &s->applet;
    return 0;
}
