/*
 * A simulated OpenPGP card (fact sheet openpgp): selection, PINs, settings.
 * Data objects are in openpgp_data.c, private keys in openpgp_key.c.
 */
#include "tests/sim/openpgp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card/error.h"
#include "tests/sim/openpgp_int.h"

enum {
    INS_VERIFY = 0x20,
    INS_CHANGE = 0x24,
    INS_PSO = 0x2A,
    INS_RESET_RETRY = 0x2C,
    INS_GENERATE = 0x47,
    INS_INTERNAL_AUTHENTICATE = 0x88,
    INS_SELECT = 0xA4,
    INS_SELECT_DATA = 0xA5,
    INS_GET_DATA = 0xCA,
    INS_PUT_DATA = 0xDA,
    DO_RESETTING_CODE = 0x00D3,
    TRIES = 3
};

/* Bytes they have at least: PW1, PW3, the resetting code. */
static const size_t least[] = {6, 8, 8};

static const uint8_t aid[] = {0xD2, 0x76, 0x00, 0x01, 0x24, 0x01};
/* The card manager, for another program to select. */
static const uint8_t aid_foreign[] = {0xA0, 0x00, 0x00, 0x01,
                                      0x51, 0x00, 0x00};

static struct sim_pgp *pgp_of(struct applet *a)
{
    return (struct sim_pgp *)a;
}

/* ---- commands ------------------------------------------------------------ */

static void log_out(struct sim_pgp *p)
{
    p->sign_verified = p->other_verified = false;
}

static unsigned run_select(struct sim_pgp *p, const struct sim_command *cmd,
                           struct buf *out)
{
    static const uint8_t fci[] = {0x6F, 0x08, 0x84, 0x06, 0xD2,
                                  0x76, 0x00, 0x01, 0x24, 0x01};

    if (cmd->p1 != 0x04)
        return SIM_SW_NOT_FOUND;
    log_out(p);
    p->pins.pin[PGP_PW3].verified = false;
    if (!p->stays)
        p->occurrence = 0;
    if (p->card != PGP_GNUK && bytes_equal(cmd->body, BYTES_OF(aid_foreign))) {
        p->selected = false;
        return SIM_SW_OK;
    }
    if (!bytes_start_with(cmd->body, BYTES_OF(aid)))
        return SIM_SW_NOT_FOUND;
    p->selected = true;
    return buf_put(out, BYTES_OF(fci)) < 0 ? SIM_SW_ERROR : SIM_SW_OK;
}

static bool *state_of(struct sim_pgp *p, uint8_t ref)
{
    return ref == 0x81   ? &p->sign_verified
           : ref == 0x82 ? &p->other_verified
           : ref == 0x83 ? &p->pins.pin[PGP_PW3].verified
                         : NULL;
}

static unsigned refusal(const struct sim_pgp *p, unsigned sw)
{
    return (sw & 0xFFF0) == SIM_SW_TRIES && !p->tells_tries
               ? (unsigned)SIM_SW_SECURITY : sw;
}

static unsigned run_verify(struct sim_pgp *p, const struct sim_command *cmd,
                           struct buf *out)
{
    size_t index = cmd->p2 == 0x83 ? PGP_PW3 : PGP_PW1;
    bool *verified = state_of(p, cmd->p2);
    unsigned sw;

    (void)out;
    if (verified == NULL || cmd->p1 != 0)
        return SIM_SW_P1P2;
    if (cmd->body.len == 0)
        return *verified ? (unsigned)SIM_SW_OK
                         : SIM_SW_TRIES | p->pins.pin[index].tries;
    sw = sim_pin_verify(&p->pins, index, cmd->body);
    *verified = sw == SIM_SW_OK;
    return refusal(p, sw);
}

/* The old value and the new one; what the old one allowed is over. */
static unsigned run_change(struct sim_pgp *p, const struct sim_command *cmd,
                           struct buf *out)
{
    size_t index = cmd->p2 == 0x83 ? PGP_PW3 : PGP_PW1;
    unsigned sw;

    (void)out;
    if (cmd->p1 != 0 || (cmd->p2 != 0x81 && cmd->p2 != 0x83))
        return SIM_SW_P1P2;
    sw = sim_pin_replace(&p->pins, index, index, cmd->body);
    log_out(p);
    p->pins.pin[PGP_PW3].verified = false;
    return refusal(p, sw);
}

