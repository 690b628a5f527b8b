/*
 * Door 1: simulated cards behind the reader table, with what can go wrong
 * between a program and a card. One mutex guards a world; a transaction is
 * exclusive between connections, whichever thread or reader struct they have.
 */
#include "tests/sim/reader_sim.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "card/error.h"

enum { OVERLONG = 300, ANSWER_MAX = 16388, PATIENCE = 30000 };

struct link;

struct slot {
    char name[READER_NAME_MAX];
    struct applet *card;      /* NULL: empty */
    bool unplugged;
    uint32_t events;          /* cards that came and went */
    unsigned insertion;       /* changes when connections are to be lost */
    unsigned resets;
    unsigned open;            /* connections */
    const struct link *owner; /* of the transaction, or NULL */
};

/* One connection: reader->link. */
struct link {
    struct slot *slot;
    unsigned insertion, resets; /* of the slot, as this connection knows */
    int lost;                   /* enum card_error once it is no good */
};

struct logged {
    uint8_t *data;
    size_t len;
};

struct sim_world {
    pthread_mutex_t mutex;
    pthread_cond_t freed; /* a transaction ended, a card came or went... */
    struct slot slots[SIM_MAX_READERS];
    size_t slot_count;
    bool stopped; /* no pcscd */
    unsigned patience, max_data;
    struct sim_counts counts;

    unsigned fault_in, tear_in, intrude_in; /* 0: not armed */
    enum sim_fault fault;
    bool lasting;
    enum sim_tear tear;
    enum sim_intrusion intrusion;

    struct logged *log;
    size_t log_len, log_cap;
};

static const struct {
    const char *name;
    int rc;
    uint16_t sw;
} faults[SIM_FAULT_END] = {
    [SIM_FAULT_NONE] = {"none", 0, 0},
    [SIM_FAULT_NO_SERVICE] = {"no service", CARD_E_NO_SERVICE, 0},
    [SIM_FAULT_REMOVED] = {"removed", CARD_E_REMOVED, 0},
    [SIM_FAULT_RESET] = {"reset", CARD_E_RESET, 0},
    [SIM_FAULT_COMM] = {"comm error", CARD_E_COMM, 0},
    [SIM_FAULT_TIMEOUT] = {"timeout", CARD_E_TIMEOUT, 0},
    [SIM_FAULT_EMPTY] = {"0 bytes", 0, 0},
    [SIM_FAULT_ONE_BYTE] = {"1 byte", 0, 0},
    [SIM_FAULT_TRUNCATED] = {"truncated", 0, 0},
    [SIM_FAULT_OVERLONG] = {"over-long", 0, 0},
    [SIM_FAULT_6F00] = {"6F00", 0, 0x6F00},
    [SIM_FAULT_6982] = {"6982", 0, 0x6982},
    [SIM_FAULT_6983] = {"6983", 0, 0x6983},
    [SIM_FAULT_6A82] = {"6A82", 0, 0x6A82},
    [SIM_FAULT_6100] = {"6100", 0, 0x6100},
    [SIM_FAULT_6C00] = {"6C00", 0, 0x6C00},
};

const char *sim_fault_name(enum sim_fault kind)
{
    return kind < SIM_FAULT_END ? faults[kind].name : "?";
}

int sim_world_new(struct sim_world **out)
{
    struct sim_world *w = calloc(1, sizeof(*w));

    if (w == NULL)
        return card_fail(CARD_E_MEMORY, "sim: no memory");
    pthread_mutex_init(&w->mutex, NULL);
    pthread_cond_init(&w->freed, NULL);
    w->patience = PATIENCE;
    *out = w;
    return 0;
}

static void log_clear(struct sim_world *w)
{
    for (size_t i = 0; i < w->log_len; i++)
        free(w->log[i].data);
    w->log_len = 0;
}

void sim_world_free(struct sim_world *w)
{
    if (w == NULL)
        return;
    log_clear(w);
    free(w->log);
    pthread_cond_destroy(&w->freed);
    pthread_mutex_destroy(&w->mutex);
    free(w);
}

