/*
 * A simulated PIV card: application, objects, PINs (fact sheet piv).
 */
#include "tests/sim/piv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card/error.h"
#include "tests/sim/piv_int.h"
#include "tests/sim/template.h"

enum {
    INS_VERIFY = 0x20,
    INS_CHANGE = 0x24,
    INS_RESET_RETRY = 0x2C,
    INS_GENERAL_AUTHENTICATE = 0x87,
    INS_SELECT = 0xA4,
    INS_GET_DATA = 0xCB,
    INS_METADATA = 0xF7,
    INS_SERIAL = 0xF8,
    INS_VERSION = 0xFD,
    PIN_LEN = 8,
    PIN_MIN = 6,
    GUID_LEN = 16,
    RID_LEN = 5
};

static const uint8_t aid[] = {0xA0, 0x00, 0x00, 0x03, 0x08, 0x00,
                              0x00, 0x10, 0x00, 0x01, 0x00};
static const uint8_t manager[] = {0xA0, 0x00, 0x00, 0x01, 0x51};
static const uint8_t number[] = {0x01, 0x02, 0x03, 0x04};

/* No card in particular; command chaining and extended length are announced. */
static const uint8_t atr_t0[] = {0x3B, 0x05, 0x80, 0x73, 0x00, 0x00, 0x80};
static const uint8_t atr_t1[] = {0x3B, 0x85, 0x01, 0x80, 0x73,
                                 0x00, 0x00, 0x80, 0xF7};
static const uint8_t atr_extended[] = {0x3B, 0x85, 0x01, 0x80, 0x73,
                                       0x00, 0x00, 0xC0, 0xB7};
static const uint8_t atr_yubico[] = {
    0x3B, 0xFD, 0x13, 0x00, 0x00, 0x81, 0x31, 0xFE, 0x15, 0x80, 0x73, 0xC0,
    0x21, 0xC0, 0x57, 0x59, 0x75, 0x62, 0x69, 0x4B, 0x65, 0x79, 0x40, 0x43};

static struct piv_sim *piv_of(struct applet *a)
{
    return (struct piv_sim *)a;
}

static unsigned put(struct buf *out, const char *text,
                    const struct bytes *args)
{
    return template_put(out, text, args) < 0 ? SIM_SW_ERROR : SIM_SW_OK;
}

/* ---- SELECT -------------------------------------------------------------- */

static void deselect(struct piv_sim *c)
{
    c->selected = false;
    sim_pins_power(&c->pins);
}

/* The card manager is on the card too; a name nobody has changes nothing. */
static unsigned select_application(struct piv_sim *c,
                                   const struct sim_command *cmd,
                                   struct buf *out)
{
    if (cmd->p1 != 0x04)
        return SIM_SW_P1P2;
    if (bytes_start_with(cmd->body, BYTES_OF(manager))) {
        deselect(c);
        c->stranger = true;
        return SIM_SW_OK;
    }
    if (cmd->body.len < RID_LEN || !bytes_start_with(BYTES_OF(aid), cmd->body))
        return SIM_SW_NOT_FOUND;
    c->selected = true;
    c->stranger = c->unlocked = false;
    return put(out, "61 (4F (00 00 10 00 01 00) 79 (4F (A0 00 00 03 08)))",
               NULL);
}

/* ---- objects ------------------------------------------------------------- */

static unsigned put_chuid(const struct piv_sim *c, struct buf *out)
{
    uint8_t space[GUID_LEN] = {0}, signature[300] = {0};
    struct buf guid = BUF_ON(space);
    struct bytes args[2];

    if (!c->chuid)
        return SIM_SW_NOT_FOUND;
    if (!c->guid)
        guid.len = GUID_LEN;
    else if (bytes_from_hex(c->serial, &guid) < 0)
        return SIM_SW_ERROR;
    args[0] = buf_view(&guid);
    args[1] = BYTES_OF(signature);
    return put(out, "53 (30 (D4 E7 39 DA 73 9C ED 39 CE 73 9D 83 68 58 21 08 "
               "42 10 84 21 C8 42 10 C3 EB) 34 ($0) 35 ('20301231') 3E ($1) "
               "FE 00)", args);
}