/* A new PW1: behind the resetting code, or alone after PW3. */
static unsigned run_reset_retry(struct sim_pgp *p,
                                const struct sim_command *cmd,
                                struct buf *out)
{
    (void)out;
    if (cmd->p2 != 0x81 || (cmd->p1 != 0x00 && cmd->p1 != 0x02))
        return SIM_SW_P1P2;
    log_out(p);
    if (cmd->p1 == 0x00)
        return refusal(p, sim_pin_replace(&p->pins, PGP_PW1, PGP_RC,
                                          cmd->body));
    return p->pins.pin[PGP_PW3].verified
               ? sim_pin_renew(&p->pins, PGP_PW1, cmd->body)
               : (unsigned)SIM_SW_SECURITY;
}

/* The resetting code alone: it has all its tries; empty, it has none. */
static unsigned run_put_data(struct sim_pgp *p, const struct sim_command *cmd,
                             struct buf *out)
{
    struct sim_pin *rc = &p->pins.pin[PGP_RC];

    (void)out;
    if ((cmd->p1 << 8 | cmd->p2) != DO_RESETTING_CODE)
        return SIM_SW_NO_REFERENCE;
    if (!p->pins.pin[PGP_PW3].verified)
        return SIM_SW_SECURITY;
    if (cmd->body.len > 0)
        return sim_pin_renew(&p->pins, PGP_RC, cmd->body);
    rc->len = rc->tries = 0;
    return sim_pins_save(&p->pins) < 0 ? SIM_SW_MEMORY : SIM_SW_OK;
}

static unsigned run_get_data(struct sim_pgp *p, const struct sim_command *cmd,
                             struct buf *out)
{
    return sim_pgp_get_data(p, (unsigned)(cmd->p1 << 8 | cmd->p2), out);
}

static unsigned run_select_data(struct sim_pgp *p,
                                const struct sim_command *cmd,
                                struct buf *out)
{
    static const uint8_t path[] = {0x06, 0x60, 0x04, 0x5C, 0x02, 0x7F, 0x21};
    size_t skip = p->card == PGP_YUBIKEY ? 0 : 1;

    (void)out;
    if (p->card == PGP_V2)
        return SIM_SW_INS;
    if (cmd->p1 > 2 || cmd->p2 != 0x04)
        return SIM_SW_P1P2;
    if (!bytes_equal(cmd->body,
                     bytes_from(path + skip, sizeof(path) - skip)))
        return SIM_SW_DATA;
    p->occurrence = cmd->p1;
    return SIM_SW_OK;
}

/* No new key without PW3. */
static unsigned run_generate(struct sim_pgp *p, const struct sim_command *cmd,
                             struct buf *out)
{
    static const uint8_t crts[PGP_SLOTS] = {0xB6, 0xB8, 0xA4};

    if (cmd->p1 == 0x80)
        return SIM_SW_SECURITY;
    if (cmd->p1 != 0x81 || cmd->p2 != 0)
        return SIM_SW_P1P2;
    for (int slot = 0; slot < PGP_SLOTS; slot++)
        if (cmd->body.len == 2 && cmd->body.data[0] == crts[slot] &&
            cmd->body.data[1] == 0)
            return sim_pgp_put_public(p, (enum sim_pgp_slot)slot, out);
    return SIM_SW_DATA;
}

static unsigned run(void *card, const struct sim_command *cmd,
                    struct buf *out)
{
    static const struct {
        uint8_t ins;
        unsigned (*run)(struct sim_pgp *p, const struct sim_command *cmd,
                        struct buf *out);
    } commands[] = {
        {INS_VERIFY, run_verify},
        {INS_CHANGE, run_change},
        {INS_RESET_RETRY, run_reset_retry},
        {INS_PSO, sim_pgp_pso},
        {INS_GENERATE, run_generate},
        {INS_INTERNAL_AUTHENTICATE, sim_pgp_authenticate},
        {INS_SELECT, run_select},
        {INS_SELECT_DATA, run_select_data},
        {INS_GET_DATA, run_get_data},
        {INS_PUT_DATA, run_put_data},
    };
    struct sim_pgp *p = card;

    if (cmd->cla != 0)
        return SIM_SW_CLA;
    for (size_t i = 0; i < nitems(commands); i++)
        if (commands[i].ins == cmd->ins &&
            (p->selected || cmd->ins == INS_SELECT))
            return commands[i].run(p, cmd, out);
    return SIM_SW_INS;
}

static int pgp_process(struct applet *a, struct bytes cmd, struct buf *rsp)
{
    struct sim_pgp *p = pgp_of(a);

    return sim_frame_process(&p->frame, run, p, cmd, rsp);
}

/* ---- power, ATR, counters ------------------------------------------------ */

/*
 * The sheet's historical bytes, with what this card can, behind T0, TD1 (at
 * T=1) and before TCK: no card is known to have such an ATR.
 */