static void lock(struct sim_world *w)
{
    pthread_mutex_lock(&w->mutex);
}

static void unlock(struct sim_world *w)
{
    pthread_mutex_unlock(&w->mutex);
}

pid_t sim_world_fork(struct sim_world *w)
{
    pid_t pid;

    lock(w);
    pid = fork();
    if (pid == 0) {
        pthread_cond_init(&w->freed, NULL);
        for (size_t i = 0; i < w->slot_count; i++)
            w->slots[i].owner = NULL;
    }
    unlock(w);
    return pid;
}

/* A new card, or the same one powered anew. */
static void slot_insert(struct sim_world *w, struct slot *s,
                        struct applet *card)
{
    s->events += s->card != NULL ? 1 : 0;
    s->events += card != NULL ? 1 : 0;
    s->card = card;
    s->insertion++;
    s->owner = NULL;
    if (card != NULL)
        card->ops->power(card);
    pthread_cond_broadcast(&w->freed);
}

int sim_world_add(struct sim_world *w, const char *name, struct applet *card)
{
    struct slot *s;
    int number = CARD_E_LIMIT;

    lock(w);
    if (w->slot_count < SIM_MAX_READERS && strlen(name) < READER_NAME_MAX) {
        number = (int)w->slot_count;
        s = &w->slots[w->slot_count++];
        memcpy(s->name, name, strlen(name) + 1);
        slot_insert(w, s, card);
    }
    unlock(w);
    return number;
}

static struct slot *slot_at(struct sim_world *w, int reader)
{
    bool known = reader >= 0 && (size_t)reader < w->slot_count;

    return known ? &w->slots[reader] : NULL;
}

void sim_world_insert(struct sim_world *w, int reader, struct applet *card)
{
    struct slot *s;

    lock(w);
    if ((s = slot_at(w, reader)) != NULL)
        slot_insert(w, s, card);
    unlock(w);
}

void sim_world_plug(struct sim_world *w, int reader, bool plugged)
{
    struct slot *s;

    lock(w);
    if ((s = slot_at(w, reader)) != NULL) {
        s->unplugged = !plugged;
        slot_insert(w, s, s->card);
    }
    unlock(w);
}

void sim_world_service(struct sim_world *w, bool running)
{
    lock(w);
    w->stopped = !running;
    for (size_t i = 0; i < w->slot_count; i++)
        slot_insert(w, &w->slots[i], w->slots[i].card);
    pthread_cond_broadcast(&w->freed);
    unlock(w);
}

void sim_world_patience(struct sim_world *w, unsigned milliseconds)
{
    lock(w);
    w->patience = milliseconds;
    unlock(w);
}

void sim_world_max_data(struct sim_world *w, unsigned max)
{
    lock(w);
    w->max_data = max;
    unlock(w);
}

void sim_world_fault(struct sim_world *w, unsigned nth, enum sim_fault kind,
                     bool lasting)
{
    lock(w);
    w->fault_in = kind == SIM_FAULT_NONE ? 0 : nth;
    w->fault = kind;
    w->lasting = lasting;
    unlock(w);
}

void sim_world_tear(struct sim_world *w, unsigned nth, enum sim_tear when)
{
    lock(w);
    w->tear_in = when == SIM_TEAR_NONE ? 0 : nth;
    w->tear = when;
    unlock(w);
}

void sim_world_intrude(struct sim_world *w, unsigned nth,
                       enum sim_intrusion what)
{
    lock(w);
    w->intrude_in = what == SIM_OTHER_NONE ? 0 : nth;
    w->intrusion = what;
    unlock(w);
}

struct sim_counts sim_world_counts(struct sim_world *w)
{
    struct sim_counts counts;

    lock(w);
    counts = w->counts;
    unlock(w);
    return counts;
}

void sim_world_reset_counts(struct sim_world *w)
{
    lock(w);
    memset(&w->counts, 0, sizeof(w->counts));
    log_clear(w);
    unlock(w);
}

