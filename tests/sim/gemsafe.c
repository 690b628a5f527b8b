/*
 * Simulated Gemalto cards: applications, files, PIN (fact sheet
 * gemsafe-classic, sections 1, 2, 4 and 7). Where the sheet says unknown, a
 * setting says how.
 */
#include "tests/sim/gemsafe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card/error.h"
#include "tests/sim/gemsafe_int.h"
#include "tests/sim/template.h"

enum {
    INS_VERIFY = 0x20,
    INS_MSE = 0x22,
    INS_CHANGE = 0x24,
    INS_PSO = 0x2A,
    INS_RESET_RETRY = 0x2C,
    INS_SELECT = 0xA4,
    INS_READ_BINARY = 0xB0,
    INS_GET_RESPONSE = 0xC0,
    INS_GET_DATA = 0xCA,
    CLA_V1 = 0x80,
    READ_MAX = 248 /* of V1 and V3 */
};

static const uint8_t aids[][12] = {
    [GEMSAFE_V1] = {0xA0, 0x00, 0x00, 0x00, 0x18, 0x0A, 0x00, 0x00, 0x01, 0x63,
                    0x42, 0x00},
    [GEMSAFE_V3] = {0xA0, 0x00, 0x00, 0x00, 0x18, 0x0C, 0x00, 0x00, 0x01, 0x63,
                    0x42, 0x00},
    [GEMSAFE_P15] = {0xA0, 0x00, 0x00, 0x00, 0x18, 0x40, 0x00, 0x00, 0x01,
                     0x63, 0x42, 0x00},
};

static const uint8_t atr_v1[] = {0x3B, 0x7B, 0x94, 0x00, 0x00, 0x80,
                                 0x65, 0xB0, 0x83, 0x01, 0x01, 0x74,
                                 0x83, 0x00, 0x90, 0x00};
static const uint8_t atr_ascii[] = {0x3B, 0x7D, 0x96, 0x00, 0x00, 0x80,
                                    0x31, 0x80, 0x65, 0xB0, 0x83, 0x11,
                                    0x48, 0xC8, 0x83, 0x00, 0x90, 0x00};
static const uint8_t atr_v3[] = {0x3B, 0x7D, 0x96, 0x00, 0x00, 0x80,
                                 0x31, 0x80, 0x65, 0xB0, 0x83, 0x11,
                                 0x00, 0xC8, 0x83, 0x00, 0x90, 0x00};
static const uint8_t atr_p15[] = {0x3B, 0x7D, 0x96, 0x00, 0x00, 0x80,
                                  0x31, 0x80, 0x65, 0xB0, 0x83, 0x11,
                                  0xD0, 0xA9, 0x83, 0x00, 0x90, 0x00};
static const uint8_t atr_classic[] = {0x3B, 0x7F, 0x94, 0x00, 0x00, 0x80, 0x31,
                                      0x80, 0x65, 0xB0, 0x85, 0x03, 0x00, 0xEF,
                                      0x12, 0x0F, 0xFF, 0x82, 0x90, 0x00};
/* No such card is known: V1's historical bytes behind TD1 = T=1, TCK. */
static const uint8_t atr_t1[] = {0x3B, 0x8B, 0x01, 0x80, 0x65, 0xB0, 0x83,
                                 0x01, 0x01, 0x74, 0x83, 0x00, 0x90, 0x00,
                                 0x3B};

static struct gemsafe_sim *gemsafe_of(struct applet *a)
{
    return (struct gemsafe_sim *)a;
}

static unsigned put(struct buf *out, const char *text,
                    const struct bytes *args)
{
    return template_put(out, text, args) < 0 ? SIM_SW_ERROR : SIM_SW_OK;
}

/* ---- SELECT -------------------------------------------------------------- */

static uint16_t df_of(const struct gemsafe_sim *c)
{
    return c->variant == GEMSAFE_P15 ? GEMSAFE_P15_DF : GEMSAFE_DF;
}

static const struct gemsafe_file *find(const struct gemsafe_sim *c,
                                       uint16_t df, uint16_t fid)
{
    for (size_t i = 0; i < c->file_count; i++)
        if (c->files[i].df == df && c->files[i].fid == fid)
            return &c->files[i];
    return NULL;
}

