/*
 * From a command to the bytes a protocol carries, and from its answers to one
 * (ISO 7816-3 12, ISO 7816-4 5.1 to 5.6).
 */
#include "card/wire/apdu.h"

#include "card/error.h"
#include "card/object.h"

enum {
    CLA_CHAINING = 0x10,  /* first interindustry: one more command comes */
    CLA_SECURE = 0x0C,    /* first interindustry: secure messaging */
    CLA_SECURE_FURTHER = 0x20,
    CLA_PROPRIETARY = 0x80,
    SHORT_DATA_MAX = 255,
    EXTENDED_DATA_MAX = 2 * CARD_MAX_SIGNATURE, /* the longest: a cryptogram */
    EXTENDED_LE_MAX = 65536,
    COMMAND_MAX = 4 + 3 + EXTENDED_DATA_MAX + 2,
    SW_MORE = 0x61,
    SW_WRONG_LE = 0x6C
};

/* One apdu_exchange: what its steps share. */
struct exchange {
    struct reader *r;
    size_t extended;   /* most data of the extended form; 0: the short one */
    struct buf *rsp;   /* NULL: drop */
    struct buf answer; /* the last answer, its status word cut off */
    size_t collected;
    uint16_t sw;
    bool resent;       /* 6Cxx was obeyed once */
};

static uint8_t sw1(uint16_t sw)
{
    return (uint8_t)(sw >> 8);
}

/* Le in the low byte of 61xx and 6Cxx: 00 is 256. */
static size_t sw2_len(uint16_t sw)
{
    return (sw & 0xFF) == 0 ? APDU_LE_MAX : (size_t)(sw & 0xFF);
}

static bool is_long(const struct apdu *cmd)
{
    return cmd->data.len > SHORT_DATA_MAX || cmd->le > APDU_LE_MAX;
}

/*
 * What a reader that says nothing is trusted with: extended length only if the
 * card has no other way. Readers that carry short commands alone fail in ways
 * that do not tell whether the card had the command, and chaining passes all.
 */
static size_t reader_max(struct reader *r)
{
    size_t told = r->ops->max_data != NULL ? r->ops->max_data(r) : 0;

    if (told == 0)
        return r->chaining ? READER_SHORT_DATA : EXTENDED_LE_MAX;
    return told;
}

/* The form of a command: what struct exchange says of it. */
static size_t extended_max(struct reader *r, const struct apdu *cmd)
{
    size_t max;

    if (!r->extended || r->protocol != READER_T1 || !is_long(cmd) ||
        cmd->data.len > EXTENDED_DATA_MAX)
        return 0;
    max = reader_max(r);
    return max > READER_SHORT_DATA && cmd->data.len <= max ? max : 0;
}

/*
 * The command's bytes, short form. T=0 has no Le beside data (the answer is
 * fetched), and always a fifth byte (ISO 7816-3 12.2.2 to 12.2.5).
 */
static int put_short(struct buf *out, const struct apdu *cmd,
                     enum reader_protocol protocol)
{
    size_t le = cmd->le > APDU_LE_MAX ? APDU_LE_MAX : cmd->le;
    int rc;

    if (cmd->data.len > 0) {
        if ((rc = buf_put_u8(out, (uint8_t)cmd->data.len)) < 0 ||
            (rc = buf_put(out, cmd->data)) < 0)
            return rc;
        if (protocol == READER_T0)
            return 0;
    }
    if (le == 0 && protocol == READER_T1)
        return 0;
    return buf_put_u8(out, (uint8_t)le);
}

static int put_extended(struct buf *out, const struct apdu *cmd, size_t max)
{
    size_t le = cmd->le > max ? max : cmd->le;
    int rc;

    if ((rc = buf_put_u8(out, 0)) < 0)
        return rc;
    if (cmd->data.len > 0) {
        if ((rc = buf_put_u16(out, (uint16_t)cmd->data.len)) < 0 ||
            (rc = buf_put(out, cmd->data)) < 0)
            return rc;
    }
    return le == 0 ? 0 : buf_put_u16(out, (uint16_t)le);
}

static int put_command(const struct exchange *x, struct buf *out,
                       const struct apdu *cmd)
{
    const uint8_t header[4] = {cmd->cla | x->r->channel, cmd->ins, cmd->p1,
                               cmd->p2};
    int rc;

    if ((rc = buf_put(out, BYTES_OF(header))) < 0)
        return rc;
    if (x->extended > 0 && is_long(cmd))
        return put_extended(out, cmd, x->extended);
    return put_short(out, cmd, x->r->protocol);
}

/* Cut the status word off the answer. */
static int take_status(struct exchange *x)
{
    struct bytes status;
    struct bytes view = buf_view(&x->answer);

    if (view.len < 2 || !bytes_take(&view, view.len - 2, &status) ||
        !bytes_take_u16(&view, &x->sw))
        return card_fail(CARD_E_PROTOCOL, "answer of %zu bytes: no status word",
                         x->answer.len);
    x->answer.len -= 2;
    return 0;
}

