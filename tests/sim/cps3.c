/*
 * A simulated CPS3 (fact sheets cps3, ias-ecc, iso7816-pkcs15): command
 * framing at T=0 and T=1, selection and reading of files. PINs, objects and
 * keys are in cps3_pin.c, cps3_sdo.c, cps3_key.c; files in cps3_files.c.
 */
#include "tests/sim/cps3.h"

#include <stdlib.h>
#include <string.h>

#include "card/error.h"
#include "tests/sim/cps3_int.h"
#include "tests/sim/pki.h"

enum {
    CLA_CHAINED = 0x10,
    INS_VERIFY = 0x20,
    INS_MSE = 0x22,
    INS_CHANGE = 0x24,
    INS_PSO = 0x2A,
    INS_RESET_RETRY = 0x2C,
    INS_INTERNAL_AUTHENTICATE = 0x88,
    INS_SELECT = 0xA4,
    INS_READ_BINARY = 0xB0,
    INS_GET_RESPONSE = 0xC0,
    INS_GET_DATA = 0xCB,
    BY_NAME = 0x04,
    WITH_FCP = 0x04,
    NO_ANSWER = 0x0C,
    FID_MF = 0x3F00,
    FID_DF = 0x0001,
    FID_DF_CL = 0x0002
};

/* No such card is known: the same historical bytes behind TD1 = T=1, TCK. */
static const uint8_t atr_t1[] = {0x3B, 0x8C, 0x01, 0x00, 0x12, 0x25,
                                 0x00, 0x64, 0x80, 0x00, 0x03, 0x10,
                                 0x00, 0x90, 0x00, 0xDD};
/* The card manager, for another program to select. */
static const uint8_t aid_foreign[] = {0xA0, 0x00, 0x00, 0x01,
                                      0x51, 0x00, 0x00};

static void environment_clear(struct cps3 *c)
{
    memset(&c->env, 0, sizeof(c->env));
}

static void enter(struct cps3 *c, enum cps3_where where,
                  const struct cps3_file *ef)
{
    if (where != c->where || ef == NULL)
        environment_clear(c);
    c->where = where;
    c->ef = ef;
}

static unsigned put_fcp(struct cps3 *c, uint8_t p2, struct buf *out)
{
    int rc = 0;

    if (p2 == c->maker->answer_p2 || (p2 == 0x00 && !c->maker->cps))
        rc = c->ef != NULL ? cps3_put_fcp(c->ef, out)
                           : cps3_put_df_fcp(c, out);
    return rc < 0 ? SW_ERROR : SW_OK;
}

/*
 * An application by its name, whole; it ends what a PIN allowed. The DF of
 * the contactless one is there on contacts, without files here.
 */
static unsigned select_name(struct cps3 *c, const struct cps3_command *cmd,
                            struct buf *out)
{
    enum cps3_where where;
    uint8_t p2 = cmd->p2;

    if (bytes_equal(cmd->body, buf_view(&c->aid))
        || (c->maker->cps
            && bytes_equal(cmd->body, cps3_aid_contactless))) {
        where = bytes_equal(cmd->body, buf_view(&c->aid)) ? CPS3_DF
                                                          : CPS3_DF_CL;
        if (p2 != WITH_FCP && p2 != NO_ANSWER
            && (p2 != 0x00 || c->maker->cps))
            return SW_P1P2;
        if (c->where == CPS3_FOREIGN && c->maker->covered)
            return SW_NOT_FOUND;
    } else if (bytes_equal(cmd->body, buf_view(&c->root))) {
        where = CPS3_MF;
    } else if (bytes_equal(cmd->body, BYTES_OF(aid_foreign))) {
        where = CPS3_FOREIGN;
        p2 = NO_ANSWER;
    } else {
        return SW_NOT_FOUND;
    }
    memset(c->verified, 0, sizeof(c->verified));
    enter(c, where, NULL);
    return put_fcp(c, p2, out);
}