/* It ends what the PIN allowed. */
static unsigned select_name(struct gemsafe_sim *c, struct bytes name)
{
    if (!bytes_equal(name, BYTES_OF(aids[c->variant])) || c->unnamed ||
        (c->variant == GEMSAFE_P15 && !c->classic))
        return SIM_SW_NOT_FOUND;
    sim_pins_power(&c->pins);
    c->df = df_of(c);
    c->ef = NULL;
    return SIM_SW_OK;
}

static unsigned select_file(struct gemsafe_sim *c, uint16_t df, uint16_t fid)
{
    const struct gemsafe_file *f = find(c, df, fid);

    if (f == NULL)
        return SIM_SW_NOT_FOUND;
    c->df = df;
    c->ef = f;
    return SIM_SW_OK;
}

static unsigned select_df(struct gemsafe_sim *c, uint16_t df)
{
    if (df != GEMSAFE_MF && df != df_of(c))
        return SIM_SW_NOT_FOUND;
    c->df = df;
    c->ef = NULL;
    return SIM_SW_OK;
}

/* From the MF, which is not named. */
static unsigned select_path(struct gemsafe_sim *c, struct bytes path)
{
    uint16_t first, second;

    if (!bytes_take_u16(&path, &first))
        return SIM_SW_LENGTH;
    if (first == GEMSAFE_MF)
        return SIM_SW_NOT_FOUND;
    if (path.len == 0)
        return first == df_of(c) ? select_df(c, first)
                                 : select_file(c, GEMSAFE_MF, first);
    if (!bytes_take_u16(&path, &second) || path.len > 0)
        return SIM_SW_NOT_FOUND;
    return select_file(c, first, second);
}

static unsigned select_fid(struct gemsafe_sim *c, struct bytes body)
{
    uint16_t fid = GEMSAFE_MF;

    if (body.len > 0 && (!bytes_take_u16(&body, &fid) || body.len > 0))
        return SIM_SW_LENGTH;
    if (fid == GEMSAFE_MF || fid == df_of(c))
        return select_df(c, fid);
    return select_file(c, c->df, fid);
}

/* What OpenSC wants to know; the form is ISO 7816-4's. */
static unsigned put_fci(const struct gemsafe_sim *c, struct buf *out)
{
    uint8_t fid[2] = {0}, size[2] = {0};
    const struct bytes args[] = {BYTES_OF(fid), BYTES_OF(size)};
    uint16_t id = c->ef != NULL ? c->ef->fid : c->df;
    size_t len = c->ef != NULL ? c->ef->content.len : 0;

    fid[0] = (uint8_t)(id >> 8);
    fid[1] = (uint8_t)id;
    size[0] = (uint8_t)(len >> 8);
    size[1] = (uint8_t)len;
    return put(out, c->ef != NULL ? "6F(80($1) 82(01) 83($0))" : "6F(83($0))",
               args);
}

static unsigned do_select(struct gemsafe_sim *c, const struct sim_command *cmd,
                          struct buf *out)
{
    unsigned sw;

    if (cmd->p2 != 0x00 && cmd->p2 != 0x0C)
        return SIM_SW_P1P2;
    switch (cmd->p1) {
    case 0x00:
    case 0x02:
        sw = select_fid(c, cmd->body);
        break;
    case 0x04:
        sw = select_name(c, cmd->body);
        break;
    case 0x08:
        sw = select_path(c, cmd->body);
        break;
    default:
        return SIM_SW_P1P2;
    }
    return sw == SIM_SW_OK && cmd->p2 == 0x00 ? put_fci(c, out) : sw;
}

/* ---- data ---------------------------------------------------------------- */

static unsigned read_binary(struct gemsafe_sim *c,
                            const struct sim_command *cmd, struct buf *out)
{
    size_t offset = (size_t)cmd->p1 << 8 | cmd->p2;

    if (c->ef == NULL)
        return SIM_SW_NO_EF;
    if ((cmd->p1 & 0x80) != 0)
        return SIM_SW_P1P2;
    if (c->variant != GEMSAFE_P15 && cmd->le > READ_MAX)
        return SIM_SW_WRONG_LE | READ_MAX;
    return sim_read_binary(&c->frame, buf_view(&c->ef->content), offset,
                           cmd->le, out);
}