static unsigned put_history(const struct piv_sim *c, struct buf *out)
{
    uint8_t count = (uint8_t)c->history;
    struct bytes arg = bytes_from(&count, 1);

    return c->history < 0
               ? SIM_SW_NOT_FOUND
               : put(out, "53 (C1 ($0) C2 (00) F3 () FE 00)", &arg);
}

static unsigned put_discovery(const struct piv_sim *c, struct buf *out)
{
    static const uint8_t own[] = {0x40, 0x00}, both[] = {0x60, 0x20};
    struct bytes args[2] = {BYTES_OF(aid),
                            c->global ? BYTES_OF(both) : BYTES_OF(own)};

    return c->discovery ? put(out, "7E (4F ($0) 5F2F ($1))", args)
                        : (unsigned)SIM_SW_NOT_FOUND;
}

static uint8_t slot_of_object(uint8_t object)
{
    static const uint8_t fixed[][2] = {
        {0x05, 0x9A}, {0x0A, 0x9C}, {0x0B, 0x9D}, {0x01, 0x9E}};

    for (size_t i = 0; i < nitems(fixed); i++)
        if (fixed[i][0] == object)
            return fixed[i][1];
    return object >= 0x0D && object <= 0x20 ? (uint8_t)(object + 0x75) : 0;
}

static unsigned put_cert(const struct piv_sim *c, uint8_t object,
                         struct buf *out)
{
    size_t index = piv_find_slot(c, slot_of_object(object));
    struct buf content;
    struct bytes arg;
    unsigned sw = SIM_SW_ERROR;

    if (index == PIV_MAX_SLOTS || c->slot[index].form == PIV_CERT_NONE)
        return SIM_SW_NOT_FOUND;
    if (buf_new(&content, SIM_MAX_DATA) < 0)
        return SIM_SW_ERROR;
    if (piv_put_cert(c, index, &content) == 0) {
        arg = buf_view(&content);
        sw = put(out, "53 ($0)", &arg);
    }
    buf_free(&content);
    return sw;
}

/* 5C with one tag. */
static unsigned get_object(struct piv_sim *c, const struct sim_command *cmd,
                         struct buf *out)
{
    struct bytes body = cmd->body, tag;
    unsigned t;

    if (!template_take_tlv(&body, &t, &tag) || t != 0x5C || body.len > 0)
        return SIM_SW_DATA;
    if (tag.len == 1 && tag.data[0] == 0x7E)
        return put_discovery(c, out);
    if (tag.len != 3 || tag.data[0] != 0x5F || tag.data[1] != 0xC1)
        return SIM_SW_NOT_FOUND;
    switch (tag.data[2]) {
    case 0x02:
        return put_chuid(c, out);
    case 0x0C:
        return put_history(c, out);
    default:
        return put_cert(c, tag.data[2], out);
    }
}

static unsigned get_data(struct piv_sim *c, const struct sim_command *cmd,
                         struct buf *out)
{
    unsigned sw = cmd->p1 == 0x3F && cmd->p2 == 0xFF ? get_object(c, cmd, out)
                                                     : (unsigned)SIM_SW_P1P2;

    return sw == SIM_SW_NOT_FOUND ? c->absent : sw;
}

/* ---- PINs ---------------------------------------------------------------- */

/* SIM_MAX_PINS: no such reference. */
static size_t pin_of(const struct piv_sim *c, uint8_t ref)
{
    return ref == 0x80                ? PIV_PIN
           : ref == 0x81              ? PIV_PUK
           : ref == 0x00 && c->global ? PIV_GLOBAL
                                      : SIM_MAX_PINS;
}

static unsigned verify(struct piv_sim *c, const struct sim_command *cmd)
{
    size_t pin = pin_of(c, cmd->p2);
    unsigned sw;

    if (pin == SIM_MAX_PINS || pin == PIV_PUK)
        return SIM_SW_NO_REFERENCE;
    if (cmd->p1 == 0xFF && cmd->body.len == 0) {
        c->pins.pin[pin].verified = false;
        return SIM_SW_OK;
    }
    if (cmd->p1 != 0)
        return SIM_SW_P1P2;
    if (cmd->body.len == 0)
        return sim_pin_query(&c->pins, pin);
    if (cmd->body.len != PIN_LEN)
        return SIM_SW_DATA;
    sw = sim_pin_verify(&c->pins, pin, cmd->body);
    c->consent = c->unlocked = sw == SIM_SW_OK;
    return sw;
}

