/*
 * Connections to cards through PCSC-lite's SCard interface (PC/SC part 5).
 * Which readers there are: pcsc_list.c. No other file includes winscard.h.
 */
#include "card/reader/pcsc.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <winscard.h>

#include "card/error.h"
#include "card/reader/part10.h"

enum {
    CONNECT_TRIES = 20,           /* while another program is exclusive */
    CONNECT_PAUSE_NS = 100000000, /* 0.1 s between them */
    PATIENCE_MS = 30000           /* while another is in a transaction */
};

struct pcsc_link {
    SCARDCONTEXT context; /* one each: a blocked call blocks nobody else */
    SCARDHANDLE card;
    DWORD protocol;
    bool connected;
    bool asked; /* the reader was, for the two below */
    struct part10_features features;
    struct part10_limits limits;
};

static const struct {
    LONG pcsc;
    int code;
    const char *words;
} pcsc_errors[] = {
    {SCARD_E_NO_SERVICE,            CARD_E_NO_SERVICE, "pcscd does not run, or does not let this user in"},
    {SCARD_E_SERVICE_STOPPED,       CARD_E_NO_SERVICE, "pcscd was stopped"},
    {SCARD_E_INVALID_HANDLE,        CARD_E_NO_SERVICE, "pcscd was restarted"},
    {SCARD_F_COMM_ERROR,            CARD_E_NO_SERVICE, "the connection to pcscd broke"},
    {SCARD_W_SECURITY_VIOLATION,    CARD_E_NO_SERVICE, "pcscd (polkit) does not let this user in"},
    {SCARD_E_NO_READERS_AVAILABLE,  CARD_E_NO_READER,  "no card reader is connected"},
    {SCARD_E_UNKNOWN_READER,        CARD_E_NO_READER,  "this reader is not connected"},
    {SCARD_E_READER_UNAVAILABLE,    CARD_E_NO_READER,  "this reader was unplugged"},
    {SCARD_E_NO_SMARTCARD,          CARD_E_NO_CARD,    "no card is in this reader"},
    {SCARD_W_REMOVED_CARD,          CARD_E_REMOVED,    "the card was taken out"},
    {SCARD_W_RESET_CARD,            CARD_E_RESET,      "another program reset the card"},
    {SCARD_W_UNPOWERED_CARD,        CARD_E_REMOVED,    "the card lost power"},
    {SCARD_W_UNRESPONSIVE_CARD,     CARD_E_COMM,       "the card does not answer: turned round, or defective"},
    {SCARD_E_PROTO_MISMATCH,        CARD_E_COMM,       "the reader and the card have no protocol in common"},
    {SCARD_E_SHARING_VIOLATION,     CARD_E_BUSY,       "another program keeps the card for itself, and did not let go in time"},
    {SCARD_E_TIMEOUT,               CARD_E_TIMEOUT,    "the card did not answer in time"},
    {SCARD_E_NOT_TRANSACTED,        CARD_E_COMM,       "the exchange with the card failed"},
    {SCARD_E_INSUFFICIENT_BUFFER,   CARD_E_PROTOCOL,   "the card answered more than it may"},
    {SCARD_E_NO_MEMORY,             CARD_E_MEMORY,     "pcscd is out of memory"},
};

int pcsc_fail(long rv, const char *call)
{
    for (size_t i = 0; i < nitems(pcsc_errors); i++)
        if (pcsc_errors[i].pcsc == rv)
            return card_fail(pcsc_errors[i].code, "%s (%s: 0x%08lX)",
                             pcsc_errors[i].words, call,
                             (unsigned long)rv & 0xFFFFFFFFUL);
    return card_fail(CARD_E_COMM, "%s failed: 0x%08lX", call,
                     (unsigned long)rv & 0xFFFFFFFFUL);
}

static void close_link(struct pcsc_link *link)
{
    if (link->connected) {
        SCardDisconnect(link->card, SCARD_LEAVE_CARD);
        SCardReleaseContext(link->context);
    }
    free(link);
}

/*
 * A call that PCSC-lite lets wait without end while another program holds the
 * card, and offers no way to stop. So a thread makes it, and is left with the
 * connection when its time is up: it closes that when the other lets go.
 */
struct timed_call {
    pthread_mutex_t mutex;
    pthread_cond_t finished;
    LONG (*run)(struct pcsc_link *link, const char *reader);
    struct pcsc_link *link;
    char reader[READER_NAME_MAX];
    bool is_finished, is_abandoned;
    LONG rv;
};

static LONG run_connect(struct pcsc_link *link, const char *reader)
{
    const struct timespec pause = {.tv_nsec = CONNECT_PAUSE_NS};
    LONG rv = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL,
                                    &link->context);

    if (rv != SCARD_S_SUCCESS)
        return rv;
    for (int i = 0; i < CONNECT_TRIES; i++) {
        rv = SCardConnect(link->context, reader, SCARD_SHARE_SHARED,
                          SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &link->card,
                          &link->protocol);
        if (rv != SCARD_E_SHARING_VIOLATION)
            break;
        nanosleep(&pause, NULL);
    }
    link->connected = rv == SCARD_S_SUCCESS;
    if (!link->connected)
        SCardReleaseContext(link->context);
    return rv;
}

