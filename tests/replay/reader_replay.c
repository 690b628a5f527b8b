/*
 * The reader table on a transcript.
 */
#include "tests/replay/reader_replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card/error.h"

enum { LINE_LEN_MAX = 2 * READER_RESPONSE_MAX + 8 };

struct replay {
    FILE *file;
    char atr[2 * READER_ATR_MAX + 1];
    char command[LINE_LEN_MAX]; /* the next one expected; "" at the end */
    char line[LINE_LEN_MAX];
};

/* The next line that starts with `kind`, its text in `out`; comments skipped. */
static bool next_line(struct replay *p, char kind, char *out, size_t cap)
{
    while (fgets(p->line, sizeof(p->line), p->file) != NULL) {
        p->line[strcspn(p->line, "\n")] = '\0';
        if (p->line[0] == '#' || strncmp(p->line, "atr ", 4) == 0)
            continue;
        if (p->line[0] != kind || p->line[1] != ' ')
            return false;
        snprintf(out, cap, "%s", p->line + 2);
        return true;
    }
    out[0] = '\0';
    return false;
}

static void next_command(struct replay *p)
{
    if (!next_line(p, '>', p->command, sizeof(p->command)))
        p->command[0] = '\0';
}

static bool read_atr(struct replay *p)
{
    while (fgets(p->line, sizeof(p->line), p->file) != NULL)
        if (sscanf(p->line, "atr %66s", p->atr) == 1)
            return true;
    return false;
}

int replay_new(const char *path, struct replay **out)
{
    struct replay *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    if ((p->file = fopen(path, "r")) == NULL || !read_atr(p)) {
        replay_free(p);
        return card_fail(CARD_E_CONFIG, "%s is no transcript", path);
    }
    next_command(p);
    *out = p;
    return 0;
}

void replay_free(struct replay *replay)
{
    if (replay == NULL)
        return;
    if (replay->file != NULL)
        fclose(replay->file);
    free(replay);
}

bool replay_is_done(const struct replay *replay)
{
    return replay->command[0] == '\0';
}

static int replay_list(void *io, struct reader_list *out)
{
    (void)io;
    snprintf(out->names[0], sizeof(out->names[0]), "Replay");
    out->count = 1;
    return 0;
}

static int replay_connect(struct reader *r)
{
    struct replay *p = r->io;
    struct buf atr = BUF_ON(r->atr);
    int rc = bytes_from_hex(p->atr, &atr);

    r->atr_len = atr.len;
    r->protocol = READER_T0;
    r->link = p;
    return rc;
}

static int replay_begin(struct reader *r)
{
    (void)r;
    return 0;
}

/* Same length, same digits where the transcript has digits. */
static bool same_command(const char *expected, struct bytes command)
{
    char hex[2 * READER_RESPONSE_MAX + 1];
    size_t len = strlen(bytes_to_hex(command, hex, sizeof(hex)));

    if (strlen(expected) != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (expected[i] != 'X' && expected[i] != hex[i])
            return false;
    return true;
}

static int replay_transmit(struct reader *r, struct bytes command,
                           struct buf *rsp)
{
    struct replay *p = r->io;
    char sent[256];
    int rc;

    if (!same_command(p->command, command))
        return card_fail(CARD_E_COMM, "the transcript has %.200s, not %s",
                         p->command, bytes_to_hex(command, sent, sizeof(sent)));
    if (!next_line(p, '<', p->command, sizeof(p->command)))
        return card_fail(CARD_E_COMM, "the transcript ends here");
    rc = bytes_from_hex(p->command, rsp);
    next_command(p);
    return rc;
}

static void replay_end(struct reader *r, enum reader_end how)
{
    (void)r;
    (void)how;
}

static void replay_disconnect(struct reader *r)
{
    r->link = NULL;
}

const struct reader_ops reader_replay = {
    .list = replay_list,
    .connect = replay_connect,
    .begin = replay_begin,
    .transmit = replay_transmit,
    .end = replay_end,
    .disconnect = replay_disconnect,
    .forget = replay_disconnect,
};