/* Six to eight and FF behind them: digits, of Yubico's and in PUKs anything. */
static bool is_sound(const struct piv_sim *c, size_t pin, const uint8_t *value)
{
    bool any = c->yubico || pin == PIV_PUK;
    size_t len = 0;

    while (len < PIN_LEN && value[len] != 0xFF &&
           (any || (value[len] >= '0' && value[len] <= '9')))
        len++;
    for (size_t i = len; i < PIN_LEN; i++)
        if (value[i] != 0xFF)
            return false;
    return len >= PIN_MIN;
}

/* The old value or the PUK, and the new one; a bad new one costs no try. */
static unsigned replace(struct piv_sim *c, const struct sim_command *cmd,
                        size_t by)
{
    size_t pin = pin_of(c, cmd->p2);

    if (cmd->p1 != 0)
        return SIM_SW_P1P2;
    if (pin == SIM_MAX_PINS || by == SIM_MAX_PINS)
        return SIM_SW_NO_REFERENCE;
    if (cmd->body.len != 2 * PIN_LEN ||
        !is_sound(c, pin, cmd->body.data + PIN_LEN))
        return SIM_SW_DATA;
    return sim_pin_replace(&c->pins, pin, by, cmd->body);
}

/* ---- Yubico's ------------------------------------------------------------ */

static unsigned metadata(const struct piv_sim *c, uint8_t ref,
                         struct buf *out)
{
    size_t index = piv_find_slot(c, ref), pin = pin_of(c, ref);
    uint8_t tries[2];
    struct bytes arg = BYTES_OF(tries);

    if (index < PIV_MAX_SLOTS)
        return piv_key_metadata(c, index, out);
    if (pin == SIM_MAX_PINS)
        return SIM_SW_NO_REFERENCE;
    tries[0] = (uint8_t)c->pins.pin[pin].max;
    tries[1] = (uint8_t)c->pins.pin[pin].tries;
    return put(out, "01 (FF) 05 (00) 06 ($0)", &arg);
}

static unsigned run_yubico(const struct piv_sim *c,
                           const struct sim_command *cmd, struct buf *out)
{
    struct bytes arg = BYTES_OF(number);

    if (!c->yubico)
        return SIM_SW_INS;
    switch (cmd->ins) {
    case INS_METADATA:
        return metadata(c, cmd->p2, out);
    case INS_SERIAL:
        return put(out, "$0", &arg);
    case INS_VERSION:
        return put(out, "05 04 03", NULL);
    default:
        return SIM_SW_INS;
    }
}

/* ---- another application ------------------------------------------------- */

/*
 * It takes whatever comes, as if to be taken for PIV; and a PIN that reaches it
 * is lost, which shows in PIV's counter.
 */
static unsigned run_stranger(struct piv_sim *c, const struct sim_command *cmd,
                             struct buf *out)
{
    switch (cmd->ins) {
    case INS_VERIFY:
        if (cmd->body.len == 0)
            return SIM_SW_TRIES | 3;
        c->pins.pin[PIV_PIN].tries = 0;
        return SIM_SW_OK;
    case INS_GENERAL_AUTHENTICATE:
        return SIM_SW_DATA;
    default:
        return put(out, "5F (01 02)", NULL);
    }
}

/* ---- all commands -------------------------------------------------------- */

static unsigned run_selected(struct piv_sim *c, const struct sim_command *cmd,
                             struct buf *out)
{
    switch (cmd->ins) {
    case INS_VERIFY:
        return verify(c, cmd);
    case INS_CHANGE:
        return replace(c, cmd, pin_of(c, cmd->p2));
    case INS_RESET_RETRY: /* of the card's own PIN alone */
        return replace(c, cmd, cmd->p2 == 0x80 ? PIV_PUK : SIM_MAX_PINS);
    case INS_GET_DATA:
        return get_data(c, cmd, out);
    case INS_GENERAL_AUTHENTICATE:
        return piv_general_authenticate(c, cmd, out);
    default:
        return run_yubico(c, cmd, out);
    }
}