/* Follow FIDs from the MF, if the path begins with it, or from here. */
static unsigned select_path(struct cps3 *c, struct bytes path)
{
    enum cps3_where where = c->where;
    const struct cps3_file *ef = NULL;
    uint16_t fid;
    bool first = true, alone = path.len == 2;

    if (path.len == 0 || path.len % 2 != 0)
        return SW_LENGTH;
    while (bytes_take_u16(&path, &fid)) {
        if (ef != NULL)
            return SW_NOT_FOUND;
        if (first && fid == FID_MF && (c->maker->whole_paths || alone))
            where = CPS3_MF;
        else if (where == CPS3_MF && fid == FID_DF)
            where = CPS3_DF;
        else if (where == CPS3_MF && fid == FID_DF_CL)
            where = CPS3_DF_CL;
        else if ((ef = cps3_find_file(c, where, fid)) == NULL)
            return SW_NOT_FOUND;
        first = false;
    }
    enter(c, where, ef);
    return SW_OK;
}

/*
 * One FID. 3F00 is found too: OpenSC selects the MF this way before it asks
 * for the PIN's object.
 */
static unsigned select_fid(struct cps3 *c, struct bytes fid)
{
    return fid.len == 2 ? select_path(c, fid) : (unsigned)SW_LENGTH;
}

static unsigned select_mf(struct cps3 *c, struct bytes body)
{
    static const uint8_t mf[] = {0x3F, 0x00};

    if (body.len != 0 && !bytes_equal(body, BYTES_OF(mf)))
        return SW_NOT_FOUND;
    enter(c, CPS3_MF, NULL);
    return SW_OK;
}

static unsigned cps3_select(struct cps3 *c, const struct cps3_command *cmd,
                            struct buf *out)
{
    unsigned sw;

    if (cmd->p1 == BY_NAME)
        return select_name(c, cmd, out);
    if (c->where == CPS3_FOREIGN
        || (cmd->p2 != c->maker->answer_p2 && cmd->p2 != NO_ANSWER))
        return SW_P1P2;
    if (cmd->p1 == c->maker->ef_p1) {
        sw = select_fid(c, cmd->body);
        return sw == SW_OK ? put_fcp(c, cmd->p2, out) : sw;
    }
    switch (cmd->p1) {
    case 0x00:
        if (cmd->p2 == NO_ANSWER && c->maker->mf_answers)
            return SW_P1P2;
        sw = select_mf(c, cmd->body);
        break;
    case 0x03:
        sw = select_mf(c, bytes_from(NULL, 0));
        break;
    case 0x09:
        sw = select_path(c, cmd->body);
        break;
    default:
        return SW_P1P2;
    }
    return sw == SW_OK ? put_fcp(c, cmd->p2, out) : sw;
}

static const struct cps3_file *find_sfi(const struct cps3 *c, uint8_t sfi)
{
    for (size_t i = 0; i < c->file_count; i++)
        if (c->files[i].where == c->where && sfi != 0
            && c->files[i].sfi_byte == sfi << 3)
            return &c->files[i];
    return NULL;
}

static unsigned cps3_read_binary(struct cps3 *c,
                                 const struct cps3_command *cmd,
                                 struct buf *out)
{
    const struct cps3_file *ef = c->ef;
    size_t offset = (size_t)(cmd->p1 << 8 | cmd->p2);
    size_t left, n = cmd->le;

    if (cmd->p1 & 0x80) {
        offset = cmd->p2;
        if ((ef = find_sfi(c, cmd->p1 & 0x1F)) == NULL)
            return SW_NOT_FOUND;
        c->ef = ef;
    }
    if (ef == NULL)
        return SW_NO_EF;
    if (ef->closed || (ef->guarded && !c->verified[CPS3_PIN]))
        return SW_SECURITY;
    if (n == 0)
        return SW_LENGTH;
    if (offset >= ef->content.len)
        return SW_OFFSET;
    left = ef->content.len - offset;
    if (n > left && c->options.tail == CPS3_TAIL_6C)
        return SW_WRONG_LE | (left & 0xFF);
    if (buf_put(out, bytes_from(ef->content.data + offset,
                                n < left ? n : left)) < 0)
        return SW_ERROR;
    return n > left ? SW_EOF : SW_OK;
}

static unsigned more_waiting(size_t len)
{
    return 0x6100 | (unsigned)(len < 256 ? len : 0);
}

