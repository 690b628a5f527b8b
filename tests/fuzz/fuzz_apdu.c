/*
 * libFuzzer: APDU exchange and the commands of ISO 7816 on a hostile card.
 * After the byte of the connection the input is a list of commands: 1 byte
 * which, 2 bytes the room for the answer, its arguments, then what the card
 * answers (reader_fuzz.h).
 */
#include "card/error.h"
#include "card/object.h"
#include "card/wire/apdu.h"
#include "card/wire/iso7816.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/reader_fuzz.h"

static const uint8_t some_bytes[4096];

static uint8_t take_u8(struct reader *r)
{
    struct reader_fuzz *f = r->io;
    uint8_t value = 0;

    bytes_take_u8(&f->input, &value);
    return value;
}

static uint16_t take_u16(struct reader *r)
{
    return (uint16_t)(take_u8(r) << 8 | take_u8(r));
}

static struct bytes take_data(struct reader *r)
{
    return bytes_from(some_bytes, take_u16(r) % sizeof(some_bytes));
}

static unsigned sent(const struct reader *r)
{
    const struct reader_fuzz *f = r->io;

    return f->sent;
}

/* ---- apdu.h -------------------------------------------------------------- */

/* As many commands as it takes to send the data: none goes out twice. */
static void must_be_sent_once(const struct reader *r, const struct apdu *cmd)
{
    const size_t blocks = (cmd->data.len + 254) / 255;

    must(sent(r) <= (blocks > 1 ? blocks : 1),
         "a command without Le is not repeated");
}

static bool takes_pin(uint8_t ins)
{
    return ins == INS_VERIFY || ins == INS_CHANGE_REFERENCE_DATA ||
           ins == INS_RESET_RETRY_COUNTER;
}

static int exchange(struct reader *r, struct buf *out)
{
    struct apdu cmd = {.cla = take_u8(r)};
    uint16_t sw = 0;
    int rc;

    cmd.ins = take_u8(r);
    cmd.data = take_data(r);
    cmd.le = take_u16(r);
    if (takes_pin(cmd.ins))
        cmd.le = 0; /* as all who send one do */
    rc = apdu_exchange(r, &cmd, out, &sw);
    if (cmd.le == 0) {
        must_be_sent_once(r, &cmd);
        must(out->len == 0, "an answer nobody wants is dropped");
    }
    must(out->len <= APDU_MAX_ANSWER, "an answer has an end");
    if (rc == 0)
        must_be_result(apdu_sw_error(sw, "test"));
    return rc;
}

/* ---- iso7816.h ----------------------------------------------------------- */

static int select_file(struct reader *r, struct buf *out)
{
    const uint8_t how = take_u8(r);
    struct bytes name = take_data(r);

    return iso_select(r, how, SELECT_FCP, name, (how & 1) != 0 ? out : NULL);
}

static int read_binary(struct reader *r, struct buf *out)
{
    const size_t offset = take_u16(r);
    const size_t want = take_u16(r);
    int rc = iso_read_binary(r, offset, want, take_u8(r), out);

    must(rc < 0 || out->len <= want, "no more is read than is wanted");
    return rc;
}

static int read_file(struct reader *r, struct buf *out)
{
    return iso_read_file(r, take_u8(r), out);
}

static int read_der(struct reader *r, struct buf *out)
{
    const size_t offset = take_u16(r);

    return iso_read_der(r, offset, take_u8(r), out);
}

static int get_data(struct reader *r, struct buf *out)
{
    const uint16_t file = take_u16(r);

    return iso_get_data(r, file, take_data(r), out);
}

static void must_be_tries(int rc, int tries)
{
    must(tries >= CARD_TRIES_UNKNOWN && tries <= 15, "a count of tries is one");
    if (rc == CARD_E_PIN_LOCKED)
        must(tries == 0, "a locked PIN has no tries");
}

static int verify(struct reader *r, struct buf *out)
{
    const uint8_t ref = take_u8(r);
    int tries, rc = iso_verify(r, ref, take_data(r), &tries);

    (void)out;
    must_be_tries(rc, tries);
    must(sent(r) <= 1, "a PIN goes out once");
    return rc;
}

static int verify_query(struct reader *r, struct buf *out)
{
    bool verified;
    int tries, rc = iso_verify_query(r, take_u8(r), &verified, &tries);

    (void)out;
    must_be_tries(rc, tries);
    must(!verified || rc == 0, "what fails verifies nothing");
    return rc;
}

static int mse_set(struct reader *r, struct buf *out)
{
    const uint8_t crt = take_u8(r);

    (void)out;
    return iso_mse_set(r, MSE_SET_COMPUTE, crt, take_data(r));
}

static int internal_authenticate(struct reader *r, struct buf *out)
{
    const size_t le = take_u16(r);

    return iso_internal_authenticate(r, take_data(r), le, out);
}

static int pso_sign(struct reader *r, struct buf *out)
{
    const size_t le = take_u16(r);

    return iso_pso_sign(r, take_data(r), le, out);
}

static int pso_hash(struct reader *r, struct buf *out)
{
    (void)out;
    return iso_pso_hash(r, take_data(r));
}

static int pso_decipher(struct reader *r, struct buf *out)
{
    const size_t le = take_u16(r);

    return iso_pso_decipher(r, 0x81, take_data(r), le, out);
}

/* The PIN's record is the card's word; the PIN is digits. */
static int pin_block(struct reader *r, struct buf *out)
{
    static const char digits[] = "1234567890123456789012345678901234567890"
                                 "1234567890123456789012345678901234567890";
    struct card_pin_info info = {.needs_padding = true};
    int rc;

    info.type = (enum card_pin_type)(take_u8(r) % (CARD_PIN_ISO9564_1 + 1));
    info.min_len = take_u16(r);
    info.max_len = take_u16(r);
    info.stored_len = take_u16(r);
    info.pad_char = take_u8(r);
    rc = iso_pin_block(&info, bytes_from(digits, take_u8(r) % 80), out);
    must(out->len <= CARD_MAX_PIN, "a PIN block is short");
    must(rc == 0 || out->len == 0, "a block is whole or not there");
    must(rc < 0 || info.stored_len == 0 || out->len == info.stored_len,
         "a padded block is as long as the card wants it");
    return rc;
}

/* ---- all ----------------------------------------------------------------- */

typedef int command_fn(struct reader *r, struct buf *out);

static command_fn *const commands[] = {
    exchange,     select_file, read_binary, read_file,
    read_der,     get_data,    verify,      verify_query,
    mse_set,      pso_sign,    pso_hash,    pso_decipher,
    internal_authenticate,     pin_block,
};

static void run_one(struct reader *r)
{
    command_fn *command = commands[take_u8(r) % nitems(commands)];
    struct buf out;

    must(buf_new(&out, take_u16(r)) == 0, "memory");
    r->budget = APDU_BUDGET;
    if (r->ops->begin(r) == 0) {
        must_be_result(command(r, &out));
        must(APDU_BUDGET - r->budget == sent(r), "each command is counted");
        r->ops->end(r, READER_LEAVE);
    }
    must_be_buf(&out);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader_fuzz card = {.atr = "3B80800101",
                               .input = bytes_from(data, size)};
    struct reader r = {.ops = &reader_fuzz, .io = &card};

    r.ops->connect(&r);
    while (card.input.len > 0)
        run_one(&r);
    r.ops->disconnect(&r);
    return 0;
}
