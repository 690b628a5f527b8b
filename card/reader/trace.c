/*
 * A recorder in front of other readers: the dialogue as text, without PINs and
 * without what the card deciphered. Each line is one write to a file opened
 * for appending, so lines of several threads and processes stay whole and a
 * crash loses none.
 */
#include "card/reader/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "card/error.h"

/* ISO 7816-4 and -8; the lower layer does not know wire/apdu.h. */
enum {
    INS_VERIFY = 0x20,
    INS_CHANGE_REFERENCE_DATA = 0x24,
    INS_DISABLE_VERIFICATION = 0x26,
    INS_ENABLE_VERIFICATION = 0x28,
    INS_PSO = 0x2A,
    INS_RESET_RETRY_COUNTER = 0x2C,
    INS_EXTERNAL_AUTHENTICATE = 0x82,
    INS_GENERAL_AUTHENTICATE = 0x86,
    INS_GET_RESPONSE = 0xC0,
    INS_BER = 0x01, /* set in the variant whose data is BER-TLV */
    PSO_PLAIN_VALUE = 0x80 /* P1 of DECIPHER: what the card gives back */
};

struct reader_trace {
    const struct reader_ops *ops;
    void *io;
    int fd;
};

/* The link of a recorded reader. */
struct recorded {
    struct reader inner;
    bool hide_answer; /* the running command deciphers, up to the next one */
    bool keypad_noted, max_data_noted;
};

/* A part of a line to be written as XX. */
struct mask {
    size_t start, end;
};

static int refuse(const char *path, const char *why)
{
    return card_fail(CARD_E_CONFIG, "trace file %s: %s", path, why);
}

static int check_file(const char *path, int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return refuse(path, "is not a regular file");
    if (st.st_uid != geteuid())
        return refuse(path, "belongs to another user");
    return 0;
}

static int open_file(const char *path, int *out)
{
    int fd = open(path,
                  O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK |
                      O_CLOEXEC | O_NOCTTY,
                  S_IRUSR | S_IWUSR);
    int rc;

    if (fd < 0)
        return refuse(path, errno == ELOOP ? "is a symbolic link"
                                           : "cannot be opened for writing");
    if ((rc = check_file(path, fd)) < 0) {
        close(fd);
        return rc;
    }
    *out = fd;
    return 0;
}

int reader_trace_new(const struct reader_ops *ops, void *io, const char *path,
                     struct reader_trace **out)
{
    struct reader_trace *trace;
    int fd = -1;
    int rc;

    if ((rc = open_file(path, &fd)) < 0)
        return rc;
    if ((trace = malloc(sizeof(*trace))) == NULL) {
        close(fd);
        return card_fail(CARD_E_MEMORY, "no memory for a trace");
    }
    *trace = (struct reader_trace){ops, io, fd};
    *out = trace;
    return 0;
}

void reader_trace_free(struct reader_trace *trace)
{
    if (trace == NULL)
        return;
    close(trace->fd);
    free(trace);
}

/* A full disk or lack of memory costs the record, never the operation. */
static void write_line(const struct reader_trace *trace, struct bytes line)
{
    struct bytes done;
    ssize_t n;

    while (line.len > 0) {
        n = write(trace->fd, line.data, line.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || !bytes_take(&line, (size_t)n, &done))
            return;
    }
}

/* "<mark><hex>", masked bytes as XX. */
static void write_hex(const struct reader_trace *trace, const char *mark,
                      struct bytes bytes, struct mask mask)
{
    struct bytes prefix = bytes_of_string(mark);
    size_t cap = prefix.len + 2 * bytes.len + 1;
    struct buf line;
    char hex[3];

    if (buf_new(&line, cap) < 0)
        return;
    buf_put(&line, prefix);
    for (size_t i = 0; i < bytes.len; i++) {
        bool hidden = i >= mask.start && i < mask.end;

        bytes_to_hex(bytes_from(bytes.data + i, 1), hex, sizeof(hex));
        buf_put(&line, bytes_of_string(hidden ? "XX" : hex));
    }
    buf_put_u8(&line, '\n');
    write_line(trace, buf_view(&line));
    buf_free(&line);
}