/*
 * The applet's version and the CPLC. V3 refuses class 80 but for the version:
 * OpenSC cannot do without, and is known to work.
 */
static unsigned get_data(const struct gemsafe_sim *c,
                         const struct sim_command *cmd, struct buf *out)
{
    const struct bytes chip = BYTES_OF(c->chip);
    unsigned tag = (unsigned)cmd->p1 << 8 | cmd->p2;

    if (cmd->cla == CLA_V1 && tag == 0xDF03 && c->variant != GEMSAFE_P15)
        return put(out, "'GX3.22'0000", NULL);
    if ((cmd->cla == CLA_V1) != (c->variant == GEMSAFE_V1))
        return SIM_SW_CLA;
    if (tag != 0x9F7F || c->no_cplc)
        return SIM_SW_NO_REFERENCE;
    return put(out, "9F7F2A 4090 6155 4051 2073 2002 $0 4091 2081 4092 2081"
               "00000000 00000000 00000000 00000000", &chip);
}

/* ---- PIN ----------------------------------------------------------------- */

static uint8_t pin_ref(const struct gemsafe_sim *c)
{
    return c->variant == GEMSAFE_P15 ? 0x11 : 0x01;
}

static unsigned empty_verify(struct gemsafe_sim *c)
{
    if (strcmp(c->empty_verify, "tells") == 0)
        return sim_pin_query(&c->pins, GEMSAFE_PIN);
    if (strcmp(c->empty_verify, "costs") == 0)
        return sim_pin_verify(&c->pins, GEMSAFE_PIN, bytes_from(NULL, 0));
    return SIM_SW_LENGTH;
}

/* It is local to the application. */
static bool names_pin(const struct gemsafe_sim *c,
                      const struct sim_command *cmd)
{
    return cmd->p1 == 0 && cmd->p2 == pin_ref(c) && c->df == df_of(c);
}

static unsigned verify(struct gemsafe_sim *c, const struct sim_command *cmd)
{
    if (!names_pin(c, cmd))
        return SIM_SW_NO_REFERENCE;
    if (cmd->body.len == 0)
        return empty_verify(c);
    if (cmd->body.len != c->pins.pin[GEMSAFE_PIN].len)
        return SIM_SW_LENGTH;
    return sim_pin_verify(&c->pins, GEMSAFE_PIN, cmd->body);
}

/* CHANGE: old and new PIN; RESET RETRY COUNTER: PUK and new PIN. */
static unsigned replace_pin(struct gemsafe_sim *c,
                            const struct sim_command *cmd, size_t by)
{
    if (!names_pin(c, cmd))
        return SIM_SW_NO_REFERENCE;
    return sim_pin_replace(&c->pins, GEMSAFE_PIN, by, cmd->body);
}

/* BCD in 8 bytes behind which is FF; ASCII in 8 or 12 behind which is 00. */
static int encode(const struct gemsafe_sim *c, const char *text,
                  struct sim_pin *pin)
{
    bool bcd = c->variant != GEMSAFE_P15 && !c->ascii;
    size_t n = strlen(text), len = c->variant == GEMSAFE_P15 ? 12 : 8;
    char digits[17] = "FFFFFFFFFFFFFFFF";
    struct buf value = BUF_ON(pin->value);

    if (n == 0 || n > (bcd ? 16 : len))
        return card_fail(CARD_E_ARGUMENT, "gemsafe: a PIN of %zu characters",
                         n);
    memset(pin->value, 0, sizeof(pin->value));
    pin->len = len;
    memcpy(bcd ? digits : (char *)pin->value, text, n);
    return bcd ? bytes_from_hex(digits, &value) : 0;
}

static int encode_both(struct gemsafe_sim *c)
{
    int rc;

    if ((rc = encode(c, c->pin, &c->pins.pin[GEMSAFE_PIN])) < 0 ||
        (rc = encode(c, c->puk, &c->pins.pin[GEMSAFE_PUK])) < 0)
        return rc;
    return sim_pins_save(&c->pins);
}

/* ---- all commands -------------------------------------------------------- */