static unsigned cps3_get_response(struct cps3 *c,
                                  const struct cps3_command *cmd,
                                  struct buf *out)
{
    struct buf *w = &c->waiting;

    if (w->len == 0 || cmd->le == 0)
        return SW_CONDITIONS;
    if (cmd->le > w->len)
        return SW_WRONG_LE | (w->len & 0xFF);
    if (buf_put(out, bytes_from(w->data, cmd->le)) < 0)
        return SW_ERROR;
    if (c->options.endless)
        return more_waiting(w->len);
    w->len -= cmd->le;
    memmove(w->data, w->data + cmd->le, w->len);
    return w->len > 0 ? more_waiting(w->len) : (unsigned)SW_OK;
}

/* `reads`: a fifth and last byte is Le, not an Lc without its data. */
static const struct command {
    uint8_t ins;
    bool reads;
    bool direct; /* its data comes at once at T=0 too */
    cps3_command_fn *run;
} commands[] = {
    {INS_SELECT,                true,  false, cps3_select                },
    {INS_READ_BINARY,           true,  true,  cps3_read_binary           },
    {INS_GET_RESPONSE,          true,  true,  cps3_get_response          },
    {INS_GET_DATA,              false, false, cps3_get_data              },
    {INS_VERIFY,                false, false, cps3_verify                },
    {INS_CHANGE,                false, false, cps3_change                },
    {INS_RESET_RETRY,           false, false, cps3_reset_retry           },
    {INS_MSE,                   false, false, cps3_mse                   },
    {INS_PSO,                   true,  false, cps3_pso                   },
    {INS_INTERNAL_AUTHENTICATE, false, false, cps3_internal_authenticate },
};

static const struct command *find_command(uint8_t ins)
{
    for (size_t i = 0; i < nitems(commands); i++)
        if (commands[i].ins == ins)
            return &commands[i];
    return NULL;
}

/*
 * Case 1 to 4, short. At T=0 a command carries data or asks for some, never
 * both: a case 4 with its Le is refused, as readers would.
 */
static bool parse_command(struct bytes raw, bool t1, struct cps3_command *cmd)
{
    uint8_t p3;

    memset(cmd, 0, sizeof(*cmd));
    if (!bytes_take_u8(&raw, &cmd->cla) || !bytes_take_u8(&raw, &cmd->ins)
        || !bytes_take_u8(&raw, &cmd->p1) || !bytes_take_u8(&raw, &cmd->p2))
        return false;
    if (!bytes_take_u8(&raw, &p3))
        return true;
    if (raw.len == 0) {
        cmd->le = p3 == 0 ? 256 : p3;
        return true;
    }
    if (p3 == 0 || !bytes_take(&raw, p3, &cmd->body))
        return false;
    if (t1 && bytes_take_u8(&raw, &p3))
        cmd->le = p3 == 0 ? 256 : p3;
    return raw.len == 0;
}

static unsigned check_class(const struct cps3_command *cmd)
{
    if ((cmd->cla & ~CLA_CHAINED) == 0)
        return SW_OK;
    if ((cmd->cla & 0xF0) == 0 && (cmd->cla & 0x0C) != 0)
        return SW_SECURE_MESSAGING;
    return (cmd->cla & 0xF0) == 0 ? SW_CHANNEL : SW_CLA;
}

/*
 * Only DECIPHER's data is long enough to be chained. Puts the whole body in
 * the command when its last part is here.
 */
static unsigned chain(struct cps3 *c, struct cps3_command *cmd, bool *done)
{
    bool deciphers =
        cmd->ins == INS_PSO && cmd->p1 == 0x80 && cmd->p2 == 0x86;
    bool more = (cmd->cla & CLA_CHAINED) != 0;

    *done = !more;
    if (!deciphers)
        c->chain.len = 0;
    if (more && !deciphers)
        return SW_CHAINING;
    if (!deciphers || (!more && c->chain.len == 0))
        return SW_OK;
    if (buf_put(&c->chain, cmd->body) < 0) {
        c->chain.len = 0;
        return SW_LENGTH;
    }
    cmd->body = buf_view(&c->chain);
    return SW_OK;
}