/* "# <what> <text>"; what drivers and readers name themselves is hostile. */
static void write_note(const struct reader_trace *trace, const char *what,
                       const char *text)
{
    uint8_t raw[2 * READER_NAME_MAX];
    struct buf line = BUF_ON(raw);

    buf_put(&line, bytes_of_string("# "));
    buf_put(&line, bytes_of_string(what));
    buf_put_u8(&line, ' ');
    for (; *text != '\0' && line.len < line.cap - 1; text++) {
        uint8_t c = (uint8_t)*text;

        buf_put_u8(&line, c < 0x20 || c == 0x7F ? '?' : c);
    }
    buf_put_u8(&line, '\n');
    write_line(trace, buf_view(&line));
}

static void note_failure(const struct reader_trace *trace, const char *what,
                         int rc)
{
    if (rc < 0)
        write_note(trace, what, card_error_name(rc)->words);
}

static bool carries_secret(uint8_t ins)
{
    switch (ins & ~INS_BER) {
    case INS_VERIFY:
    case INS_CHANGE_REFERENCE_DATA:
    case INS_DISABLE_VERIFICATION:
    case INS_ENABLE_VERIFICATION:
    case INS_RESET_RETRY_COUNTER:
    case INS_EXTERNAL_AUTHENTICATE:
        return true;
    default:
        return false;
    }
}

/* All that follows the length: a wrong one must not uncover a PIN. */
static struct mask mask_of_command(struct bytes command)
{
    struct mask none = {0, 0};
    size_t start = 5;

    if (command.len <= start || !carries_secret(command.data[1]))
        return none;
    if (command.data[4] == 0 && command.len >= 7)
        start = 7; /* extended length */
    return (struct mask){start, command.len};
}

static struct mask mask_of_answer(struct bytes answer, bool hide)
{
    size_t status = answer.len < 2 ? answer.len : answer.len - 2;

    return (struct mask){0, hide ? status : 0};
}

/* GENERAL AUTHENTICATE does not tell a secret it gives from a signature. */
static bool deciphers(struct bytes command)
{
    return command.len >= 4 &&
           ((command.data[1] == INS_PSO &&
             command.data[2] == PSO_PLAIN_VALUE) ||
            (command.data[1] & ~INS_BER) == INS_GENERAL_AUTHENTICATE);
}

static bool fetches_rest(struct bytes command)
{
    return command.len >= 4 && command.data[1] == INS_GET_RESPONSE;
}

static int trace_list(void *io, struct reader_list *out)
{
    struct reader_trace *trace = io;
    int rc = trace->ops->list(trace->io, out);

    note_failure(trace, "list:", rc);
    return rc;
}

static int trace_states(void *io, struct reader_states *states, int timeout_ms)
{
    struct reader_trace *trace = io;
    int rc;

    if (trace->ops->states == NULL)
        return card_fail(CARD_E_UNSUPPORTED, "these readers are not watched");
    rc = trace->ops->states(trace->io, states, timeout_ms);
    if (rc != CARD_E_TIMEOUT)
        note_failure(trace, "states:", rc);
    return rc;
}

/* What the inner reader found out is the outer one's too. */
static void show(struct reader *r, const struct reader *inner)
{
    memcpy(r->atr, inner->atr, sizeof(r->atr));
    r->atr_len = inner->atr_len;
    r->protocol = inner->protocol;
}

static int trace_connect(struct reader *r)
{
    struct reader_trace *trace = r->io;
    struct recorded *link = calloc(1, sizeof(*link));
    struct mask none = {0, 0};
    int rc;

    if (link == NULL)
        return card_fail(CARD_E_MEMORY, "no memory for a trace");
    link->inner = (struct reader){.ops = trace->ops, .io = trace->io};
    memcpy(link->inner.name, r->name, sizeof(r->name));
    link->inner.patience_ms = r->patience_ms;
    write_note(trace, "reader", r->name);
    if ((rc = trace->ops->connect(&link->inner)) < 0) {
        note_failure(trace, "connect:", rc);
        free(link);
        return rc;
    }
    show(r, &link->inner);
    r->extended = link->inner.extended;
    r->chaining = link->inner.chaining;
    r->link = link;
    write_note(trace, "protocol", r->protocol == READER_T0 ? "T=0" : "T=1");
    write_hex(trace, "atr ", bytes_from(r->atr, r->atr_len), none);
    return 0;
}

