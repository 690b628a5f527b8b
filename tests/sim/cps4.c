/*
 * A simulated CPS4 (fact sheet cps3): its channels, selection, reading, PINs.
 */
#include "tests/sim/cps4.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card/error.h"
#include "tests/sim/cps4_int.h"
#include "tests/sim/template.h"

enum {
    INS_VERIFY = 0x20,
    INS_MSE = 0x22,
    INS_CHANGE = 0x24,
    INS_PSO = 0x2A,
    INS_RESET_RETRY = 0x2C,
    INS_SELECT = 0xA4,
    INS_READ_BINARY = 0xB0,
    BY_NAME = 0x04,
    WITH_FCP = 0x04,
    NO_ANSWER = 0x0C,
    FID_MF = 0x3F00,
    FID_DF = 0x0001,
    PIN_LEN = 8,
    PIN_TRIES = 3,
    RECOVERED = 2 /* steps before ChipDoc itself */
};

static const uint8_t atr_t1[] = {0x3B, 0x9B, 0x18, 0x80, 0x01, 0x00,
                                 0x12, 0x25, 0x00, 0x64, 0x80, 0x04,
                                 0x01, 0x00, 0x00, 0x90, 0x44};
static const uint8_t atr_t0[] = {0x3B, 0xDC, 0x18, 0xFF, 0x00, 0x00,
                                 0x12, 0x25, 0x00, 0x64, 0x80, 0x00,
                                 0x04, 0x01, 0x00, 0x90, 0x00};

static const uint8_t aid_app[] = {0xE8, 0x28, 0xBD, 0x08, 0x0F, 0x80, 0x25,
                                  0x00, 0x00, 0x01, 0xFF, 0x00, 0x10};
static const uint8_t aid_chipdoc[] = {0x80, 0x25, 0x00, 0x00,
                                      0x01, 0xFF, 0x01, 0x00};
static const uint8_t aid_cps2ter[] = {0x80, 0x25, 0x00, 0x00,
                                      0x01, 0xFF, 0x00, 0x02};
static const uint8_t aid_manager[] = {0xA0, 0x00, 0x00, 0x01,
                                      0x51, 0x00, 0x00};

static struct cps4_sim *cps4_of(struct applet *a)
{
    return (struct cps4_sim *)a;
}

static void enter(struct cps4_sim *c, enum cps4_where where, uint16_t ef)
{
    if (where != c->where) {
        c->sign_alg = 0;
        c->decipher = false;
    }
    c->where = where;
    c->ef = ef;
}

/* ---- SELECT -------------------------------------------------------------- */

static unsigned put_fcp(const struct cps4_sim *c, const struct sim_command *cmd,
                        struct buf *out)
{
    const uint8_t fid[] = {(uint8_t)(c->ef >> 8), (uint8_t)c->ef};
    const struct bytes arg = BYTES_OF(fid);

    if (cmd->p2 == NO_ANSWER)
        return SIM_SW_OK;
    if (cmd->p2 != WITH_FCP)
        return SIM_SW_P1P2;
    return template_put(out, c->ef != 0 ? "62(820101 83($0) 8A0105)"
                                        : "62(820138 8A0105)",
                        &arg) < 0
               ? SIM_SW_ERROR
               : SIM_SW_OK;
}

/* Channel 1; SELECT by name is what opens it. */
static unsigned select_name(struct cps4_sim *c, const struct sim_command *cmd,
                            struct buf *out)
{
    enum cps4_where where = CPS4_MF;