/* One command to the card; its answer in x->answer, x->sw. */
static int transmit(struct exchange *x, const struct apdu *cmd)
{
    uint8_t raw[COMMAND_MAX];
    struct buf command = BUF_ON(raw);
    int rc;

    if (x->r->budget == 0)
        return card_fail(CARD_E_LIMIT,
                         "the card keeps this operation going without end");
    x->r->budget--;
    buf_wipe(&x->answer);
    if ((rc = put_command(x, &command, cmd)) < 0)
        goto out;
    if ((rc = x->r->ops->transmit(x->r, buf_view(&command), &x->answer)) < 0)
        goto out;
    rc = take_status(x);
out:
    buf_wipe(&command); /* it may carry a PIN */
    return rc;
}

/*
 * The same, and once more with the card's Le on 6Cxx. Commands that want no
 * answer, or on T=0 carry data, have no Le to correct: one with a PIN never
 * goes out twice.
 */
static int transmit_le(struct exchange *x, const struct apdu *cmd)
{
    struct apdu again = *cmd;
    bool has_le = cmd->le > 0 &&
                  (cmd->data.len == 0 || x->r->protocol == READER_T1);
    int rc;

    if ((rc = transmit(x, cmd)) < 0)
        return rc;
    if (sw1(x->sw) != SW_WRONG_LE || !has_le || x->resent)
        return 0;
    x->resent = true;
    again.le = sw2_len(x->sw);
    return transmit(x, &again);
}

static int collect(struct exchange *x)
{
    if (x->rsp == NULL)
        return 0;
    x->collected += x->answer.len;
    if (x->collected > APDU_MAX_ANSWER)
        return card_fail(CARD_E_PROTOCOL, "answer over %d bytes",
                         APDU_MAX_ANSWER);
    return buf_put(x->rsp, buf_view(&x->answer));
}

/*
 * Without the bits for chaining and secure messaging (ISO 7816-4 5.4.1). Behind
 * a proprietary command of class 8x GET RESPONSE is the interindustry one: so
 * OpenSC fetches the answers of all its cards.
 */
static uint8_t response_cla(uint8_t cla)
{
    if ((cla & 0xE0) == CLA_PROPRIETARY)
        return 0;
    if ((cla & 0xC0) == 0x40)
        return cla & (uint8_t)~(CLA_CHAINING | CLA_SECURE_FURTHER);
    return cla & (uint8_t)~(CLA_CHAINING | CLA_SECURE);
}

/* At T=0 the first part itself takes a GET RESPONSE. */
static bool is_enough(const struct exchange *x, const struct apdu *cmd)
{
    return cmd->first_part && x->collected > 0;
}

static int fetch_rest(struct exchange *x, const struct apdu *cmd)
{
    struct apdu get = {.cla = response_cla(cmd->cla),
                       .ins = INS_GET_RESPONSE};
    int rc;

    while (sw1(x->sw) == SW_MORE && !is_enough(x, cmd)) {
        get.le = sw2_len(x->sw);
        if ((rc = transmit_le(x, &get)) < 0 || (rc = collect(x)) < 0)
            return rc;
        if (x->answer.len == 0 && sw1(x->sw) == SW_MORE)
            return card_fail(CARD_E_PROTOCOL,
                             "the card promises more and gives nothing");
    }
    if (sw1(x->sw) == SW_MORE)
        x->sw = SW_OK;
    return 0;
}

/*
 * All blocks but the last, which is left in `cmd`. On a status word other than
 * 9000 the chain is broken: x->sw tells.
 */
static int send_chain(struct exchange *x, struct apdu *cmd)
{
    struct apdu block = *cmd;
    int rc;

    block.cla |= CLA_CHAINING;
    block.le = 0;
    while (cmd->data.len > SHORT_DATA_MAX && x->sw == SW_OK) {
        if (!bytes_take(&cmd->data, SHORT_DATA_MAX, &block.data))
            break;
        if ((rc = transmit(x, &block)) < 0)
            return rc;
    }
    return 0;
}

static int exchange(struct exchange *x, struct apdu cmd)
{
    int rc;

    x->sw = SW_OK;
    if (cmd.data.len > SHORT_DATA_MAX && x->extended == 0) {
        if ((rc = send_chain(x, &cmd)) < 0 || x->sw != SW_OK)
            return rc;
    }
    if ((rc = transmit_le(x, &cmd)) < 0)
        return rc;
    if (cmd.le == 0) {
        if (sw1(x->sw) == SW_MORE)
            x->sw = SW_OK;
        return 0;
    }
    if ((rc = collect(x)) < 0)
        return rc;
    return fetch_rest(x, &cmd);
}

static int no_way(const struct reader *r, const struct apdu *cmd)
{
    return card_fail(CARD_E_UNSUPPORTED,
                     r->extended && r->protocol == READER_T1
                         ? "%zu bytes in one command: this card takes them in "
                           "extended length only, which its reader does not "
                           "carry"
                         : "%zu bytes in one command: this card has neither "
                           "extended length nor command chaining",
                     cmd->data.len);
}