static int trace_begin(struct reader *r)
{
    struct recorded *link = r->link;
    int rc;

    link->inner.patience_ms = r->patience_ms;
    rc = link->inner.ops->begin(&link->inner);
    note_failure(r->io, "begin:", rc);
    show(r, &link->inner);
    return rc;
}

static int trace_transmit(struct reader *r, struct bytes command,
                          struct buf *rsp)
{
    struct reader_trace *trace = r->io;
    struct recorded *link = r->link;
    size_t start = rsp->len;
    struct bytes answer;
    int rc;

    if (!fetches_rest(command))
        link->hide_answer = deciphers(command);
    write_hex(trace, "> ", command, mask_of_command(command));
    rc = link->inner.ops->transmit(&link->inner, command, rsp);
    if (rc < 0) {
        note_failure(trace, "transmit:", rc);
        return rc;
    }
    answer = bytes_from(rsp->data + start, rsp->len - start);
    write_hex(trace, "< ", answer, mask_of_answer(answer, link->hide_answer));
    return 0;
}

static void trace_end(struct reader *r, enum reader_end how)
{
    struct recorded *link = r->link;

    link->inner.ops->end(&link->inner, how);
    write_note(r->io, "end", how == READER_RESET ? "reset" : "leave");
}

static unsigned trace_max_data(struct reader *r)
{
    struct recorded *link = r->link;
    unsigned max = 0;
    char text[32];

    if (link->inner.ops->max_data != NULL)
        max = link->inner.ops->max_data(&link->inner);
    if (link->max_data_noted)
        return max;
    link->max_data_noted = true;
    snprintf(text, sizeof(text), max == 0 ? "not told" : "%u", max);
    write_note(r->io, "most data:", text);
    return max;
}

static void trace_keypad(struct reader *r, struct reader_keypad *out)
{
    struct recorded *link = r->link;
    char text[64];

    *out = (struct reader_keypad){.verify = false};
    if (link->inner.ops->keypad != NULL)
        link->inner.ops->keypad(&link->inner, out);
    if (link->keypad_noted)
        return;
    link->keypad_noted = true;
    snprintf(text, sizeof(text), "offers%s%s%s",
             out->verify ? " verify" : "", out->modify ? " modify" : "",
             out->verify || out->modify ? "" : " nothing");
    write_note(r->io, "keypad", text);
}

/* The command as the reader was given it: no digit of a PIN is in it. */
static int trace_enter_pin(struct reader *r, const struct reader_entry *entry,
                           struct buf *rsp)
{
    struct reader_trace *trace = r->io;
    struct recorded *link = r->link;
    struct mask none = {0, 0};
    size_t start = rsp->len;
    int rc;

    write_hex(trace, "# keypad > ", entry->command, none);
    rc = link->inner.ops->enter_pin(&link->inner, entry, rsp);
    if (rc < 0)
        note_failure(trace, "keypad:", rc);
    else
        write_hex(trace, "# keypad < ",
                  bytes_from(rsp->data + start, rsp->len - start), none);
    return rc;
}

static void close_link(struct reader *r, void (*drop)(struct reader *inner))
{
    struct recorded *link = r->link;

    if (link == NULL)
        return;
    drop(&link->inner);
    free(link);
    r->link = NULL;
}

static void trace_disconnect(struct reader *r)
{
    const struct reader_trace *trace = r->io;

    close_link(r, trace->ops->disconnect);
}

static void trace_forget(struct reader *r)
{
    const struct reader_trace *trace = r->io;

    close_link(r, trace->ops->forget);
}

const struct reader_ops reader_trace = {.list = trace_list,
                                        .states = trace_states,
                                        .connect = trace_connect,
                                        .begin = trace_begin,
                                        .transmit = trace_transmit,
                                        .end = trace_end,
                                        .disconnect = trace_disconnect,
                                        .forget = trace_forget,
                                        .max_data = trace_max_data,
                                        .keypad = trace_keypad,
                                        .enter_pin = trace_enter_pin};