/* Any command ends the consent that VERIFY gave, its use too. */
static unsigned run(void *card, const struct sim_command *cmd, struct buf *out)
{
    struct piv_sim *c = card;
    bool consent = c->consent;
    unsigned sw;

    if (cmd->cla != 0)
        return (cmd->cla & 0x0C) != 0 ? SIM_SW_SECURE_MESSAGING : SIM_SW_CLA;
    c->consent = consent && cmd->ins == INS_GENERAL_AUTHENTICATE;
    if (cmd->ins == INS_SELECT)
        sw = select_application(c, cmd, out);
    else if (c->stranger)
        sw = run_stranger(c, cmd, out);
    else
        sw = c->selected ? run_selected(c, cmd, out) : (unsigned)SIM_SW_INS;
    if (cmd->ins != INS_VERIFY)
        c->consent = false;
    return sw;
}

/* A whole short command with data, and no Le behind it. */
static bool lacks_le(const struct sim_frame *f, struct bytes raw)
{
    return f->t1 && raw.len > 5 && raw.len == 5U + raw.data[4] &&
           (raw.data[0] & 0x10) == 0;
}

/* A YubiKey answers though nothing asks it to: its maker's tool needs that. */
static int piv_process(struct applet *a, struct bytes raw, struct buf *rsp)
{
    struct piv_sim *c = piv_of(a);
    uint8_t space[5 + 255 + 1];
    struct buf asking = BUF_ON(space);

    if (c->yubico && lacks_le(&c->frame, raw)) {
        buf_put(&asking, raw);
        buf_put_u8(&asking, 0);
        raw = buf_view(&asking);
    }
    return sim_frame_process(&c->frame, run, c, raw, rsp);
}

static void piv_power(struct applet *a)
{
    struct piv_sim *c = piv_of(a);

    sim_frame_power(&c->frame);
    deselect(c);
    c->stranger = c->consent = false;
}

static struct bytes piv_atr(const struct applet *a)
{
    const struct piv_sim *c = (const struct piv_sim *)a;

    return !c->frame.t1       ? BYTES_OF(atr_t0)
           : c->yubico          ? BYTES_OF(atr_yubico)
           : c->frame.extended ? BYTES_OF(atr_extended)
                               : BYTES_OF(atr_t1);
}

static void piv_tries(const struct applet *a, struct applet_tries *out)
{
    const struct piv_sim *c = (const struct piv_sim *)a;

    out->pin = c->pins.pin[c->global ? PIV_GLOBAL : PIV_PIN].tries;
    out->puk = c->pins.pin[PIV_PUK].tries;
}

static int piv_set_tries(struct applet *a, unsigned pin)
{
    struct piv_sim *c = piv_of(a);

    if (pin > 15)
        return card_fail(CARD_E_ARGUMENT, "piv: at most 15 tries");
    c->pins.pin[c->global ? PIV_GLOBAL : PIV_PIN].tries = pin;
    return sim_pins_save(&c->pins);
}

/* ---- settings ------------------------------------------------------------ */

static int set_pin(struct piv_sim *c, size_t index, const char *value)
{
    struct sim_pin *pin = &c->pins.pin[index];
    size_t len = strlen(value);

    if (len == 0 || len > PIN_LEN)
        return card_fail(CARD_E_ARGUMENT, "piv: a PIN of %zu characters", len);
    memset(pin->value, 0xFF, PIN_LEN);
    memcpy(pin->value, value, len);
    pin->len = PIN_LEN;
    return sim_pins_save(&c->pins);
}

static int set_form(struct piv_sim *c, enum piv_cert form, const char *value)
{
    size_t index = piv_find_slot(c, (uint8_t)strtoul(value, NULL, 16));

    if (index == PIV_MAX_SLOTS)
        return card_fail(CARD_E_ARGUMENT, "piv: no slot %s", value);
    c->slot[index].form = form;
    return 0;
}

/* "9a" to "9e", "82" to "95". */
static bool is_slot(const char *name, uint8_t *ref)
{
    char *end;
    unsigned long n = strtoul(name, &end, 16);

    *ref = (uint8_t)n;
    return *end == '\0' && strlen(name) == 2 &&
           ((n >= 0x82 && n <= 0x95) || (n >= 0x9A && n <= 0x9E && n != 0x9B));
}