static unsigned run(struct cps3 *c, struct cps3_command *cmd,
                    const struct command *command, struct buf *out)
{
    bool done;
    unsigned sw;

    if (c->where == CPS3_FOREIGN && cmd->ins != INS_SELECT)
        return SW_CLA;
    if (!command->reads && cmd->body.len == 0 && cmd->le != 256
        && cmd->le != 0)
        return SW_LENGTH; /* an Lc, and its data did not come */
    if ((sw = chain(c, cmd, &done)) != SW_OK || !done)
        return sw;
    sw = command->run(c, cmd, out);
    c->chain.len = 0;
    return sw;
}

static int put_answer(struct buf *rsp, struct bytes data, unsigned sw)
{
    int rc = buf_put(rsp, data);

    return rc < 0 ? rc : buf_put_u16(rsp, (uint16_t)sw);
}

/* At T=0 data waits for GET RESPONSE; at T=1 it comes if it was asked for. */
static int answer(struct cps3 *c, const struct cps3_command *cmd,
                  bool direct, struct buf *data, unsigned sw, struct buf *rsp)
{
    struct bytes nothing = bytes_from(NULL, 0);
    bool waits = !c->options.t1 || c->options.endless;

    if (direct || data->len == 0)
        return put_answer(rsp, buf_view(data), sw);
    if (waits) {
        c->waiting.len = 0;
        if (buf_put(&c->waiting, buf_view(data)) < 0)
            return put_answer(rsp, nothing, SW_ERROR);
        return put_answer(rsp, nothing, more_waiting(data->len));
    }
    if (cmd->le == 0)
        return put_answer(rsp, nothing, sw);
    if (data->len > cmd->le)
        return put_answer(rsp, nothing, SW_WRONG_LE | (data->len & 0xFF));
    return put_answer(rsp, buf_view(data), sw);
}

static struct cps3 *cps3_of(struct applet *a)
{
    return (struct cps3 *)a;
}

static int cps3_process(struct applet *a, struct bytes raw, struct buf *rsp)
{
    struct cps3 *c = cps3_of(a);
    uint8_t room[CPS3_MAX_BODY];
    struct buf out = BUF_ON(room);
    const struct command *command;
    struct cps3_command cmd;
    unsigned sw;
    int rc;

    if (!parse_command(raw, c->options.t1, &cmd))
        return buf_put_u16(rsp, SW_LENGTH);
    if (cmd.ins != INS_GET_RESPONSE)
        c->waiting.len = 0;
    command = find_command(cmd.ins);
    if ((sw = check_class(&cmd)) == SW_OK)
        sw = command != NULL ? run(c, &cmd, command, &out) : (unsigned)SW_INS;
    rc = answer(c, &cmd, command != NULL && command->direct, &out, sw, rsp);
    buf_wipe(&out);
    return rc;
}

static void cps3_power(struct applet *a)
{
    struct cps3 *c = cps3_of(a);

    c->where = c->maker->covered ? CPS3_FOREIGN : CPS3_MF;
    c->ef = NULL;
    memset(c->verified, 0, sizeof(c->verified));
    environment_clear(c);
    c->chain.len = 0;
    c->waiting.len = 0;
}

static struct bytes cps3_atr(const struct applet *a)
{
    const struct cps3 *c = (const struct cps3 *)a;

    return c->options.t1 && !c->maker->t1 ? BYTES_OF(atr_t1)
                                          : buf_view(&c->atr);
}

static void cps3_tries(const struct applet *a, struct applet_tries *out)
{
    const struct cps3 *c = (const struct cps3 *)a;

    out->pin = c->store.secret[CPS3_PIN].tries;
    out->puk = c->store.secret[CPS3_PUK].tries;
}

static int cps3_set_tries(struct applet *a, unsigned pin)
{
    struct cps3 *c = cps3_of(a);

    if (pin > 15)
        return card_fail(CARD_E_ARGUMENT, "cps3: at most 15 tries");
    c->store.secret[CPS3_PIN].tries = (uint8_t)pin;
    return cps3_store_save(c);
}

