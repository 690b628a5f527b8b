/*
 * Which readers and cards PCSC-lite knows of, now and when that changes.
 */
#include "card/reader/pcsc.h"

#include <string.h>
#include <time.h>

#include <winscard.h>

#include "card/error.h"

enum {
    LOOK_TRIES = 5, /* a reader may vanish between its listing and the look */
    /* What is plugged in just when a wait begins: PCSC-lite < 2.3 hides it. */
    WAIT_MAX_MS = 60000,
    WAKE_PAUSE_NS = 100000000 /* 0.1 s after a wake that brought nothing */
};

/* A reader of this name "changes" when one is plugged in or out. */
static const char plug[] = "\\\\?PnP?\\Notification";

struct snapshot {
    struct reader_states states;
    DWORD current[READER_MAX_LIST]; /* for PCSC-lite to compare with */
};

/* Split PC/SC's multi-string; what has no NUL or no room is left out. */
static size_t split_names(const char *names, size_t len,
                          SCARD_READERSTATE *states, size_t cap)
{
    size_t count = 0;

    while (len > 0 && *names != '\0' && count < cap) {
        const char *nul = memchr(names, '\0', len);
        size_t n;

        if (nul == NULL)
            break;
        n = (size_t)(nul - names) + 1;
        if (n <= READER_NAME_MAX) {
            memset(&states[count], 0, sizeof(states[count]));
            states[count++].szReader = names;
        }
        names += n;
        len -= n;
    }
    return count;
}

static enum reader_presence presence_of(DWORD event)
{
    if ((event & (SCARD_STATE_UNAVAILABLE | SCARD_STATE_UNKNOWN)) != 0)
        return READER_UNAVAILABLE;
    if ((event & SCARD_STATE_MUTE) != 0)
        return READER_MUTE;
    if ((event & SCARD_STATE_PRESENT) != 0)
        return READER_PRESENT;
    return (event & SCARD_STATE_EMPTY) != 0 ? READER_EMPTY
                                            : READER_UNAVAILABLE;
}

static void take_state(struct reader_state *out, const SCARD_READERSTATE *in)
{
    size_t len = in->cbAtr < READER_ATR_MAX ? in->cbAtr : READER_ATR_MAX;

    memcpy(out->name, in->szReader, strlen(in->szReader) + 1);
    out->presence = presence_of(in->dwEventState);
    out->events = (uint32_t)(in->dwEventState >> 16) & 0xFFFF;
    if (out->presence == READER_PRESENT) {
        out->atr_len = len;
        memcpy(out->atr, in->rgbAtr, len);
    }
}

/*
 * What a wait is to compare with: not who uses the card. A reader whose driver
 * failed at once has no state: then any will be news, but not "unaware".
 */
static DWORD current_of(DWORD event)
{
    DWORD current = event & ~(DWORD)(SCARD_STATE_CHANGED | SCARD_STATE_INUSE |
                                     SCARD_STATE_EXCLUSIVE);

    if ((current & 0xFFFF) == 0)
        current |= SCARD_STATE_EMPTY | SCARD_STATE_PRESENT;
    return current;
}

/* *call is what failed. */
static LONG look_once(SCARDCONTEXT context, struct snapshot *out,
                      const char **call)
{
    SCARD_READERSTATE states[READER_MAX_LIST];
    char names[READER_MAX_LIST * READER_NAME_MAX];
    DWORD len = sizeof(names);
    size_t count;
    LONG rv = SCardListReaders(context, NULL, names, &len);

    *call = "SCardListReaders";
    if (rv == SCARD_E_NO_READERS_AVAILABLE)
        return SCARD_S_SUCCESS;
    if (rv != SCARD_S_SUCCESS)
        return rv;
    count = split_names(names, len < sizeof(names) ? len : sizeof(names),
                        states, nitems(states));
    rv = SCardGetStatusChange(context, 0, states, (DWORD)count);
    *call = "SCardGetStatusChange";
    if (rv != SCARD_S_SUCCESS && rv != SCARD_E_TIMEOUT)
        return rv;
    for (size_t i = 0; i < count; i++) {
        take_state(&out->states.readers[i], &states[i]);
        out->current[i] = current_of(states[i].dwEventState);
    }
    out->states.count = count;
    return SCARD_S_SUCCESS;
}

static int look(SCARDCONTEXT context, struct snapshot *out)
{
    const char *call;
    LONG rv;

    *out = (struct snapshot){.states.known = true};
    for (int i = 0; i < LOOK_TRIES; i++)
        if ((rv = look_once(context, out, &call)) != SCARD_E_UNKNOWN_READER)
            break;
    return rv == SCARD_S_SUCCESS ? 0 : pcsc_fail(rv, call);
}