static LONG run_begin(struct pcsc_link *link, const char *reader)
{
    (void)reader;
    return SCardBeginTransaction(link->card);
}

static LONG run_reconnect(struct pcsc_link *link, const char *reader)
{
    (void)reader;
    return SCardReconnect(link->card, SCARD_SHARE_SHARED,
                          SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1,
                          SCARD_LEAVE_CARD, &link->protocol);
}

static void free_call(struct timed_call *call)
{
    pthread_cond_destroy(&call->finished);
    pthread_mutex_destroy(&call->mutex);
    free(call);
}

static void *call_thread(void *arg)
{
    struct timed_call *call = arg;
    LONG rv = call->run(call->link, call->reader);
    bool abandoned;

    pthread_mutex_lock(&call->mutex);
    call->rv = rv;
    call->is_finished = true;
    abandoned = call->is_abandoned;
    pthread_cond_signal(&call->finished);
    pthread_mutex_unlock(&call->mutex);
    if (abandoned) {
        if (rv == SCARD_S_SUCCESS && call->run == run_begin)
            SCardEndTransaction(call->link->card, SCARD_LEAVE_CARD);
        close_link(call->link);
        free_call(call);
    }
    return NULL;
}

/* The program's signals are not for a thread it does not know of. */
static bool start_thread(struct timed_call *call)
{
    pthread_t thread;
    sigset_t all, before;
    bool started;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    started = pthread_create(&thread, NULL, call_thread, call) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (started)
        pthread_detach(thread);
    return started;
}