    if (bytes_equal(cmd->body, BYTES_OF(aid_manager))) {
        where = CPS4_MANAGER;
        c->recovery = 1;
    } else if (bytes_equal(cmd->body, BYTES_OF(aid_app))) {
        if (c->where != CPS4_MF && c->where != CPS4_DF)
            return c->where == CPS4_CLOSED ? SIM_SW_CHANNEL : SIM_SW_P1P2;
        where = CPS4_DF;
    } else if (!bytes_equal(cmd->body, BYTES_OF(aid_chipdoc))) {
        return SIM_SW_NOT_FOUND;
    } else if (c->lost && c->recovery != RECOVERED) {
        return SIM_SW_CLA;
    }
    if (where == CPS4_MF)
        c->lost = false;
    sim_pins_power(&c->pins);
    enter(c, where, 0);
    return put_fcp(c, cmd, out);
}

static bool has_file(const struct cps4_sim *c, enum cps4_where where,
                     uint16_t fid)
{
    uint8_t space[8192];
    struct buf content = BUF_ON(space);

    return cps4_put_file(c, where, fid, &content) == SIM_SW_OK;
}

/* P1 00 knows 3F00 alone; 02 and 09 go down from the current DF. */
static unsigned select_path(struct cps4_sim *c, uint8_t p1, struct bytes path)
{
    enum cps4_where where = c->where;
    uint16_t fid, ef = 0;

    if (path.len == 0 || path.len % 2 != 0 || (p1 != 0x09 && path.len != 2))
        return SIM_SW_LENGTH;
    while (bytes_take_u16(&path, &fid)) {
        if (p1 == 0x00 && fid == FID_MF)
            where = CPS4_MF;
        else if (p1 != 0x02 && ef == 0 && where == CPS4_MF && fid == FID_DF)
            where = CPS4_DF;
        else if (ef == 0 && has_file(c, where, fid))
            ef = fid;
        else
            return SIM_SW_NOT_FOUND;
    }
    enter(c, where, ef);
    return SIM_SW_OK;
}

static unsigned select_any(struct cps4_sim *c, const struct sim_command *cmd,
                           struct buf *out)
{
    unsigned sw;

    if (cmd->p1 != 0x00 && cmd->p1 != 0x02 && cmd->p1 != 0x09)
        return SIM_SW_P1P2;
    sw = select_path(c, cmd->p1, cmd->body);
    return sw == SIM_SW_OK ? put_fcp(c, cmd, out) : sw;
}

static unsigned read_binary(struct cps4_sim *c, const struct sim_command *cmd,
                            struct buf *out)
{
    uint8_t space[8192];
    struct buf content = BUF_ON(space);

    if ((cmd->p1 & 0x80) != 0)
        return SIM_SW_P1P2; /* whether EFs have SFIs is not known */
    if (c->ef == 0)
        return SIM_SW_NO_EF;
    if (cps4_put_file(c, c->where, c->ef, &content) != SIM_SW_OK)
        return SIM_SW_ERROR;
    return sim_read_binary(&c->frame, buf_view(&content),
                           (size_t)(cmd->p1 << 8 | cmd->p2), cmd->le, out);
}

/* ---- PINs ---------------------------------------------------------------- */

static bool which_pin(uint8_t ref, size_t *which)
{
    *which = ref == 0x01 ? CPS4_PIN : CPS4_PUK;
    return ref == 0x01 || ref == 0x02;
}

static unsigned verify(struct cps4_sim *c, const struct sim_command *cmd)
{
    size_t which;

    if (cmd->p1 != 0)
        return SIM_SW_P1P2;
    if (!which_pin(cmd->p2, &which))
        return SIM_SW_NO_REFERENCE;
    if (cmd->body.len == 0)
        return sim_pin_query(&c->pins, which);
    if (cmd->body.len != PIN_LEN)
        return SIM_SW_LENGTH;
    return sim_pin_verify(&c->pins, which, cmd->body);
}

/* The new PIN alone: the old one was verified, or the retries reset. */
static unsigned change(struct cps4_sim *c, const struct sim_command *cmd)
{
    if (cmd->p1 != 0x01 || cmd->p2 != 0x01)
        return SIM_SW_P1P2;
    if (!c->pins.pin[CPS4_PIN].verified)
        return SIM_SW_SECURITY;
    return sim_pin_renew(&c->pins, CPS4_PIN, cmd->body);
}