static bool set_wrong(struct cps3_options *o, const char *value)
{
    static const char *const names[] = {
        [CPS3_SIGN_RIGHT] = "none",
        [CPS3_SIGN_FLIP_BIT] = "flip",
        [CPS3_SIGN_PREVIOUS] = "previous",
        [CPS3_SIGN_OTHER_KEY] = "other",
    };

    for (size_t i = 0; i < nitems(names); i++)
        if (strcmp(value, names[i]) == 0) {
            o->wrong = (enum cps3_wrong)i;
            return true;
        }
    return false;
}

/* What may change while the card is in use; the rest is for cps3_new. */
static int cps3_set(struct applet *a, const char *name, const char *value)
{
    struct cps3 *c = cps3_of(a);
    struct cps3_options *o = &c->options;
    bool yes = strcmp(value, "yes") == 0;

    if (strcmp(name, "no-sdo") == 0)
        o->no_sdo = yes;
    else if (strcmp(name, "no-finished-hash") == 0)
        o->no_finished_hash = yes;
    else if (strcmp(name, "endless") == 0)
        o->endless = yes;
    else if (strcmp(name, "tail") == 0)
        o->tail = strcmp(value, "6282") == 0 ? CPS3_TAIL_6282 : CPS3_TAIL_6C;
    else if (!cps3_store_set(c, name, value) &&
             (strcmp(name, "wrong") != 0 || !set_wrong(o, value)))
        return card_fail(CARD_E_ARGUMENT, "cps3: no setting %s=%s", name,
                         value);
    return 0;
}

static void cps3_free(struct applet *a)
{
    struct cps3 *c = cps3_of(a);

    if (c == NULL)
        return;
    cps3_free_files(c);
    EVP_PKEY_free(c->sign_key);
    EVP_PKEY_free(c->auth_key);
    free(c);
}

static const struct applet_ops cps3_ops = {
    .name = "cps3",
    .atr = cps3_atr,
    .power = cps3_power,
    .process = cps3_process,
    .tries = cps3_tries,
    .set_tries = cps3_set_tries,
    .set = cps3_set,
    .free = cps3_free,
};

struct cps3_options *cps3_settings(struct applet *a)
{
    return &cps3_of(a)->options;
}

static int take_maker(struct cps3 *c)
{
    const char *name = c->options.maker;
    int rc;

    c->maker = cps3_find_maker(name != NULL ? name : "cps3");
    if (c->maker == NULL)
        return card_fail(CARD_E_ARGUMENT, "cps3: no maker %s", name);
    c->options.t1 = c->options.t1 || c->maker->t1;
    c->options.no_sdo = c->options.no_sdo || c->maker->no_sdo;
    if ((rc = bytes_from_hex(c->maker->root, &c->root)) < 0 ||
        (rc = bytes_from_hex(c->maker->aid, &c->aid)) < 0)
        return rc;
    return bytes_from_hex(c->maker->atr, &c->atr);
}

int cps3_new(const struct cps3_options *options, struct applet **out)
{
    struct cps3 *c = calloc(1, sizeof(*c));
    int rc;

    if (c == NULL)
        return card_fail(CARD_E_MEMORY, "cps3: no memory");
    c->applet.ops = &cps3_ops;
    c->options = *options;
    c->chain = (struct buf)BUF_ON(c->chain_data);
    c->waiting = (struct buf)BUF_ON(c->waiting_data);
    c->root = (struct buf)BUF_ON(c->root_data);
    c->aid = (struct buf)BUF_ON(c->aid_data);
    c->atr = (struct buf)BUF_ON(c->atr_data);
    rc = take_maker(c);
    if (rc == 0)
        rc = cps3_make_files(c);
    if (rc == 0)
        rc = cps3_store_load(c);
    if (rc == 0) {
        c->sign_key = pki_load_key(options->dir, "sign");
        c->auth_key = pki_load_key(options->dir, "auth");
        if (c->sign_key == NULL || c->auth_key == NULL)
            rc = CARD_E_CONFIG;
    }
    if (rc < 0) {
        cps3_free(&c->applet);
        return rc;
    }
    cps3_power(&c->applet);
    *out = &c->applet;
    return 0;
}