size_t sim_world_logged(struct sim_world *w)
{
    size_t len;

    lock(w);
    len = w->log_len;
    unlock(w);
    return len;
}

struct bytes sim_world_command(struct sim_world *w, size_t index)
{
    struct bytes command = {NULL, 0};

    lock(w);
    if (index < w->log_len)
        command = bytes_from(w->log[index].data, w->log[index].len);
    unlock(w);
    return command;
}

size_t sim_world_count_ins(struct sim_world *w, uint8_t ins)
{
    size_t n = 0;

    lock(w);
    for (size_t i = 0; i < w->log_len; i++)
        if (w->log[i].len > 1 && w->log[i].data[1] == ins)
            n++;
    unlock(w);
    return n;
}

static int log_command(struct sim_world *w, struct bytes command)
{
    uint8_t *copy;

    if (w->log_len == w->log_cap) {
        size_t cap = w->log_cap == 0 ? 64 : 2 * w->log_cap;
        struct logged *log = realloc(w->log, cap * sizeof(*log));

        if (log == NULL)
            return card_fail(CARD_E_MEMORY, "sim: no memory");
        w->log = log;
        w->log_cap = cap;
    }
    if ((copy = malloc(command.len + 1)) == NULL)
        return card_fail(CARD_E_MEMORY, "sim: no memory");
    if (command.len > 0)
        memcpy(copy, command.data, command.len);
    w->log[w->log_len].data = copy;
    w->log[w->log_len].len = command.len;
    w->log_len++;
    return 0;
}

/* What another program does to the card; nobody holds it now. */
static void intrude(struct slot *s, enum sim_intrusion what)
{
    static const uint8_t application[] = {0x00, 0xA4, 0x04, 0x0C, 0x07, 0xA0,
                                          0x00, 0x00, 0x01, 0x51, 0x00, 0x00};
    static const uint8_t file[] = {0x00, 0xA4, 0x00, 0x0C, 0x02, 0x3F, 0x00};
    uint8_t room[ANSWER_MAX];
    struct buf answer = BUF_ON(room);

    if (what == SIM_OTHER_RESET) {
        s->resets++;
        s->card->ops->power(s->card);
    } else if (what == SIM_OTHER_APPLICATION) {
        s->card->ops->process(s->card, BYTES_OF(application), &answer);
    } else if (what == SIM_OTHER_FILE) {
        s->card->ops->process(s->card, BYTES_OF(file), &answer);
    }
}

bool sim_world_other(struct sim_world *w, int reader, enum sim_intrusion what)
{
    struct slot *s;
    bool possible;

    lock(w);
    s = slot_at(w, reader);
    possible = s != NULL && s->card != NULL && s->owner == NULL;
    if (possible)
        intrude(s, what);
    unlock(w);
    return possible;
}

/* Count down an armed event; true when it is due. */
static bool due(unsigned *in)
{
    return *in > 0 && --*in == 0;
}

static int no_service(void)
{
    return card_fail(CARD_E_NO_SERVICE, "sim: the service does not run");
}

static void list_slot(struct reader_list *out, const struct slot *s)
{
    struct bytes atr = s->card->ops->atr(s->card);
    size_t i = out->count++;

    memcpy(out->names[i], s->name, READER_NAME_MAX);
    memcpy(out->atr[i], atr.data, atr.len);
    out->atr_len[i] = atr.len;
}

static bool any_reader(const struct sim_world *w)
{
    for (size_t i = 0; i < w->slot_count; i++)
        if (!w->slots[i].unplugged)
            return true;
    return false;
}

static int sim_list(void *io, struct reader_list *out)
{
    struct sim_world *w = io;
    int rc = 0;

    out->count = 0;
    lock(w);
    if (w->stopped)
        rc = no_service();
    else if (!any_reader(w))
        rc = card_fail(CARD_E_NO_READER, "sim: no reader");
    for (size_t i = 0; rc == 0 && i < w->slot_count; i++)
        if (w->slots[i].card != NULL && !w->slots[i].unplugged)
            list_slot(out, &w->slots[i]);
    if (rc == 0 && out->count == 0)
        rc = card_fail(CARD_E_NO_CARD, "sim: all readers are empty");
    unlock(w);
    return rc;
}