static unsigned reset_retry(struct cps4_sim *c, const struct sim_command *cmd)
{
    struct sim_pin *pin = &c->pins.pin[CPS4_PIN];

    if (cmd->p1 != 0x03 || cmd->p2 != 0x81)
        return SIM_SW_P1P2;
    if (!c->pins.pin[CPS4_PUK].verified)
        return SIM_SW_SECURITY;
    pin->tries = pin->max;
    pin->verified = true;
    return sim_pins_save(&c->pins) < 0 ? SIM_SW_MEMORY : SIM_SW_OK;
}

/* ---- all commands -------------------------------------------------------- */

/* The basic channel: the card's predecessor, which we need not know further. */
static unsigned run_basic(struct cps4_sim *c, const struct sim_command *cmd)
{
    if (cmd->ins != INS_SELECT || cmd->p1 != BY_NAME)
        return SIM_SW_CLA;
    if (!bytes_equal(cmd->body, BYTES_OF(aid_cps2ter)))
        return SIM_SW_NOT_FOUND;
    if (c->recovery == 1)
        c->recovery = RECOVERED;
    return SIM_SW_OK;
}

static unsigned run_chipdoc(struct cps4_sim *c, const struct sim_command *cmd,
                            struct buf *out)
{
    switch (cmd->ins) {
    case INS_SELECT:
        return select_any(c, cmd, out);
    case INS_READ_BINARY:
        return read_binary(c, cmd, out);
    case INS_VERIFY:
        return verify(c, cmd);
    case INS_CHANGE:
        return change(c, cmd);
    case INS_RESET_RETRY:
        return reset_retry(c, cmd);
    case INS_MSE:
        return cps4_mse(c, cmd);
    case INS_PSO:
        return cps4_pso(c, cmd, out);
    default:
        return SIM_SW_INS;
    }
}

static unsigned run(void *card, const struct sim_command *cmd, struct buf *out)
{
    struct cps4_sim *c = card;

    if (cmd->cla == 0x00)
        return run_basic(c, cmd);
    if (cmd->cla != 0x01)
        return (cmd->cla & 0xF0) == 0 ? SIM_SW_CHANNEL : SIM_SW_CLA;
    if (cmd->ins == INS_SELECT && cmd->p1 == BY_NAME)
        return select_name(c, cmd, out);
    if (c->where == CPS4_CLOSED)
        return SIM_SW_CHANNEL;
    return c->where == CPS4_MANAGER ? (unsigned)SIM_SW_CLA
                                    : run_chipdoc(c, cmd, out);
}

static int cps4_process(struct applet *a, struct bytes raw, struct buf *rsp)
{
    struct cps4_sim *c = cps4_of(a);

    return sim_frame_process(&c->frame, run, c, raw, rsp);
}

static void cps4_power(struct applet *a)
{
    struct cps4_sim *c = cps4_of(a);

    sim_frame_power(&c->frame);
    sim_pins_power(&c->pins);
    c->recovery = 0;
    enter(c, CPS4_CLOSED, 0);
}

static struct bytes cps4_atr(const struct applet *a)
{
    const struct cps4_sim *c = (const struct cps4_sim *)a;

    return c->frame.t1 ? BYTES_OF(atr_t1) : BYTES_OF(atr_t0);
}

static void cps4_tries(const struct applet *a, struct applet_tries *out)
{
    const struct cps4_sim *c = (const struct cps4_sim *)a;

    out->pin = c->pins.pin[CPS4_PIN].tries;
    out->puk = c->pins.pin[CPS4_PUK].tries;
}

static int cps4_set_tries(struct applet *a, unsigned pin)
{
    struct cps4_sim *c = cps4_of(a);

    if (pin > 15)
        return card_fail(CARD_E_ARGUMENT, "cps4: at most 15 tries");
    c->pins.pin[CPS4_PIN].tries = pin;
    return sim_pins_save(&c->pins);
}