static void make_atr(struct sim_pgp *p)
{
    struct buf atr = BUF_ON(p->atr);
    uint8_t tck = 0;

    buf_put_u8(&atr, 0x3B);
    buf_put_u8(&atr, p->frame.t1 ? 0x88 : 0x08);
    if (p->frame.t1)
        buf_put_u8(&atr, 0x01);
    sim_pgp_get_data(p, 0x5F52, &atr);
    for (size_t i = 1; i < atr.len; i++)
        tck ^= atr.data[i];
    if (p->frame.t1)
        buf_put_u8(&atr, tck);
    p->atr_len = atr.len;
}

static void pgp_power(struct applet *a)
{
    struct sim_pgp *p = pgp_of(a);

    sim_frame_power(&p->frame);
    sim_pins_power(&p->pins);
    log_out(p);
    p->occurrence = 0;
    p->selected = p->card == PGP_GNUK;
    make_atr(p);
}

static struct bytes pgp_atr(const struct applet *a)
{
    const struct sim_pgp *p = (const struct sim_pgp *)a;

    return bytes_from(p->atr, p->atr_len);
}

static void pgp_tries(const struct applet *a, struct applet_tries *out)
{
    const struct sim_pgp *p = (const struct sim_pgp *)a;

    out->pin = p->pins.pin[PGP_PW1].tries;
    out->puk = p->pins.pin[PGP_PW3].tries;
}

static int pgp_set_tries(struct applet *a, unsigned pin)
{
    struct sim_pgp *p = pgp_of(a);

    if (pin > 15)
        return card_fail(CARD_E_ARGUMENT, "openpgp: at most 15 tries");
    p->pins.pin[PGP_PW1].tries = pin;
    return sim_pins_save(&p->pins);
}

/* ---- settings ------------------------------------------------------------ */

static int load_keys(struct sim_pgp *p)
{
    static const char *const names[][PGP_SLOTS] = {
        [PGP_RSA] = {"sign", "decrypt", "auth"},
        [PGP_MIXED] = {"sign", "ec-decrypt", "ed-auth"},
        [PGP_NIST] = {"ec-sign", "ec-decrypt", "ec-auth"},
        [PGP_25519] = {"ed-auth", "x-decrypt", "ed-auth"},
    };
    enum sim_wrong wrong = p->keys.wrong;
    int rc = 0;

    sim_keys_clear(&p->keys);
    p->keys.wrong = wrong;
    for (int slot = 0; rc == 0 && slot < PGP_SLOTS; slot++)
        rc = sim_keys_add(&p->keys, p->dir, names[p->set][slot]);
    return rc;
}

/* A PIN as it is compared, after its text or the KDF changed. */
static int write_pin(struct sim_pgp *p, size_t index)
{
    struct sim_pin *pin = &p->pins.pin[index];
    struct buf value = BUF_ON(pin->value);
    int rc = 0;

    if (p->text[index][0] != '\0')
        rc = sim_pgp_wire_pin(p, index, p->text[index], &value);
    pin->len = value.len;
    if (index == PGP_RC)
        pin->tries = value.len > 0 ? pin->max : 0;
    return rc < 0 ? rc : sim_pins_save(&p->pins);
}

static const char *const pin_names[] = {"pin", "puk", "resetting-code"};

/* Other settings leave PINs as they were changed. */
static int write_pins(struct sim_pgp *p, const char *setting)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < nitems(pin_names); i++)
        if (strcmp(setting, pin_names[i]) == 0 || strcmp(setting, "kdf") == 0)
            rc = write_pin(p, i);
    return rc;
}

/* The number of the value among the names. */
static bool choose(const char *value, const char *const names[], size_t count,
                   unsigned *out)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(names[i], value) == 0) {
            *out = i;
            return true;
        }
    return false;
}

static void become(struct sim_pgp *p, enum sim_pgp_card card)
{
    p->card = card;
    p->frame.extended = card == PGP_V3 || card == PGP_YUBIKEY;
    p->no_certs = card == PGP_GNUK;
}

static bool set_choice(struct sim_pgp *p, const char *name, const char *value)
{
    static const char *const cards[] = {"v3", "v2", "gnuk", "yubikey"};
    static const char *const kdfs[] = {"no", "yes", "huge", "unknown"};
    static const char *const curves[] = {"none", "brainpool", "secp256k1"};
    static const char *const sets[] = {"rsa", "mixed", "nist", "25519"};
    unsigned n;

    if (strcmp(name, "card") == 0 &&
        choose(value, cards, nitems(cards), &n))
        become(p, (enum sim_pgp_card)n);
    else if (strcmp(name, "kdf") == 0 &&
             choose(value, kdfs, nitems(kdfs), &n))
        p->kdf = (enum sim_pgp_kdf)n;
    else if (strcmp(name, "curve") == 0 &&
             choose(value, curves, nitems(curves), &n))
        p->curve = (enum sim_pgp_curve)n;
    else if (strcmp(name, "keys") == 0 &&
             choose(value, sets, nitems(sets), &n))
        p->set = (enum sim_pgp_keys)n;
    else
        return false;
    return true;
}

