/*
 * Simulated cards with ISO 7816-15 directories: files, PINs, settings (fact
 * sheet iso7816-pkcs15, sections 2 and 4).
 */
#include "tests/sim/iso15.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card/error.h"
#include "tests/sim/iso15_int.h"
#include "tests/sim/template.h"

enum {
    INS_VERIFY = 0x20,
    INS_MSE = 0x22,
    INS_CHANGE = 0x24,
    INS_PSO = 0x2A,
    INS_RESET_RETRY = 0x2C,
    INS_GENERAL_AUTHENTICATE = 0x86,
    INS_SELECT = 0xA4,
    INS_READ_BINARY = 0xB0,
    INS_READ_RECORD = 0xB2,
    INS_GET_DATA = 0xCA,
    MF = ISO15_MAX_FILES,
    APPLET_PIN_MIN = 4,
    FEATURES = 0x02 | 0x04 | 0x20, /* random numbers, EC, RSA-4096 */
    FEATURE_EXTENDED = 0x01,
    FEATURE_PSS = 0x08
};

static const uint8_t applet_aid[] = {0xF2, 0x76, 0xA2, 0x88, 0xBC, 0xFB,
                                     0xA6, 0x9D, 0x34, 0xF3, 0x10, 0x01};
static const uint8_t pkcs15_aid[] = {0xA0, 0x00, 0x00, 0x00, 0x63, 0x50,
                                     0x4B, 0x43, 0x53, 0x2D, 0x31, 0x35};
static const uint8_t manager_aid[] = {0xA0, 0x00, 0x00, 0x01, 0x51};
static const uint8_t app_path[] = {0x50, 0x15};
static const uint8_t inner_path[] = {0x50, 0x15, 0x50, 0x16};

/* No card in particular; a Java Card; OsEID, in one of the protocols. */
static const uint8_t atr_t0[] = {0x3B, 0x07, 0x80, 0x31, 0xC1,
                                 0x73, 0x00, 0x00, 0x80};
static const uint8_t atr_t1[] = {0x3B, 0x87, 0x01, 0x80, 0x31, 0xC1,
                                 0x73, 0x00, 0x00, 0x80, 0x05};
static const uint8_t atr_extended[] = {0x3B, 0x87, 0x01, 0x80, 0x31, 0xC1,
                                       0x73, 0x00, 0x00, 0x40, 0xC5};
static const uint8_t atr_java_t0[] = {0x3B, 0x0A, 0x4A, 0x43, 0x4F, 0x50,
                                      0x33, 0x31, 0x56, 0x32, 0x33, 0x32};
static const uint8_t atr_java_t1[] = {
    0x3B, 0xFA, 0x18, 0x00, 0x00, 0x81, 0x31, 0xFE, 0x45, 0x4A,
    0x43, 0x4F, 0x50, 0x33, 0x31, 0x56, 0x32, 0x33, 0x32, 0x98};
static const uint8_t atr_oseid_t0[] = {0x3B, 0xF5, 0x18, 0x00, 0x02, 0x00,
                                       0x4F, 0x73, 0x45, 0x49, 0x44};
static const uint8_t atr_oseid_t1[] = {0x3B, 0x85, 0x01, 0x4F, 0x73,
                                       0x45, 0x49, 0x44, 0xF0};

static struct iso15_sim *iso15_of(struct applet *a)
{
    return (struct iso15_sim *)a;
}

/* ---- files --------------------------------------------------------------- */

static size_t find_file(const struct iso15_sim *c, struct bytes path)
{
    for (size_t i = 0; i < c->file_count; i++)
        if (bytes_equal(bytes_from(c->file[i].path, c->file[i].path_len),
                        path))
            return i;
    return MF;
}

/* The PIN of a DF is that DF's: outside of it nothing was verified. */
static void make_current(struct iso15_sim *c, size_t file)
{
    bool is_df = file == MF || (c->file[file].df && !c->file[file].key);
    struct bytes path;

    c->current = file;
    if (!is_df) {
        path = bytes_from(c->file[file].path, c->file[file].path_len - 2);
        file = find_file(c, path);
    }
    c->df = file;
    if (c->local && file != find_file(c, BYTES_OF(inner_path)))
        c->pins.pin[ISO15_PIN].verified = false;
}