static unsigned run(void *card, const struct sim_command *cmd, struct buf *out)
{
    struct gemsafe_sim *c = card;

    if (cmd->ins == INS_PSO)
        return gemsafe_pso(c, cmd, out);
    if (cmd->ins == INS_GET_DATA)
        return get_data(c, cmd, out);
    if (cmd->cla != 0)
        return SIM_SW_CLA;
    switch (cmd->ins) {
    case INS_SELECT:
        return do_select(c, cmd, out);
    case INS_READ_BINARY:
        return read_binary(c, cmd, out);
    case INS_VERIFY:
        return verify(c, cmd);
    case INS_CHANGE:
        return replace_pin(c, cmd, GEMSAFE_PIN);
    case INS_RESET_RETRY:
        return replace_pin(c, cmd, GEMSAFE_PUK);
    case INS_MSE:
        return gemsafe_mse(c, cmd);
    default:
        return SIM_SW_INS;
    }
}

/* GET RESPONSE is an interindustry command. */
static int gemsafe_process(struct applet *a, struct bytes raw, struct buf *rsp)
{
    struct gemsafe_sim *c = gemsafe_of(a);

    if (raw.len > 1 && raw.data[0] != 0 && raw.data[1] == INS_GET_RESPONSE)
        return buf_put_u16(rsp, SIM_SW_CLA);
    return sim_frame_process(&c->frame, run, c, raw, rsp);
}

static void gemsafe_power(struct applet *a)
{
    struct gemsafe_sim *c = gemsafe_of(a);

    sim_frame_power(&c->frame);
    sim_pins_power(&c->pins);
    c->df = GEMSAFE_MF;
    c->ef = NULL;
    c->crt = 0;
    c->hash_len = 0;
}

static struct bytes gemsafe_atr(const struct applet *a)
{
    const struct gemsafe_sim *c = (const struct gemsafe_sim *)a;

    return c->frame.t1                 ? BYTES_OF(atr_t1)
           : c->classic                ? BYTES_OF(atr_classic)
           : c->ascii                  ? BYTES_OF(atr_ascii)
           : c->variant == GEMSAFE_V1  ? BYTES_OF(atr_v1)
           : c->variant == GEMSAFE_V3  ? BYTES_OF(atr_v3)
                                       : BYTES_OF(atr_p15);
}

static void gemsafe_tries(const struct applet *a, struct applet_tries *out)
{
    const struct gemsafe_sim *c = (const struct gemsafe_sim *)a;

    out->pin = c->pins.pin[GEMSAFE_PIN].tries;
    out->puk = c->pins.pin[GEMSAFE_PUK].tries;
}

static int gemsafe_set_tries(struct applet *a, unsigned pin)
{
    struct gemsafe_sim *c = gemsafe_of(a);

    if (pin > 15)
        return card_fail(CARD_E_ARGUMENT, "gemsafe: at most 15 tries");
    c->pins.pin[GEMSAFE_PIN].tries = pin;
    return sim_pins_save(&c->pins);
}

/* ---- settings ------------------------------------------------------------ */

static bool set_flag(struct gemsafe_sim *c, const char *name,
                     const char *value)
{
    const struct {
        const char *name;
        bool *flag;
        bool yes; /* the flag's value for "yes" */
    } flags[] = {
        {"ascii", &c->ascii, true},    {"cplc", &c->no_cplc, false},
        {"named", &c->unnamed, false}, {"classic", &c->classic, true},
        {"swap", &c->unswapped, false},
    };

    for (size_t i = 0; i < nitems(flags); i++)
        if (strcmp(name, flags[i].name) == 0) {
            *flags[i].flag = sim_is_yes(value) == flags[i].yes;
            return true;
        }
    if (strcmp(name, "sha2") != 0)
        return false;
    c->short_hashes = strcmp(value, "256") == 0;
    return true;
}

static bool set_text(struct gemsafe_sim *c, const char *name,
                     const char *value)
{
    const struct {
        const char *name;
        char *text;
        size_t cap;
    } texts[] = {
        {"pin", c->pin, sizeof(c->pin)},
        {"puk", c->puk, sizeof(c->puk)},
        {"certs", c->certs, sizeof(c->certs)},
        {"object", c->object, sizeof(c->object)},
        {"decipher", c->decipher, sizeof(c->decipher)},
        {"usage", c->usage, sizeof(c->usage)},
        {"update", c->update, sizeof(c->update)},
        {"empty-verify", c->empty_verify, sizeof(c->empty_verify)},
    };

    for (size_t i = 0; i < nitems(texts); i++)
        if (strcmp(name, texts[i].name) == 0)
            return (size_t)snprintf(texts[i].text, texts[i].cap, "%s",
                                    value) < texts[i].cap;
    return false;
}