/* T=1 if any TD byte of the ATR offers it (ISO 7816-3, 8.2.3), as pcscd does. */
static enum reader_protocol protocol_of(struct bytes atr)
{
    size_t td = 1; /* T0 announces as TDs do */

    while (td < atr.len && (atr.data[td] & 0x80) != 0) {
        unsigned here = atr.data[td] >> 4;

        for (; here != 0; here >>= 1)
            td += here & 1;
        if (td < atr.len && (atr.data[td] & 0x0F) == 1)
            return READER_T1;
    }
    return READER_T0;
}

static int open_link(struct reader *r, struct slot *s)
{
    struct bytes atr = s->card->ops->atr(s->card);
    struct link *link = calloc(1, sizeof(*link));

    if (link == NULL || atr.len > READER_ATR_MAX) {
        free(link);
        return card_fail(CARD_E_MEMORY, "sim: cannot connect");
    }
    /* pcscd powers a card off some time after its last user left. */
    if (s->open++ == 0)
        s->card->ops->power(s->card);
    link->slot = s;
    link->insertion = s->insertion;
    link->resets = s->resets;
    memcpy(r->atr, atr.data, atr.len);
    r->atr_len = atr.len;
    r->protocol = protocol_of(atr);
    r->link = link;
    return 0;
}

static int sim_connect(struct reader *r)
{
    struct sim_world *w = r->io;
    int rc = CARD_E_NO_READER;

    lock(w);
    w->counts.connects++;
    if (w->stopped) {
        rc = no_service();
    } else if (r->link != NULL) {
        rc = card_fail(CARD_E_ARGUMENT, "sim: connected already");
    } else {
        for (size_t i = 0; i < w->slot_count; i++) {
            struct slot *s = &w->slots[i];

            if (!s->unplugged && strcmp(s->name, r->name) == 0)
                rc = s->card != NULL ? open_link(r, s) : CARD_E_NO_CARD;
        }
        if (rc == CARD_E_NO_READER || rc == CARD_E_NO_CARD)
            card_fail(rc, "sim: no reader %s, or no card in it", r->name);
    }
    unlock(w);
    return rc;
}

/* Whether the connection still is one; once lost it stays lost. */
static int check_link(const struct sim_world *w, struct link *link)
{
    if (link->lost == 0 && w->stopped)
        link->lost = CARD_E_NO_SERVICE;
    else if (link->lost == 0 && link->insertion != link->slot->insertion &&
             link->slot->card != NULL && link->resets != link->slot->resets)
        /* pcscd keeps one event: a reset since hides that the card changed */
        link->insertion = link->slot->insertion;
    else if (link->lost == 0 && link->insertion != link->slot->insertion)
        link->lost = CARD_E_REMOVED;
    if (link->lost < 0)
        return card_fail(link->lost, "sim: the connection to %s is lost",
                         link->slot->name);
    return 0;
}

static struct timespec deadline_in(unsigned milliseconds)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += (time_t)(milliseconds / 1000);
    t.tv_nsec += (long)(milliseconds % 1000) * 1000000L;
    if (t.tv_nsec >= 1000000000L) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000L;
    }
    return t;
}

static void take_state(struct reader_state *out, const struct slot *s)
{
    memcpy(out->name, s->name, READER_NAME_MAX);
    out->events = s->events;
    if (s->card != NULL) {
        struct bytes atr = s->card->ops->atr(s->card);

        out->presence = READER_PRESENT;
        memcpy(out->atr, atr.data, atr.len);
        out->atr_len = atr.len;
    }
}

static void look(const struct sim_world *w, struct reader_states *out)
{
    *out = (struct reader_states){.known = true};
    for (size_t i = 0; i < w->slot_count; i++)
        if (!w->slots[i].unplugged)
            take_state(&out->readers[out->count++], &w->slots[i]);
}