static unsigned put_fcp(const struct iso15_sim *c, struct buf *out)
{
    static const uint8_t mf[] = {0x3F, 0x00};
    const struct iso15_file *f = &c->file[c->current];
    size_t len = c->current == MF ? 0 : f->content.len;
    const uint8_t size[] = {(uint8_t)(len >> 8), (uint8_t)len};
    struct bytes args[] = {BYTES_OF(size), BYTES_OF(mf)};

    if (c->current != MF)
        args[1] = bytes_from(f->path + f->path_len - 2, 2);
    return template_put(out, c->current == MF || f->df
                                 ? "6F (82 (38) 83 ($1))"
                                 : "6F (80 ($0) 82 (01) 83 ($1))",
                        args) < 0
               ? SIM_SW_ERROR : SIM_SW_OK;
}

static unsigned select_path(struct iso15_sim *c, struct bytes start,
                            struct bytes path)
{
    uint8_t space[2 * ISO15_PATH_MAX];
    struct buf whole = BUF_ON(space);
    size_t file;

    if (buf_put(&whole, start) < 0 || buf_put(&whole, path) < 0 ||
        (file = find_file(c, buf_view(&whole))) == MF)
        return SIM_SW_NOT_FOUND;
    make_current(c, file);
    return SIM_SW_OK;
}

static struct bytes df_path(const struct iso15_sim *c)
{
    return c->df == MF ? bytes_from(NULL, 0)
                       : bytes_from(c->file[c->df].path,
                                    c->file[c->df].path_len);
}

/* MF, a child of the current DF, or that DF itself. */
static unsigned select_fid(struct iso15_sim *c, struct bytes fid)
{
    static const uint8_t mf[] = {0x3F, 0x00};
    struct bytes df = df_path(c);

    if (fid.len == 0 || bytes_equal(fid, BYTES_OF(mf))) {
        make_current(c, MF);
        return SIM_SW_OK;
    }
    if (fid.len != 2)
        return SIM_SW_LENGTH;
    if (df.len >= 2 &&
        bytes_equal(bytes_from(df.data + df.len - 2, 2), fid)) {
        make_current(c, c->df);
        return SIM_SW_OK;
    }
    return select_path(c, df, fid);
}

/* The card manager is on a Java Card too; a name nobody has changes nothing. */
static unsigned select_name(struct iso15_sim *c, struct bytes name,
                            struct buf *out)
{
    if (c->kind == ISO15_ISOAPPLET &&
        bytes_start_with(name, BYTES_OF(manager_aid))) {
        sim_pins_power(&c->pins);
        c->inside = false;
        return SIM_SW_OK;
    }
    if (c->kind == ISO15_ISOAPPLET &&
        bytes_start_with(BYTES_OF(applet_aid), name)) {
        sim_pins_power(&c->pins);
        c->inside = true;
        c->crt = 0;
        make_current(c, MF);
        if (c->version > 0)
            return SIM_SW_OK;
        return template_put(out, "00 06 06", NULL) < 0 ? SIM_SW_ERROR
                                                       : SIM_SW_OK;
    }
    if (c->kind == ISO15_ISOAPPLET || name.len < 5 ||
        !bytes_start_with(BYTES_OF(pkcs15_aid), name))
        return SIM_SW_NOT_FOUND;
    return select_path(c, bytes_from(NULL, 0), BYTES_OF(app_path));
}

static unsigned select_file(struct iso15_sim *c, const struct sim_command *cmd,
                            struct buf *out)
{
    unsigned sw;

