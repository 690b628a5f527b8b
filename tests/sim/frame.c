/*
 * Framing of simulated cards: commands in, answers out (fact sheet
 * iso7816-pkcs15, section 1).
 */
#include "tests/sim/frame.h"

#include <string.h>

#include "card/error.h"

enum {
    CLA_CHAINED = 0x10,
    INS_GET_RESPONSE = 0xC0,
    SHORT_MAX = 256,
    LIE = 16 /* how much too long a damaged length is */
};

int sim_frame_init(struct sim_frame *f)
{
    int rc;

    if ((rc = buf_new(&f->chain, SIM_MAX_DATA)) < 0 ||
        (rc = buf_new(&f->waiting, SIM_MAX_DATA)) < 0)
        return rc;
    return buf_new(&f->out, SIM_MAX_DATA);
}

void sim_frame_clear(struct sim_frame *f)
{
    buf_free(&f->chain);
    buf_free(&f->waiting);
    buf_free(&f->out);
}

void sim_frame_power(struct sim_frame *f)
{
    f->chain.len = 0;
    f->waiting.len = 0;
}

/* ---- commands ------------------------------------------------------------ */

static size_t le_of(unsigned byte, size_t all)
{
    return byte == 0 ? all : byte;
}

/* Behind the 00 that says extended: Lc and data, Le, or both. */
static bool parse_extended(struct bytes raw, struct sim_command *cmd)
{
    uint16_t n;

    if (!bytes_take_u16(&raw, &n))
        return false;
    if (raw.len == 0) {
        cmd->le = le_of(n, SIM_LE_ALL);
        return true;
    }
    if (n == 0 || !bytes_take(&raw, n, &cmd->body))
        return false;
    if (raw.len == 2 && bytes_take_u16(&raw, &n))
        cmd->le = le_of(n, SIM_LE_ALL);
    return raw.len == 0;
}

/* At T=0 a command carries data or asks for some, never both. */
static bool parse_short(const struct sim_frame *f, struct bytes raw,
                        struct sim_command *cmd)
{
    uint8_t p3;

    bytes_take_u8(&raw, &p3);
    if (raw.len == 0) {
        cmd->le = le_of(p3, SHORT_MAX);
        return true;
    }
    if (p3 == 0 || !bytes_take(&raw, p3, &cmd->body))
        return false;
    if (f->t1 && bytes_take_u8(&raw, &p3))
        cmd->le = le_of(p3, SHORT_MAX);
    return raw.len == 0;
}

static bool parse(const struct sim_frame *f, struct bytes raw,
                  struct sim_command *cmd)
{
    struct bytes zero;

    memset(cmd, 0, sizeof(*cmd));
    if (!bytes_take_u8(&raw, &cmd->cla) || !bytes_take_u8(&raw, &cmd->ins) ||
        !bytes_take_u8(&raw, &cmd->p1) || !bytes_take_u8(&raw, &cmd->p2))
        return false;
    if (raw.len == 0)
        return true;
    if (raw.data[0] != 0 || raw.len < 3)
        return parse_short(f, raw, cmd);
    return f->extended && f->t1 && bytes_take(&raw, 1, &zero) &&
           parse_extended(raw, cmd);
}

/* Puts the whole body in the command when its last part is here. */
static unsigned chain(struct sim_frame *f, struct sim_command *cmd, bool *done)
{
    bool more = (cmd->cla & CLA_CHAINED) != 0;
    uint8_t head[4];

    cmd->cla &= (uint8_t)~CLA_CHAINED;
    memcpy(head, (uint8_t[]){cmd->cla, cmd->ins, cmd->p1, cmd->p2}, 4);
    *done = !more;
    if (more && f->no_chaining)
        return SIM_SW_CHAINING;
    if (f->chain.len > 0 && memcmp(head, f->chained, sizeof(head)) != 0)
        f->chain.len = 0; /* another command: the chain is broken off */
    if (!more && f->chain.len == 0)
        return SIM_SW_OK;
    memcpy(f->chained, head, sizeof(head));
    if (buf_put(&f->chain, cmd->body) < 0) {
        f->chain.len = 0;
        return SIM_SW_LENGTH;
    }
    cmd->body = buf_view(&f->chain);
    return SIM_SW_OK;
}

/* ---- answers ------------------------------------------------------------- */

static unsigned more_waiting(size_t len)
{
    return 0x6100 | (unsigned)(len < SHORT_MAX ? len : 0);
}

static int put_answer(struct buf *rsp, struct bytes data, unsigned sw)
{
    int rc = buf_put(rsp, data);

    return rc < 0 ? rc : buf_put_u16(rsp, (uint16_t)sw);
}

static int get_response(struct sim_frame *f, size_t le, struct buf *rsp)
{
    struct buf *w = &f->waiting;
    size_t n = le < w->len ? le : w->len;
    int rc;

    if (w->len == 0 || le == 0)
        return buf_put_u16(rsp, SIM_SW_CONDITIONS);
    if (le != SHORT_MAX && le > w->len)
        return buf_put_u16(rsp, (uint16_t)(SIM_SW_WRONG_LE | w->len));
    if ((rc = buf_put(rsp, bytes_from(w->data, n))) < 0)
        return rc;
    if (f->damage == SIM_DAMAGE_ENDLESS)
        return buf_put_u16(rsp, (uint16_t)more_waiting(w->len));
    w->len -= n;
    memmove(w->data, w->data + n, w->len);
    return buf_put_u16(rsp, (uint16_t)(w->len > 0 ? more_waiting(w->len)
                                                  : SIM_SW_OK));
}