/* False when the time is up; without a limit for one below 0. */
static bool sleep_until_news(struct sim_world *w, int timeout_ms,
                             const struct timespec *deadline)
{
    if (timeout_ms < 0)
        return pthread_cond_wait(&w->freed, &w->mutex) == 0;
    return pthread_cond_timedwait(&w->freed, &w->mutex, deadline) == 0;
}

static int sim_states(void *io, struct reader_states *states, int timeout_ms)
{
    struct sim_world *w = io;
    struct timespec deadline = deadline_in(
        timeout_ms < 0 ? 0 : (unsigned)timeout_ms);
    struct reader_states now;
    bool news = true;
    int rc = 0;

    lock(w);
    for (;;) {
        look(w, &now);
        if (w->stopped || !news || !reader_states_same(states, &now))
            break;
        w->counts.waits++;
        news = sleep_until_news(w, timeout_ms, &deadline);
    }
    if (w->stopped)
        rc = no_service();
    else if (reader_states_same(states, &now))
        rc = card_fail(CARD_E_TIMEOUT, "sim: nothing changed");
    if (!w->stopped)
        *states = now;
    unlock(w);
    return rc;
}

/* Wait until nobody holds the card. */
static int wait_for_card(struct sim_world *w, struct link *link,
                         unsigned patience)
{
    struct timespec deadline = deadline_in(patience);
    int rc;

    while ((rc = check_link(w, link)) == 0 && link->slot->owner != NULL)
        if (pthread_cond_timedwait(&w->freed, &w->mutex, &deadline)
            == ETIMEDOUT)
            return card_fail(CARD_E_BUSY, "sim: %s is held by others",
                             link->slot->name);
    return rc;
}

static int sim_begin(struct reader *r)
{
    struct sim_world *w = r->io;
    struct link *link = r->link;
    int rc;

    if (link == NULL)
        return card_fail(CARD_E_ARGUMENT, "sim: not connected");
    lock(w);
    w->counts.begins++;
    rc = wait_for_card(w, link,
                       r->patience_ms != 0 ? r->patience_ms : w->patience);
    if (rc == 0) {
        if (due(&w->intrude_in))
            intrude(link->slot, w->intrusion);
        if (link->resets != link->slot->resets) {
            link->resets = link->slot->resets;
            rc = card_fail(CARD_E_RESET, "sim: another program reset %s",
                           link->slot->name);
        } else {
            link->slot->owner = link;
        }
    }
    unlock(w);
    return rc;
}

/* The fault of this transmit, if one is due. */
static enum sim_fault next_fault(struct sim_world *w)
{
    if (!due(&w->fault_in))
        return SIM_FAULT_NONE;
    if (w->lasting)
        w->fault_in = 1;
    return w->fault;
}

/* Something happened between reader and card. */
static int fail_transport(struct sim_world *w, struct link *link,
                          enum sim_fault fault)
{
    int rc = faults[fault].rc;

    if (fault == SIM_FAULT_NO_SERVICE)
        link->lost = CARD_E_NO_SERVICE;
    if (fault == SIM_FAULT_REMOVED || fault == SIM_FAULT_NO_SERVICE)
        slot_insert(w, link->slot, link->slot->card);
    if (fault == SIM_FAULT_RESET)
        intrude(link->slot, SIM_OTHER_RESET);
    return card_fail(rc, "sim: injected: %s", faults[fault].name);
}

static int tear(struct sim_world *w, struct link *link, struct bytes command)
{
    uint8_t room[ANSWER_MAX];
    struct buf answer = BUF_ON(room);
    struct applet *card = link->slot->card;

    if (w->tear == SIM_TEAR_AFTER)
        card->ops->process(card, command, &answer);
    buf_wipe(&answer);
    slot_insert(w, link->slot, card);
    return card_fail(CARD_E_REMOVED, "sim: injected: power lost");
}