    if (c->kind == ISO15_ISOAPPLET && cmd->p1 != 0x04 && !c->inside)
        return SIM_SW_NOT_FOUND;
    if ((cmd->p2 != 0x00 && cmd->p2 != 0x04 && cmd->p2 != 0x0C) ||
        (cmd->p2 == 0x0C && c->no_answer))
        return SIM_SW_P1P2;
    if (cmd->p1 == 0x04)
        return select_name(c, cmd->body, out);
    if (cmd->p1 == 0x00)
        sw = select_fid(c, cmd->body);
    else if (cmd->p1 == 0x01 || cmd->p1 == 0x02 ||
             (cmd->p1 == 0x09 && c->by_path))
        sw = select_path(c, df_path(c), cmd->body);
    else if (cmd->p1 == 0x08 && c->by_path)
        sw = select_path(c, bytes_from(NULL, 0), cmd->body);
    else
        return SIM_SW_P1P2;
    return sw != SIM_SW_OK || cmd->p2 == 0x0C ? sw : put_fcp(c, out);
}

static unsigned may_read(const struct iso15_sim *c, bool record)
{
    const struct iso15_file *f = &c->file[c->current];

    if (c->current == MF || f->df)
        return SIM_SW_NO_EF;
    if (f->records != record)
        return 0x6981;
    return f->hidden && !c->pins.pin[ISO15_PIN].verified ? SIM_SW_SECURITY
                                                         : SIM_SW_OK;
}

static unsigned read_binary(struct iso15_sim *c, const struct sim_command *cmd,
                            struct buf *out)
{
    size_t offset = (size_t)(cmd->p1 << 8 | cmd->p2);
    struct bytes content;
    unsigned sw;

    if ((cmd->p1 & 0x80) != 0)
        return SIM_SW_P1P2;
    if ((sw = may_read(c, false)) != SIM_SW_OK)
        return sw;
    content = buf_view(&c->file[c->current].content);
    if (c->first_6c && offset == 0 && content.len < 256 &&
        cmd->le != content.len)
        return SIM_SW_WRONG_LE | (unsigned)content.len;
    return sim_read_binary(&c->frame, content, offset, cmd->le, out);
}

/* A TLV of the file is a record, which FF fills. */
static unsigned read_record(struct iso15_sim *c, const struct sim_command *cmd,
                            struct buf *out)
{
    static const uint8_t fill[] = {0xFF, 0xFF, 0xFF, 0xFF};
    unsigned sw = may_read(c, true), tag = 0;
    struct bytes cursor, value, start;
    uint8_t n = 0;

    if (sw != SIM_SW_OK)
        return sw;
    cursor = buf_view(&c->file[c->current].content);
    do {
        start = cursor;
    } while (cmd->p2 == 0x04 && template_take_tlv(&cursor, &tag, &value) &&
             tag != 0 && ++n < cmd->p1);
    if (n == 0 || n < cmd->p1 || tag == 0)
        return SIM_SW_NO_RECORD;
    start.len -= cursor.len;
    return buf_put(out, start) < 0 || buf_put(out, BYTES_OF(fill)) < 0
               ? SIM_SW_ERROR : SIM_SW_OK;
}

/* ---- PIN ----------------------------------------------------------------- */

static unsigned query(const struct iso15_sim *c)
{
    const struct sim_pin *pin = &c->pins.pin[ISO15_PIN];

    if (!c->query)
        return SIM_SW_LENGTH;
    if (c->kind == ISO15_ISOAPPLET)
        return SIM_SW_TRIES | pin->tries; /* even while it is verified */
    return sim_pin_query(&c->pins, ISO15_PIN);
}

static unsigned find_pin(const struct iso15_sim *c,
                         const struct sim_command *cmd)
{
    uint8_t ref = c->kind == ISO15_PLAIN ? 0x81 : 0x01;

    if (cmd->p1 != 0)
        return SIM_SW_P1P2;
    if (cmd->p2 != ref ||
        (c->local && c->df != find_file(c, BYTES_OF(inner_path))))
        return SIM_SW_NO_REFERENCE;
    return SIM_SW_OK;
}