static bool set_chip(struct gemsafe_sim *c, const char *value)
{
    struct buf chip = BUF_ON(c->chip);

    return bytes_from_hex(value, &chip) == 0 && chip.len == chip.cap;
}

/* What the PINs are made of; anything else leaves them as they were changed. */
static bool names_secret(const char *name)
{
    return strcmp(name, "pin") == 0 || strcmp(name, "puk") == 0 ||
           strcmp(name, "ascii") == 0;
}

static int gemsafe_set(struct applet *a, const char *name, const char *value)
{
    struct gemsafe_sim *c = gemsafe_of(a);
    int rc;

    if (sim_frame_set(&c->frame, name, value) ||
        sim_keys_set(&c->keys, name, value) ||
        sim_pins_set(&c->pins, name, value))
        return 0;
    if (!set_flag(c, name, value) && !set_text(c, name, value) &&
        (strcmp(name, "serial") != 0 || !set_chip(c, value)))
        return card_fail(CARD_E_ARGUMENT, "gemsafe: no setting %s=%s", name,
                         value);
    if (names_secret(name) && (rc = encode_both(c)) < 0)
        return rc;
    return c->certs[0] != '\0' ? gemsafe_make_files(c) : 0;
}

static void gemsafe_free(struct applet *a)
{
    struct gemsafe_sim *c = gemsafe_of(a);

    if (c == NULL)
        return;
    gemsafe_free_files(c);
    sim_frame_clear(&c->frame);
    sim_keys_clear(&c->keys);
    free(c);
}

static const struct applet_ops gemsafe_ops = {
    .name = "gemsafe",
    .atr = gemsafe_atr,
    .power = gemsafe_power,
    .process = gemsafe_process,
    .tries = gemsafe_tries,
    .set_tries = gemsafe_set_tries,
    .set = gemsafe_set,
    .free = gemsafe_free,
};

static int personalise(struct gemsafe_sim *c,
                       const struct sim_options *options)
{
    const bool p15 = c->variant == GEMSAFE_P15;
    const char *const standard[] = {
        "decipher=84", "empty-verify=refused", "serial=4710500112340042",
        "certs=classe3+rgs", NULL};
    const struct sim_options first = {.settings = standard};
    int rc;

    c->pins.count = 2;
    for (size_t i = 0; i < c->pins.count; i++)
        c->pins.pin[i].tries = c->pins.pin[i].max = 3;
    snprintf(c->pin, sizeof(c->pin), "%s", p15 ? "1234" : "123456");
    snprintf(c->puk, sizeof(c->puk), "%s", p15 ? "12345678" : "654321");
    if ((rc = encode_both(c)) < 0 ||
        (rc = sim_frame_init(&c->frame)) < 0 ||
        (rc = sim_card_set_all(&c->applet, &first)) < 0 ||
        (rc = sim_card_set_all(&c->applet, options)) < 0)
        return rc;
    return sim_pins_load(&c->pins, options->state);
}

static int make(enum gemsafe_variant variant,
                const struct sim_options *options, struct applet **out)
{
    struct gemsafe_sim *c = calloc(1, sizeof(*c));
    int rc;

    if (c == NULL)
        return card_fail(CARD_E_MEMORY, "gemsafe: no memory");
    c->applet.ops = &gemsafe_ops;
    c->variant = variant;
    snprintf(c->dir, sizeof(c->dir), "%s", options->dir);
    if ((rc = personalise(c, options)) < 0) {
        gemsafe_free(&c->applet);
        return rc;
    }
    gemsafe_power(&c->applet);
    *out = &c->applet;
    return 0;
}

int gemsafe_v1_make(const struct sim_options *options, struct applet **out)
{
    return make(GEMSAFE_V1, options, out);
}

int gemsafe_v3_make(const struct sim_options *options, struct applet **out)
{
    return make(GEMSAFE_V3, options, out);
}

int gemp15_make(const struct sim_options *options, struct applet **out)
{
    return make(GEMSAFE_P15, options, out);
}