static bool set_switch(struct sim_pgp *p, const char *name, const char *value)
{
    const struct {
        const char *name, *on;
        bool *flag;
    } switches[] = {
        {"certs", "no", &p->no_certs},
        {"several", "yes", &p->several},
        {"touch", "nobody", &p->touch},
        {"tag", "yes", &p->tag},
        {"prefix", "yes", &p->prefix},
        {"numbers", "signed", &p->signed_numbers},
        {"refusal", "63c", &p->tells_tries},
        {"status", "short", &p->short_status},
        {"occurrence", "stays", &p->stays},
    };

    for (size_t i = 0; i < nitems(switches); i++)
        if (strcmp(name, switches[i].name) == 0) {
            *switches[i].flag = strcmp(value, switches[i].on) == 0;
            return true;
        }
    return false;
}

static bool set_text(struct sim_pgp *p, const char *name, const char *value)
{
    struct buf serial = BUF_ON(p->serial);

    for (size_t i = 0; i < nitems(pin_names); i++)
        if (strcmp(name, pin_names[i]) == 0)
            return (size_t)snprintf(p->text[i], sizeof(p->text[i]), "%s",
                                    value) < sizeof(p->text[i]);
    return strcmp(name, "serial") == 0 &&
           bytes_from_hex(value, &serial) == 0 &&
           serial.len == sizeof(p->serial);
}

static int pgp_set(struct applet *a, const char *name, const char *value)
{
    struct sim_pgp *p = pgp_of(a);

    if (!set_choice(p, name, value) && !set_switch(p, name, value) &&
        !set_text(p, name, value) && !sim_frame_set(&p->frame, name, value) &&
        !sim_keys_set(&p->keys, name, value) &&
        !sim_pins_set(&p->pins, name, value))
        return card_fail(CARD_E_ARGUMENT, "openpgp: no setting %s=%s", name,
                         value);
    if (strcmp(name, "keys") == 0)
        return load_keys(p);
    return write_pins(p, name);
}

/* ---- making -------------------------------------------------------------- */

static void pgp_free(struct applet *a)
{
    struct sim_pgp *p = pgp_of(a);

    if (p == NULL)
        return;
    sim_keys_clear(&p->keys);
    sim_frame_clear(&p->frame);
    free(p);
}

static const struct applet_ops pgp_ops = {
    .name = "openpgp",
    .atr = pgp_atr,
    .power = pgp_power,
    .process = pgp_process,
    .tries = pgp_tries,
    .set_tries = pgp_set_tries,
    .set = pgp_set,
    .free = pgp_free,
};

/* The sheet's defaults. */
static int fill(struct sim_pgp *p, const struct sim_options *options)
{
    static const char *const defaults[] = {
        "card=v3", "t1=yes", "serial=00000001", "pin=123456", "puk=12345678",
        "keys=rsa", "tag=yes", NULL,
    };
    const struct sim_options usual = {options->dir, NULL, defaults};
    int rc;

    p->pins.count = nitems(least);
    for (size_t i = 0; i < p->pins.count; i++) {
        p->pins.pin[i].tries = p->pins.pin[i].max = TRIES;
        p->pins.pin[i].min = least[i];
    }
    p->pins.pin[PGP_RC].tries = 0;
    if ((rc = sim_frame_init(&p->frame)) < 0 ||
        (rc = sim_card_set_all(&p->applet, &usual)) < 0 ||
        (rc = sim_card_set_all(&p->applet, options)) < 0 ||
        (rc = sim_pins_load(&p->pins, options->state)) < 0)
        return rc;
    pgp_power(&p->applet);
    return 0;
}

int openpgp_make(const struct sim_options *options, struct applet **out)
{
    struct sim_pgp *p = calloc(1, sizeof(*p));
    int rc;

    if (p == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    p->applet.ops = &pgp_ops;
    snprintf(p->dir, sizeof(p->dir), "%s", options->dir);
    if ((rc = fill(p, options)) < 0) {
        pgp_free(&p->applet);
        return rc;
    }
    *out = &p->applet;
    return 0;
}