/* The applet pads by itself, and wants 4 to 16 bytes. */
static unsigned verify(struct iso15_sim *c, const struct sim_command *cmd)
{
    uint8_t padded[APPLET_PIN_LEN] = {0};
    unsigned sw = find_pin(c, cmd);

    if (sw != SIM_SW_OK)
        return sw;
    if (cmd->body.len == 0)
        return query(c);
    if (c->kind != ISO15_ISOAPPLET)
        return sim_pin_verify(&c->pins, ISO15_PIN, cmd->body);
    if (cmd->body.len < APPLET_PIN_MIN || cmd->body.len > APPLET_PIN_LEN)
        return SIM_SW_LENGTH;
    memcpy(padded, cmd->body.data, cmd->body.len);
    return sim_pin_verify(&c->pins, ISO15_PIN, BYTES_OF(padded));
}

/*
 * The old PIN or the PUK, and the new PIN, which the applet pads behind a PUK
 * but not behind an old PIN.
 */
static unsigned replace(struct iso15_sim *c, const struct sim_command *cmd,
                        size_t by)
{
    uint8_t space[2 * APPLET_PIN_LEN] = {0};
    struct bytes body = cmd->body;
    unsigned sw = find_pin(c, cmd);

    if (sw != SIM_SW_OK)
        return sw;
    if (c->kind == ISO15_ISOAPPLET && by == ISO15_PUK &&
        body.len >= APPLET_PIN_LEN + APPLET_PIN_MIN &&
        body.len <= sizeof(space)) {
        memcpy(space, body.data, body.len);
        body = BYTES_OF(space);
    }
    return sim_pin_replace(&c->pins, ISO15_PIN, by, body);
}

/* ---- commands ------------------------------------------------------------ */

static unsigned get_data(const struct iso15_sim *c,
                         const struct sim_command *cmd, struct buf *out)
{
    unsigned features = FEATURES |
                        (c->frame.extended ? FEATURE_EXTENDED : 0U) |
                        (c->pss ? FEATURE_PSS : 0U);
    const uint8_t info[] = {1, 0, (uint8_t)features};

    if (c->kind != ISO15_ISOAPPLET || c->version == 0)
        return SIM_SW_INS;
    if (cmd->p1 != 0x01 || cmd->p2 != 0x01)
        return SIM_SW_P1P2;
    return buf_put(out, BYTES_OF(info)) < 0 ? SIM_SW_ERROR : SIM_SW_OK;
}

static unsigned run(void *card, const struct sim_command *cmd, struct buf *out)
{
    struct iso15_sim *c = card;

    if (cmd->cla != 0)
        return SIM_SW_CLA;
    if (cmd->ins == INS_SELECT)
        return select_file(c, cmd, out);
    if (c->kind == ISO15_ISOAPPLET && !c->inside)
        return SIM_SW_INS;
    switch (cmd->ins) {
    case INS_READ_BINARY:
        return read_binary(c, cmd, out);
    case INS_READ_RECORD:
        return read_record(c, cmd, out);
    case INS_VERIFY:
        return verify(c, cmd);
    case INS_CHANGE:
        return replace(c, cmd, ISO15_PIN);
    case INS_RESET_RETRY:
        return replace(c, cmd, ISO15_PUK);
    case INS_GET_DATA:
        return get_data(c, cmd, out);
    case INS_MSE:
        return iso15_mse(c, cmd);
    case INS_PSO:
        return iso15_pso(c, cmd, out);
    case INS_GENERAL_AUTHENTICATE:
        return iso15_agree(c, cmd, out);
    default:
        return SIM_SW_INS;
    }
}

static int iso15_process(struct applet *a, struct bytes cmd, struct buf *rsp)
{
    struct iso15_sim *c = iso15_of(a);

    return sim_frame_process(&c->frame, run, c, cmd, rsp);
}

static void iso15_power(struct applet *a)
{
    struct iso15_sim *c = iso15_of(a);

    sim_frame_power(&c->frame);
    sim_pins_power(&c->pins);
    c->inside = false;
    c->current = c->df = MF;
    c->crt = 0;
}