/* False, and the call is the thread's, when the time is up. */
static bool wait_for_call(struct timed_call *call, unsigned milliseconds)
{
    struct timespec until;
    bool finished;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += milliseconds / 1000;
    until.tv_nsec += (long)(milliseconds % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_mutex_lock(&call->mutex);
    while (!call->is_finished &&
           pthread_cond_timedwait(&call->finished, &call->mutex, &until) !=
               ETIMEDOUT)
        ;
    finished = call->is_finished;
    call->is_abandoned = !finished;
    pthread_mutex_unlock(&call->mutex);
    return finished;
}

/* r->link is NULL, and the answer a sharing violation, when the time is up. */
static LONG call_in_time(struct reader *r,
                         LONG (*run)(struct pcsc_link *, const char *))
{
    struct timed_call *call = calloc(1, sizeof(*call));
    pthread_condattr_t clock;
    LONG rv;

    if (call == NULL)
        return SCARD_E_NO_MEMORY;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_mutex_init(&call->mutex, NULL);
    pthread_cond_init(&call->finished, &clock);
    pthread_condattr_destroy(&clock);
    call->run = run;
    call->link = r->link;
    memcpy(call->reader, r->name, sizeof(call->reader));
    if (!start_thread(call)) { /* then without a limit */
        rv = run(call->link, call->reader);
        free_call(call);
        return rv;
    }
    if (!wait_for_call(call, r->patience_ms != 0 ? r->patience_ms
                                                 : PATIENCE_MS)) {
        r->link = NULL;
        return SCARD_E_SHARING_VIOLATION;
    }
    rv = call->rv;
    free_call(call);
    return rv;
}

static LONG read_atr(struct reader *r, SCARDHANDLE card)
{
    BYTE atr[MAX_ATR_SIZE];
    DWORD len = sizeof(atr), state = 0, protocol = 0, name_len = 0;
    LONG rv = SCardStatus(card, NULL, &name_len, &state, &protocol, atr, &len);

    if (rv != SCARD_S_SUCCESS)
        return rv;
    r->atr_len = len < sizeof(r->atr) ? len : sizeof(r->atr);
    memcpy(r->atr, atr, r->atr_len);
    return SCARD_S_SUCCESS;
}

static void set_protocol(struct reader *r, struct pcsc_link *link)
{
    r->protocol = link->protocol == SCARD_PROTOCOL_T1 ? READER_T1 : READER_T0;
}

static void pcsc_disconnect(struct reader *r)
{
    if (r->link != NULL)
        close_link(r->link);
    r->link = NULL;
}

static int pcsc_connect(struct reader *r)
{
    const char *call = "SCardConnect";
    LONG rv;

    if ((r->link = calloc(1, sizeof(struct pcsc_link))) == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    rv = call_in_time(r, run_connect);
    if (rv == SCARD_S_SUCCESS) {
        call = "SCardStatus";
        rv = read_atr(r, ((struct pcsc_link *)r->link)->card);
    }
    if (rv != SCARD_S_SUCCESS) {
        pcsc_disconnect(r);
        return pcsc_fail(rv, call);
    }
    set_protocol(r, r->link);
    return 0;
}

static int pcsc_begin(struct reader *r)
{
    struct pcsc_link *link = r->link;
    LONG rv = call_in_time(r, run_begin), again;

    if (rv == SCARD_S_SUCCESS)
        return 0;
    if (rv == SCARD_W_RESET_CARD) {
        again = call_in_time(r, run_reconnect);
        if (again != SCARD_S_SUCCESS)
            return pcsc_fail(again, "SCardReconnect");
        set_protocol(r, link);
    }
    return pcsc_fail(rv, "SCardBeginTransaction");
}

static int pcsc_transmit(struct reader *r, struct bytes command,
                         struct buf *rsp)
{
    struct pcsc_link *link = r->link;
    const SCARD_IO_REQUEST *pci =
        link->protocol == SCARD_PROTOCOL_T1 ? SCARD_PCI_T1 : SCARD_PCI_T0;
    size_t space = rsp->cap - rsp->len;
    DWORD len = (DWORD)space;
    LONG rv = SCardTransmit(link->card, pci, command.data, (DWORD)command.len,
                            NULL, rsp->data + rsp->len, &len);

    if (rv != SCARD_S_SUCCESS)
        return pcsc_fail(rv, "SCardTransmit");
    if (len < 2 || len > space)
        return card_fail(CARD_E_PROTOCOL,
                         "the reader gave an answer of %lu bytes",
                         (unsigned long)len);
    rsp->len += len;
    return 0;
}

/*
 * Reset by SCardReconnect, inside the transaction: so done it is not told to
 * this connection as another program's reset, which would have to be followed
 * by a look whether the card was changed.
 */
static void pcsc_end(struct reader *r, enum reader_end how)
{
    struct pcsc_link *link = r->link;
    DWORD disposition = SCARD_LEAVE_CARD;

    if (how == READER_RESET &&
        SCardReconnect(link->card, SCARD_SHARE_SHARED,
                       SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, SCARD_RESET_CARD,
                       &link->protocol) != SCARD_S_SUCCESS)
        disposition = SCARD_RESET_CARD;
    SCardEndTransaction(link->card, disposition);
}

/* One question to the reader itself; empty when it does not answer. */
static struct bytes ask_reader(struct pcsc_link *link, uint32_t code,
                               uint8_t *space, size_t cap)
{
    DWORD len = 0;
    LONG rv = SCardControl(link->card, code, NULL, 0, space, (DWORD)cap, &len);

    return bytes_from(space, rv == SCARD_S_SUCCESS && len <= cap ? len : 0);
}

/* What the reader says of itself, asked for when that is first wanted. */
static const struct pcsc_link *learn(struct pcsc_link *link)
{
    uint8_t space[PART10_MAX_ANSWER];

    if (link->asked)
        return link;
    part10_features(
        ask_reader(link, PART10_GET_FEATURES, space, sizeof(space)),
        &link->features);
    if (link->features.properties != 0)
        part10_limits(ask_reader(link, link->features.properties, space,
                                 sizeof(space)),
                      &link->limits);
    link->asked = true;
    return link;
}

static unsigned pcsc_max_data(struct reader *r)
{
    return learn(r->link)->limits.max_data;
}

static void pcsc_keypad(struct reader *r, struct reader_keypad *out)
{
    const struct pcsc_link *link = learn(r->link);

    *out = (struct reader_keypad){.verify = link->features.verify != 0,
                                  .modify = link->features.modify != 0,
                                  .min_len = link->limits.min_pin,
                                  .max_len = link->limits.max_pin};
}

static int pcsc_enter_pin(struct reader *r, const struct reader_entry *entry,
                          struct buf *rsp)
{
    struct pcsc_link *link = r->link;
    uint32_t code = entry->modify ? link->features.modify
                                  : link->features.verify;
    uint8_t space[PART10_MAX_STRUCTURE];
    struct buf structure = BUF_ON(space);
    size_t room = rsp->cap - rsp->len;
    DWORD len = 0;
    LONG rv;
    int rc;

    if ((rc = part10_structure(entry, &structure)) < 0)
        return rc;
    rv = SCardControl(link->card, code, structure.data, (DWORD)structure.len,
                      rsp->data + rsp->len, (DWORD)room, &len);
    if (rv != SCARD_S_SUCCESS)
        return pcsc_fail(rv, "SCardControl");
    if (len < 2 || len > room)
        return card_fail(CARD_E_PROTOCOL,
                         "the keypad gave an answer of %lu bytes",
                         (unsigned long)len);
    rsp->len += len;
    return 0;
}

static void pcsc_forget(struct reader *r)
{
    free(r->link);
    r->link = NULL;
}

const struct reader_ops reader_pcsc = {
    .list = pcsc_list,
    .states = pcsc_states,
    .connect = pcsc_connect,
    .begin = pcsc_begin,
    .transmit = pcsc_transmit,
    .end = pcsc_end,
    .disconnect = pcsc_disconnect,
    .forget = pcsc_forget,
    .max_data = pcsc_max_data,
    .keypad = pcsc_keypad,
    .enter_pin = pcsc_enter_pin,
};