/* Damage a true answer on its way. */
static int deliver(struct bytes answer, enum sim_fault fault, struct buf *rsp)
{
    static const uint8_t more[OVERLONG];
    int rc = 0;

    if (fault == SIM_FAULT_EMPTY)
        answer.len = 0;
    else if (fault == SIM_FAULT_ONE_BYTE)
        answer.len = 1;
    else if (fault == SIM_FAULT_TRUNCATED)
        answer.len /= 2;
    if (answer.len < 2)
        return card_fail(CARD_E_PROTOCOL, "sim: injected: %s",
                         faults[fault].name);
    if (fault == SIM_FAULT_OVERLONG)
        rc = buf_put(rsp, BYTES_OF(more));
    if (rc == 0)
        rc = buf_put(rsp, answer);
    if (rc < 0)
        return card_fail(CARD_E_PROTOCOL, "sim: the answer is too long");
    return 0;
}

static int exchange(struct sim_world *w, struct link *link,
                    struct bytes command, struct buf *rsp)
{
    uint8_t room[ANSWER_MAX];
    struct buf answer = BUF_ON(room);
    struct applet *card = link->slot->card;
    enum sim_fault fault = next_fault(w);
    int rc;

    if (due(&w->tear_in))
        return tear(w, link, command);
    if (faults[fault].rc < 0)
        return fail_transport(w, link, fault);
    if (faults[fault].sw != 0)
        rc = buf_put_u16(&answer, faults[fault].sw);
    else
        rc = card->ops->process(card, command, &answer);
    if (rc == 0)
        rc = deliver(buf_view(&answer), fault, rsp);
    buf_wipe(&answer);
    return rc;
}

static int sim_transmit(struct reader *r, struct bytes command,
                        struct buf *rsp)
{
    struct sim_world *w = r->io;
    struct link *link = r->link;
    int rc;

    if (link == NULL)
        return card_fail(CARD_E_ARGUMENT, "sim: not connected");
    lock(w);
    w->counts.transmits++;
    rc = log_command(w, command);
    if (rc == 0)
        rc = check_link(w, link);
    if (rc == 0 && link->resets != link->slot->resets)
        rc = card_fail(CARD_E_RESET, "sim: the card was reset");
    else if (rc == 0 && link->slot->owner != link)
        rc = card_fail(CARD_E_ARGUMENT, "sim: transmit outside a transaction");
    if (rc == 0)
        rc = exchange(w, link, command, rsp);
    unlock(w);
    return rc;
}

static void release(struct sim_world *w, struct link *link)
{
    if (link->slot->owner == link) {
        link->slot->owner = NULL;
        pthread_cond_broadcast(&w->freed);
    }
}

/* Our own reset is no news to this connection, but to all others. */
static void sim_end(struct reader *r, enum reader_end how)
{
    struct sim_world *w = r->io;
    struct link *link = r->link;

    if (link == NULL)
        return;
    lock(w);
    w->counts.ends++;
    if (how == READER_RESET && link->slot->owner == link
        && link->resets == link->slot->resets) {
        intrude(link->slot, SIM_OTHER_RESET);
        link->resets = link->slot->resets;
    }
    release(w, link);
    unlock(w);
}

/* forget too: the child's copy of the world knows no other process. */
static void sim_disconnect(struct reader *r)
{
    struct sim_world *w = r->io;
    struct link *link = r->link;

    if (link == NULL)
        return;
    lock(w);
    release(w, link);
    link->slot->open--;
    unlock(w);
    free(link);
    r->link = NULL;
}

static unsigned sim_max_data(struct reader *r)
{
    struct sim_world *w = r->io;
    unsigned max;

    lock(w);
    max = w->max_data;
    unlock(w);
    return max;
}

const struct reader_ops reader_sim = {
    .list = sim_list,
    .states = sim_states,
    .connect = sim_connect,
    .begin = sim_begin,
    .transmit = sim_transmit,
    .end = sim_end,
    .disconnect = sim_disconnect,
    .forget = sim_disconnect,
    .max_data = sim_max_data,
};