static struct bytes iso15_atr(const struct applet *a)
{
    const struct iso15_sim *c = (const struct iso15_sim *)a;

    if (c->kind == ISO15_ISOAPPLET)
        return c->frame.t1 ? BYTES_OF(atr_java_t1) : BYTES_OF(atr_java_t0);
    if (c->kind == ISO15_MYEID)
        return c->frame.t1 ? BYTES_OF(atr_oseid_t1) : BYTES_OF(atr_oseid_t0);
    if (!c->frame.t1)
        return BYTES_OF(atr_t0);
    return c->frame.extended ? BYTES_OF(atr_extended) : BYTES_OF(atr_t1);
}

static void iso15_tries(const struct applet *a, struct applet_tries *out)
{
    const struct iso15_sim *c = (const struct iso15_sim *)a;

    out->pin = c->pins.pin[ISO15_PIN].tries;
    out->puk = c->pins.pin[ISO15_PUK].tries;
}

static int iso15_set_tries(struct applet *a, unsigned pin)
{
    struct iso15_sim *c = iso15_of(a);

    c->pins.pin[ISO15_PIN].tries = pin;
    return sim_pins_save(&c->pins);
}

/* ---- life ---------------------------------------------------------------- */

/* Whatever was set, files are made anew of it; RAM stays. */
static int iso15_set(struct applet *a, const char *name, const char *value)
{
    struct iso15_sim *c = iso15_of(a);
    int rc = iso15_set_one(c, name, value);

    if (rc < 0 || (rc = iso15_write_pins(c, name)) < 0)
        return rc;
    return iso15_write_files(c);
}

static void iso15_free(struct applet *a)
{
    struct iso15_sim *c = iso15_of(a);

    if (c == NULL)
        return;
    for (size_t i = 0; i < c->file_count; i++)
        buf_free(&c->file[i].content);
    sim_keys_clear(&c->keys);
    sim_frame_clear(&c->frame);
    free(c);
}

static const struct applet_ops iso15_ops = {
    .name = "iso15",
    .atr = iso15_atr,
    .power = iso15_power,
    .process = iso15_process,
    .tries = iso15_tries,
    .set_tries = iso15_set_tries,
    .set = iso15_set,
    .free = iso15_free,
};

static void set_defaults(struct iso15_sim *c)
{
    c->frame.t1 = true;
    c->keeps = c->query = c->by_path = c->pss = true;
    c->version = 1;
    c->pins.count = 2;
    c->pins.pin[ISO15_PIN] = (struct sim_pin){.tries = 3, .max = 3};
    c->pins.pin[ISO15_PUK] = (struct sim_pin){.tries = 5, .max = 5};
    snprintf(c->serial, sizeof(c->serial), "0123456789ABCDEF");
    snprintf(c->update, sizeof(c->update), "20260102030405Z");
    snprintf(c->gdo, sizeof(c->gdo), "no");
}

static const char all_keys[] = "auth,sign,ec-auth,ec-decrypt,decrypt";

static int personalise(struct iso15_sim *c, const struct sim_options *options)
{
    int rc;

    if ((rc = sim_frame_init(&c->frame)) < 0)
        return rc;
    set_defaults(c);
    if ((rc = iso15_set_one(c, "keys", all_keys)) < 0 ||
        (rc = iso15_set(&c->applet, "pin", "123456")) < 0 ||
        (rc = sim_card_set_all(&c->applet, options)) < 0)
        return rc;
    return sim_pins_load(&c->pins, options->state);
}

int iso15_make(const struct sim_options *options, struct applet **out)
{
    struct iso15_sim *c = calloc(1, sizeof(*c));
    int rc;

    if (c == NULL)
        return card_fail(CARD_E_MEMORY, "iso15: no memory");
    c->applet.ops = &iso15_ops;
    snprintf(c->dir_name, sizeof(c->dir_name), "%s", options->dir);
    if ((rc = personalise(c, options)) < 0) {
        iso15_free(&c->applet);
        return rc;
    }
    iso15_power(&c->applet);
    *out = &c->applet;
    return 0;
}