/* The first `now` bytes at once; the rest waits for GET RESPONSE. */
static int answer_part(struct sim_frame *f, size_t now, struct buf *rsp)
{
    struct bytes data = buf_view(&f->out), first;

    bytes_take(&data, now, &first);
    f->waiting.len = 0;
    if (buf_put(&f->waiting, data) < 0)
        return buf_put_u16(rsp, SIM_SW_ERROR);
    return put_answer(rsp, first, more_waiting(data.len));
}

/*
 * An answer that ends with a warning (6282) is not spread: only READ BINARY
 * gives one, and it has given what was asked for.
 */
static int answer(struct sim_frame *f, const struct sim_command *cmd,
                  unsigned sw, struct buf *rsp)
{
    struct bytes data = buf_view(&f->out);
    bool has_body = cmd->body.len > 0;

    if (data.len == 0 || sw != SIM_SW_OK)
        return put_answer(rsp, data, sw);
    if (f->damage == SIM_DAMAGE_ENDLESS || (!f->t1 && has_body))
        return answer_part(f, 0, rsp);
    if (f->t1 && cmd->le == 0)
        return put_answer(rsp, bytes_from(NULL, 0), sw);
    if (data.len > cmd->le && cmd->le >= SHORT_MAX)
        return answer_part(f, cmd->le - (f->sparing ? 1 : 0), rsp);
    if (!f->t1 && data.len != cmd->le)
        return buf_put_u16(rsp, (uint16_t)(SIM_SW_WRONG_LE |
                                           (data.len & 0xFF)));
    if (data.len > cmd->le)
        data.len = cmd->le;
    return put_answer(rsp, data, sw);
}

/* The length of the outermost object, if there is one of two bytes' header. */
static void lie(struct buf *out)
{
    if (out->len > 2 && out->data[1] < 0x80 - LIE)
        out->data[1] = (uint8_t)(out->data[1] + LIE);
    else if (out->len > 3 && out->data[1] == 0x82)
        out->data[2] = (uint8_t)(out->data[2] + LIE);
}

int sim_frame_process(struct sim_frame *f, sim_run_fn *run, void *card,
                      struct bytes raw, struct buf *rsp)
{
    struct sim_command cmd;
    unsigned sw;
    bool done;
    int rc;

    if (!parse(f, raw, &cmd))
        return buf_put_u16(rsp, SIM_SW_LENGTH);
    if (cmd.ins == INS_GET_RESPONSE)
        return get_response(f, cmd.le, rsp);
    f->waiting.len = 0;
    if ((sw = chain(f, &cmd, &done)) != SIM_SW_OK || !done)
        return buf_put_u16(rsp, (uint16_t)sw);
    if (f->damage == SIM_DAMAGE_6C && cmd.body.len == 0 && cmd.le > 1)
        return buf_put_u16(rsp, SIM_SW_WRONG_LE | 1);
    f->out.len = 0;
    sw = run(card, &cmd, &f->out);
    f->chain.len = 0;
    if (f->damage == SIM_DAMAGE_LENGTHS)
        lie(&f->out);
    rc = answer(f, &cmd, sw, rsp);
    f->out.len = 0;
    return rc;
}

unsigned sim_read_binary(const struct sim_frame *f, struct bytes content,
                         size_t offset, size_t le, struct buf *out)
{
    size_t left;

    if (le == 0)
        return SIM_SW_LENGTH;
    if (offset >= content.len)
        return SIM_SW_OFFSET;
    left = content.len - offset;
    if (le > left && f->tail == SIM_TAIL_6C)
        return SIM_SW_WRONG_LE | (unsigned)(left & 0xFF);
    if (buf_put(out, bytes_from(content.data + offset,
                                le < left ? le : left)) < 0)
        return SIM_SW_ERROR;
    return le > left && f->tail == SIM_TAIL_6282 ? SIM_SW_EOF : SIM_SW_OK;
}

/* ---- settings ------------------------------------------------------------ */

bool sim_is_yes(const char *value)
{
    return strcmp(value, "yes") == 0;
}

static bool set_named(const char *const names[], size_t count,
                      const char *value, unsigned *out)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(names[i], value) == 0) {
            *out = i;
            return true;
        }
    return false;
}

bool sim_frame_set(struct sim_frame *f, const char *name, const char *value)
{
    static const char *const tails[] = {"6282", "6c", "short"};
    static const char *const damages[] = {"none", "endless", "6c", "lengths"};
    unsigned n;

    if (strcmp(name, "t1") == 0)
        f->t1 = sim_is_yes(value);
    else if (strcmp(name, "extended") == 0)
        f->extended = sim_is_yes(value);
    else if (strcmp(name, "chaining") == 0)
        f->no_chaining = !sim_is_yes(value);
    else if (strcmp(name, "sparing") == 0)
        f->sparing = sim_is_yes(value);
    else if (strcmp(name, "endless") == 0)
        f->damage = sim_is_yes(value) ? SIM_DAMAGE_ENDLESS : SIM_DAMAGE_NONE;
    else if (strcmp(name, "tail") == 0 &&
             set_named(tails, nitems(tails), value, &n))
        f->tail = (enum sim_tail)n;
    else if (strcmp(name, "damage") == 0 &&
             set_named(damages, nitems(damages), value, &n))
        f->damage = (enum sim_damage)n;
    else
        return false;
    return true;
}