static int open_context(SCARDCONTEXT *out)
{
    LONG rv = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, out);

    return rv == SCARD_S_SUCCESS ? 0 : pcsc_fail(rv, "SCardEstablishContext");
}

static bool holds_card(const struct reader_state *state)
{
    return state->presence == READER_PRESENT || state->presence == READER_MUTE;
}

static int keep_present(const struct reader_states *states,
                        struct reader_list *out)
{
    if (states->count == 0)
        return pcsc_fail(SCARD_E_NO_READERS_AVAILABLE, "SCardListReaders");
    for (size_t i = 0; i < states->count; i++) {
        const struct reader_state *state = &states->readers[i];

        if (!holds_card(state))
            continue;
        memcpy(out->names[out->count], state->name, READER_NAME_MAX);
        memcpy(out->atr[out->count], state->atr, READER_ATR_MAX);
        out->atr_len[out->count++] = state->atr_len;
    }
    if (out->count == 0)
        return card_fail(CARD_E_NO_CARD, "no card is in any reader; the first "
                         "of %zu readers is \"%s\"", states->count,
                         states->readers[0].name);
    return 0;
}

int pcsc_list(void *io, struct reader_list *out)
{
    struct snapshot now;
    SCARDCONTEXT context;
    int rc;

    (void)io;
    out->count = 0;
    if ((rc = open_context(&context)) < 0)
        return rc;
    rc = look(context, &now);
    SCardReleaseContext(context);
    return rc < 0 ? rc : keep_present(&now.states, out);
}

/* ---- Waiting ------------------------------------------------------------- */

/*
 * Sleep in PCSC-lite until something may differ from `known`. Before 2.5 it
 * takes no more structures than it has room for readers; with that many there
 * none can be plugged in.
 */
static LONG wait_once(SCARDCONTEXT context, const struct snapshot *known,
                      int timeout_ms)
{
    SCARD_READERSTATE states[READER_MAX_LIST + 1];
    DWORD count = (DWORD)known->states.count;
    LONG rv;

    memset(states, 0, sizeof(states));
    for (DWORD i = 0; i < count; i++) {
        states[i].szReader = known->states.readers[i].name;
        states[i].dwCurrentState = known->current[i];
    }
    states[count].szReader = plug;
    rv = SCardGetStatusChange(context, (DWORD)timeout_ms, states, count + 1);
    if (rv == SCARD_E_INVALID_PARAMETER && count > 0)
        rv = SCardGetStatusChange(context, (DWORD)timeout_ms, states, count);
    return rv;
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int remaining_ms(int timeout_ms, int64_t start)
{
    int64_t left = timeout_ms < 0 ? WAIT_MAX_MS
                                  : start + timeout_ms - now_ms();

    if (left > WAIT_MAX_MS)
        return WAIT_MAX_MS;
    return left > 0 ? (int)left : 0;
}

/* Looks after each wait too: *states is as of the end of the last one. */
static int wait_for_change(SCARDCONTEXT context, struct reader_states *states,
                           int timeout_ms)
{
    const struct timespec pause = {.tv_nsec = WAKE_PAUSE_NS};
    struct snapshot now;
    int64_t start = now_ms();
    LONG rv = SCARD_E_TIMEOUT;
    int rc, left;

    for (;;) {
        left = remaining_ms(timeout_ms, start);
        if ((rc = look(context, &now)) < 0)
            return rc;
        if (left == 0 || !reader_states_same(states, &now.states))
            break;
        if (rv == SCARD_S_SUCCESS)
            nanosleep(&pause, NULL);
        rv = wait_once(context, &now, left);
        if (rv != SCARD_S_SUCCESS && rv != SCARD_E_TIMEOUT &&
            rv != SCARD_E_UNKNOWN_READER)
            return pcsc_fail(rv, "SCardGetStatusChange");
    }
    if (reader_states_same(states, &now.states))
        rc = card_fail(CARD_E_TIMEOUT, "nothing changed in the readers");
    *states = now.states;
    return rc;
}

int pcsc_states(void *io, struct reader_states *states, int timeout_ms)
{
    SCARDCONTEXT context;
    int rc;

    (void)io;
    if ((rc = open_context(&context)) < 0)
        return rc;
    rc = wait_for_change(context, states, timeout_ms);
    SCardReleaseContext(context);
    return rc;
}