/* ---- settings ------------------------------------------------------------ */

static int set_pin(struct cps4_sim *c, size_t index, const char *value)
{
    struct sim_pin *pin = &c->pins.pin[index];
    size_t len = strlen(value);

    if (len == 0 || len > PIN_LEN)
        return card_fail(CARD_E_ARGUMENT, "cps4: a PIN of %zu digits", len);
    memset(pin->value, 0xFF, PIN_LEN);
    memcpy(pin->value, value, len);
    pin->len = PIN_LEN;
    return sim_pins_save(&c->pins);
}

static int set_digits(char *out, size_t count, const char *value)
{
    if (strlen(value) != count || strspn(value, "0123456789") != count)
        return card_fail(CARD_E_ARGUMENT, "cps4: %s is not %zu digits", value,
                         count);
    memcpy(out, value, count + 1);
    return 0;
}

static int cps4_set(struct applet *a, const char *name, const char *value)
{
    struct cps4_sim *c = cps4_of(a);

    if (sim_frame_set(&c->frame, name, value) ||
        sim_keys_set(&c->keys, name, value) ||
        sim_pins_set(&c->pins, name, value))
        return 0;
    if (strcmp(name, "pin") == 0)
        return set_pin(c, CPS4_PIN, value);
    if (strcmp(name, "puk") == 0)
        return set_pin(c, CPS4_PUK, value);
    if (strcmp(name, "serial") == 0)
        return set_digits(c->serial, 8, value);
    if (strcmp(name, "logical-id") == 0)
        return set_digits(c->logical_id, 10, value);
    if (strcmp(name, "lost") != 0)
        return card_fail(CARD_E_ARGUMENT, "cps4: no setting %s=%s", name,
                         value);
    c->lost = sim_is_yes(value);
    if (c->lost)
        enter(c, CPS4_CLOSED, 0);
    return 0;
}

static void cps4_free(struct applet *a)
{
    struct cps4_sim *c = cps4_of(a);

    if (c == NULL)
        return;
    sim_frame_clear(&c->frame);
    sim_keys_clear(&c->keys);
    free(c);
}

static const struct applet_ops cps4_ops = {
    .name = "cps4",
    .atr = cps4_atr,
    .power = cps4_power,
    .process = cps4_process,
    .tries = cps4_tries,
    .set_tries = cps4_set_tries,
    .set = cps4_set,
    .free = cps4_free,
};

static int personalise(struct cps4_sim *c, const struct sim_options *options)
{
    static const char *const standard[] = {
        "t1=yes", "pin=1234", "puk=12345678", "serial=99002754",
        "logical-id=2300081199", NULL};
    const struct sim_options first = {.settings = standard};
    int rc;

    c->pins.count = CPS4_PUK + 1;
    for (size_t i = 0; i < c->pins.count; i++)
        c->pins.pin[i].tries = c->pins.pin[i].max = PIN_TRIES;
    if ((rc = sim_frame_init(&c->frame)) < 0 ||
        (rc = sim_keys_add(&c->keys, options->dir, "sign")) < 0 ||
        (rc = sim_keys_add(&c->keys, options->dir, "auth")) < 0 ||
        (rc = sim_card_set_all(&c->applet, &first)) < 0 ||
        (rc = sim_card_set_all(&c->applet, options)) < 0)
        return rc;
    return sim_pins_load(&c->pins, options->state);
}

int cps4_make(const struct sim_options *options, struct applet **out)
{
    struct cps4_sim *c = calloc(1, sizeof(*c));
    int rc;

    if (c == NULL)
        return card_fail(CARD_E_MEMORY, "cps4: no memory");
    c->applet.ops = &cps4_ops;
    if ((rc = personalise(c, options)) < 0) {
        cps4_free(&c->applet);
        return rc;
    }
    cps4_power(&c->applet);
    *out = &c->applet;
    return 0;
}