int apdu_exchange(struct reader *r, const struct apdu *cmd, struct buf *rsp,
                  uint16_t *sw)
{
    struct exchange x = {.r = r, .rsp = cmd->le > 0 ? rsp : NULL};
    int rc;

    if (cmd->le > 0 && rsp == NULL)
        return card_fail(CARD_E_ARGUMENT, "nowhere to put an answer");
    x.extended = extended_max(r, cmd);
    if (cmd->data.len > SHORT_DATA_MAX && x.extended == 0 && !r->chaining)
        return no_way(r, cmd);
    /* the most one answer can hold: what the form lets the card send */
    if ((rc = buf_new(&x.answer, x.extended > 0 ? READER_RESPONSE_MAX
                                                : APDU_LE_MAX + 2)) < 0)
        return rc;
    rc = exchange(&x, *cmd);
    buf_free(&x.answer);
    if (rc == 0)
        *sw = x.sw;
    return rc;
}

struct sw_row {
    uint16_t sw;
    int code;
    const char *words;
};

/* ISO 7816-4, tables 6 and 7; 6999 is Java Card's. */
static const struct sw_row sw_rows[] = {
    {0x6282, CARD_E_STATUS, "end of file before Le bytes"},
    {0x6283, CARD_E_STATUS, "file deactivated"},
    {0x6285, CARD_E_STATUS, "file terminated"},
    {0x6300, CARD_E_PIN_WRONG, "wrong PIN"},
    {0x6581, CARD_E_STATUS, "memory failure"},
    {0x6700, CARD_E_STATUS, "wrong length"},
    {0x6881, CARD_E_UNSUPPORTED, "logical channel not supported"},
    {0x6882, CARD_E_UNSUPPORTED, "secure messaging not supported"},
    {0x6883, CARD_E_UNSUPPORTED, "last command of the chain expected"},
    {0x6884, CARD_E_UNSUPPORTED, "command chaining not supported"},
    {0x6981, CARD_E_UNSUPPORTED, "not for this file structure"},
    {SW_SECURITY_STATUS, CARD_E_LOGIN, "PIN not verified"},
    {SW_AUTH_BLOCKED, CARD_E_PIN_LOCKED, "PIN locked"},
    {SW_REF_DATA_UNUSABLE, CARD_E_STATUS, "PIN or key not usable"},
    {SW_CONDITIONS, CARD_E_STATUS, "conditions of use not satisfied"},
    {0x6986, CARD_E_STATUS, "no current file"},
    {0x6987, CARD_E_STATUS, "secure messaging data missing"},
    {0x6988, CARD_E_STATUS, "secure messaging data wrong"},
    {0x6999, CARD_E_NOT_FOUND, "application not found"},
    {0x6A80, CARD_E_STATUS, "wrong data"},
    {0x6A81, CARD_E_UNSUPPORTED, "function not supported"},
    {SW_FILE_NOT_FOUND, CARD_E_NOT_FOUND, "file not found"},
    {0x6A83, CARD_E_NOT_FOUND, "record not found"},
    {0x6A84, CARD_E_STATUS, "no room on the card"},
    {0x6A85, CARD_E_STATUS, "length inconsistent with the data"},
    {SW_WRONG_P1P2, CARD_E_STATUS, "wrong P1 P2"},
    {0x6A87, CARD_E_STATUS, "length inconsistent with P1 P2"},
    {SW_REF_NOT_FOUND, CARD_E_NOT_FOUND, "referenced data not found"},
    {SW_WRONG_OFFSET, CARD_E_STATUS, "wrong P1 P2"},
    {0x6D00, CARD_E_UNSUPPORTED, "instruction not supported"},
    {SW_CLA_UNSUPPORTED, CARD_E_UNSUPPORTED, "class not supported"},
    {0x6F00, CARD_E_STATUS, "no diagnosis"}};

static const struct sw_row *find_row(uint16_t sw)
{
    static const struct sw_row other = {0, CARD_E_STATUS, "unexpected"};

    for (size_t i = 0; i < nitems(sw_rows); i++) {
        if (sw_rows[i].sw == sw)
            return &sw_rows[i];
    }
    return &other;
}

int apdu_sw_error(uint16_t sw, const char *doing)
{
    const struct sw_row *row;

    if (sw == SW_OK)
        return 0;
    if (sw == 0x63C0)
        return card_fail(CARD_E_PIN_LOCKED,
                         "%s: card answered 63C0 (wrong PIN, now locked)",
                         doing);
    if ((sw & 0xFFF0) == 0x63C0)
        return card_fail(CARD_E_PIN_WRONG,
                         "%s: card answered %04X (wrong PIN, tries left: %d)",
                         doing, (unsigned)sw, sw & 0x0F);
    row = find_row(sw);
    return card_fail(row->code, "%s: card answered %04X (%s)", doing,
                     (unsigned)sw, row->words);
}

bool apdu_refused(int rc)
{
    return rc == CARD_E_STATUS || rc == CARD_E_UNSUPPORTED ||
           rc == CARD_E_NOT_FOUND;
}