static bool set_flag(struct piv_sim *c, const char *name, const char *value)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"yubico", &c->yubico}, {"discovery", &c->discovery},
        {"global", &c->global}, {"chuid", &c->chuid},
        {"guid", &c->guid},     {"any-hash", &c->any_hash},
        {"relock", &c->relock},
    };

    for (size_t i = 0; i < nitems(flags); i++)
        if (strcmp(name, flags[i].name) == 0) {
            *flags[i].flag = sim_is_yes(value);
            return true;
        }
    return false;
}

static int set_number(struct piv_sim *c, const char *name, const char *value)
{
    unsigned n = (unsigned)strtoul(value, NULL, 10);

    if (strcmp(name, "small") == 0)
        c->small = n;
    else if (strcmp(name, "history") == 0)
        c->history = (int)n;
    else if (strcmp(name, "absent") == 0)
        c->absent = (unsigned)strtoul(value, NULL, 16);
    else
        return card_fail(CARD_E_ARGUMENT, "piv: no setting %s=%s", name,
                         value);
    return 0;
}

static int piv_set(struct applet *a, const char *name, const char *value)
{
    static const char *const forms[] = {"plain", "nocert", "gzip", "bomb"};
    static const char *const pins[] = {"pin", "puk", "global-pin"};
    struct piv_sim *c = piv_of(a);
    uint8_t ref;

    for (unsigned i = 0; i < nitems(forms); i++)
        if (strcmp(name, forms[i]) == 0)
            return set_form(c, (enum piv_cert)i, value);
    for (size_t i = 0; i < nitems(pins); i++)
        if (strcmp(name, pins[i]) == 0)
            return set_pin(c, i, value);
    if (is_slot(name, &ref))
        return piv_set_key(c, ref, value);
    if (set_flag(c, name, value) || sim_frame_set(&c->frame, name, value) ||
        sim_keys_set(&c->keys, name, value) ||
        sim_pins_set(&c->pins, name, value))
        return 0;
    if (strcmp(name, "consent") == 0) {
        c->lax = strcmp(value, "lax") == 0;
        return 0;
    }
    if (strcmp(name, "serial") == 0) {
        snprintf(c->serial, sizeof(c->serial), "%s", value);
        return 0;
    }
    return set_number(c, name, value);
}

static void piv_free(struct applet *a)
{
    struct piv_sim *c = piv_of(a);

    if (c == NULL)
        return;
    sim_frame_clear(&c->frame);
    sim_keys_clear(&c->keys);
    free(c);
}

static const struct applet_ops piv_ops = {
    .name = "piv",
    .atr = piv_atr,
    .power = piv_power,
    .process = piv_process,
    .tries = piv_tries,
    .set_tries = piv_set_tries,
    .set = piv_set,
    .free = piv_free,
};

static int personalise(struct piv_sim *c, const struct sim_options *options)
{
    static const char *const standard[] = {
        "t1=yes",     "9a=auth",        "9c=ec-sign",   "9d=decrypt",
        "9e=ec-auth", "gzip=9d",        "discovery=yes", "chuid=yes",
        "guid=yes",   "pin=123456",     "puk=12345678", "global-pin=654321",
        "serial=0123456789ABCDEF0123456789ABCDEF", NULL};
    const struct sim_options first = {.settings = standard};
    int rc;

    for (size_t i = 0; i <= PIV_GLOBAL; i++)
        c->pins.pin[i].tries = c->pins.pin[i].max = 3;
    c->history = -1;
    c->absent = SIM_SW_NOT_FOUND;
    c->pins.count = PIV_GLOBAL + 1;
    if ((rc = sim_frame_init(&c->frame)) < 0 ||
        (rc = sim_card_set_all(&c->applet, &first)) < 0 ||
        (rc = sim_card_set_all(&c->applet, options)) < 0)
        return rc;
    return sim_pins_load(&c->pins, options->state);
}

int piv_make(const struct sim_options *options, struct applet **out)
{
    struct piv_sim *c = calloc(1, sizeof(*c));
    int rc;

    if (c == NULL)
        return card_fail(CARD_E_MEMORY, "piv: no memory");
    c->applet.ops = &piv_ops;
    snprintf(c->dir, sizeof(c->dir), "%s", options->dir);
    if ((rc = personalise(c, options)) < 0) {
        piv_free(&c->applet);
        return rc;
    }
    piv_power(&c->applet);
    *out = &c->applet;
    return 0;
}
