/*
 * One token and its sessions, as a reader: connected is who knows its slot.
 */
#include "card/pkcs11/p11.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A search begins and ends several times in a row: one look is enough. */
enum { CHECK_MS = 500, OPEN_MS = 30000 };

static int64_t now_ms(void)
{
    struct timespec t = {0, 0};

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- life ---------------------------------------------------------------- */

int p11_slot_new(struct p11_module *module, const struct p11_slot_entry *entry,
                 struct p11_slot **out)
{
    struct p11_slot *s = calloc(1, sizeof(*s));
    CK_FUNCTION_LIST *f;
    int rc;

    if (s == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    if (lock_init(&s->lock) < 0 ||
        pthread_cond_init(&s->returned, NULL) != 0) {
        free(s);
        return card_fail(CARD_E_MEMORY, "out of memory");
    }
    s->login_lock = -1;
    s->token = entry->token;
    s->id = entry->id;
    s->flags = entry->flags;
    s->min_pin = entry->min_pin;
    s->max_pin = entry->max_pin;
    s->checked = now_ms(); /* the list has just told */
    if ((rc = p11_module_functions(module, CKR_OK, &f)) < 0) {
        p11_slot_free(s);
        return rc;
    }
    s->module = p11_module_ref(module);
    s->start = p11_module_starts(module);
    s->f = f;
    *out = s;
    return 0;
}

void p11_slot_free(struct p11_slot *slot)
{
    if (slot == NULL)
        return;
    p11_module_put(slot->module);
    pthread_cond_destroy(&slot->returned);
    lock_destroy(&slot->lock);
    free(slot);
}

bool p11_slot_holds(const struct p11_slot *slot,
                    const struct p11_module *module,
                    const struct p11_identity *token)
{
    return slot->module == module && p11_identity_equal(&slot->token, token);
}

bool p11_slot_equal(const struct p11_slot *a, const struct p11_slot *b)
{
    return p11_slot_holds(a, b->module, &b->token);
}

/* ---- sessions ------------------------------------------------------------ */

/* With the lock held. Nothing of before is good any more. */
static void count_up(struct p11_slot *s)
{
    atomic_fetch_add(&s->generation, 1);
    atomic_store(&s->logged_in, false);
    s->idle_count = 0;
    s->checked = 0;
}

/* Some modules have few: what is not used any more is not left open. */
static void close_idle(struct p11_slot *s)
{
    while (s->idle_count > 0)
        s->f->C_CloseSession(s->idle[--s->idle_count]);
}

/*
 * A module that another context, or another program in this process, had ended
 * and we began anew may give the old numbers to others: none is used, or
 * closed.
 */
static void notice_start(struct p11_slot *s)
{
    unsigned long start = p11_module_starts(s->module);

    if (s->start == start)
        return;
    s->start = start;
    count_up(s);
}

/*
 * A forked child has its parent's numbers, but they are the parent's sessions;
 * who waited for one is not here.
 */
static bool take_lock(struct p11_slot *s)
{
    bool child = lock_take(&s->lock);

    if (child) {
        count_up(s);
        s->f = NULL;
        s->out_count = 0;
        pthread_cond_init(&s->returned, NULL);
    }
    notice_start(s);
    return child;
}

static void wait_for_one(struct p11_slot *s)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 1; /* a wake-up may be lost in a fork */
    pthread_cond_timedwait(&s->returned, &s->lock.mutex, &until);
}

static CK_RV open_session(struct p11_slot *s, CK_SESSION_HANDLE *out)
{
    const int64_t until = now_ms() + OPEN_MS;
    CK_RV rv;

    for (;;) {
        rv = s->f->C_OpenSession(s->id, CKF_SERIAL_SESSION, NULL, NULL, out);
        if (rv != CKR_SESSION_COUNT || s->out_count == 0 || now_ms() >= until)
            return rv;
        wait_for_one(s);
        if (s->idle_count > 0) {
            *out = s->idle[--s->idle_count];
            return CKR_OK;
        }
    }
}

/* Since its sessions were lost, the token was looked at. */
static bool is_begun(const struct p11_slot *s)
{
    return s->begun == atomic_load(&s->generation);
}

static int take_session(struct p11_slot *slot, struct p11_session *out)
{
    CK_RV rv = CKR_OK;

    if (take_lock(slot) || slot->f == NULL || !is_begun(slot)) {
        lock_release(&slot->lock);
        return card_fail(CARD_E_RESET, "the token is not connected");
    }
    if (slot->idle_count > 0)
        out->handle = slot->idle[--slot->idle_count];
    else
        rv = open_session(slot, &out->handle);
    out->f = slot->f;
    out->generation = atomic_load(&slot->generation); /* it may have waited */
    if (rv == CKR_OK)
        slot->out_count++;
    else if (rv != CKR_SESSION_COUNT)
        slot->checked = 0;
    lock_release(&slot->lock);
    return p11_error(rv, "C_OpenSession");
}

int p11_session_take(struct p11_slot *slot, struct p11_session *out)
{
    int rc = p11_enter();

    if (rc == 0 && (rc = take_session(slot, out)) < 0)
        p11_leave();
    return rc;
}

/*
 * What says that there is more wrong than this one operation. Handles of
 * private objects do not outlive the login.
 */
static bool loses_sessions(CK_RV rv)
{
    switch (rv) {
    case CKR_CRYPTOKI_NOT_INITIALIZED:
    case CKR_SESSION_HANDLE_INVALID:
    case CKR_SESSION_CLOSED:
    case CKR_DEVICE_REMOVED:
    case CKR_TOKEN_NOT_PRESENT:
    case CKR_TOKEN_NOT_RECOGNIZED:
    case CKR_USER_NOT_LOGGED_IN:
        return true;
    default:
        return false;
    }
}

/* Not with an operation half done in it. */
static bool keeps_session(CK_RV rv)
{
    return !loses_sessions(rv) && rv != CKR_BUFFER_TOO_SMALL &&
           rv != CKR_OPERATION_ACTIVE;
}

/* What is no session any more is not closed: its number may be another's. */
static bool is_closed(CK_RV rv)
{
    return rv == CKR_CRYPTOKI_NOT_INITIALIZED || rv == CKR_SESSION_CLOSED ||
           rv == CKR_SESSION_HANDLE_INVALID;
}

/* Closing the last session logs out (v2.40, 5.6: C_CloseSession). */
static bool is_last(const struct p11_slot *s)
{
    return s->idle_count == 0 && s->out_count == 0;
}

/* With the lock held, so that who waits for a session finds it closed. */
static void put_back(struct p11_slot *s, const struct p11_session *session,
                     CK_RV rv)
{
    bool current = session->generation == atomic_load(&s->generation);

    s->out_count--;
    if (rv != CKR_OK)
        s->checked = 0; /* the token may know more */
    if (current && keeps_session(rv) && s->idle_count < P11_MAX_IDLE) {
        s->idle[s->idle_count++] = session->handle;
    } else {
        if (!is_closed(rv))
            session->f->C_CloseSession(session->handle);
        if ((current && loses_sessions(rv)) || is_last(s)) {
            atomic_store(&s->lost, rv);
            close_idle(s);
            count_up(s);
        }
    }
    pthread_cond_signal(&s->returned);
}

void p11_session_give(struct p11_slot *slot, const struct p11_session *session,
                      CK_RV rv)
{
    if (!take_lock(slot)) /* else it is the parent's */
        put_back(slot, session, rv);
    lock_release(&slot->lock);
    p11_leave();
}

/* ---- the token ----------------------------------------------------------- */

int p11_slot_info(struct p11_slot *slot, CK_TOKEN_INFO *info)
{
    struct p11_identity now;
    CK_RV rv;
    int rc;

    if (slot->f == NULL)
        return card_fail(CARD_E_RESET, "the token is not connected");
    memset(info, 0, sizeof(*info));
    if ((rc = p11_enter()) < 0)
        return rc;
    rv = slot->f->C_GetTokenInfo(slot->id, info);
    p11_leave();
    if (rv == CKR_CRYPTOKI_NOT_INITIALIZED)
        atomic_store(&slot->lost, rv);
    if (rv != CKR_OK)
        return p11_error(rv, "C_GetTokenInfo");
    p11_identity_of(info, &now);
    if (!p11_identity_equal(&now, &slot->token))
        return card_fail(CARD_E_REMOVED, "another token is in the slot of "
                         "\"%s\"", slot->token.label);
    slot->flags = info->flags;
    return 0;
}

static bool still_there(struct p11_slot *s)
{
    CK_TOKEN_INFO info;

    return p11_slot_info(s, &info) == 0;
}

static int find_slot(struct p11_slot *s)
{
    struct p11_slot_list *list = calloc(1, sizeof(*list));
    int rc;

    if (list == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    if ((rc = p11_module_slots(s->module, list)) == 0) {
        rc = CARD_E_REMOVED;
        for (size_t i = 0; i < list->count && rc < 0; i++)
            if (p11_identity_equal(&list->entries[i].token, &s->token)) {
                s->id = list->entries[i].id;
                rc = 0;
            }
        if (rc < 0)
            card_fail(rc, "the token \"%s\" is in no slot of %s",
                      s->token.label, p11_module_name(s->module));
    }
    free(list);
    return rc;
}

/* ---- as a reader --------------------------------------------------------- */

static int slot_connect(struct reader *r)
{
    struct p11_slot *s = r->io;
    bool known;
    int rc = p11_enter();

    if (rc < 0)
        return rc;
    take_lock(s);
    rc = p11_module_functions(s->module, atomic_exchange(&s->lost, CKR_OK),
                              &s->f);
    notice_start(s);
    known = rc == 0 &&
            (now_ms() - s->checked < CHECK_MS || still_there(s));
    if (rc == 0 && !known)
        rc = find_slot(s);
    if (rc == 0) {
        s->checked = now_ms();
        s->begun = atomic_load(&s->generation);
        r->link = s;
    }
    lock_release(&s->lock);
    p11_leave();
    return rc;
}

bool p11_is_user(CK_STATE state)
{
    return state == CKS_RO_USER_FUNCTIONS || state == CKS_RW_USER_FUNCTIONS;
}

/* C_GetSessionInfo tells of the token and of the login at a time. */
static bool session_is_good(struct p11_slot *s)
{
    CK_SESSION_INFO info;

    memset(&info, 0, sizeof(info));
    if (s->f->C_GetSessionInfo(s->idle[s->idle_count - 1], &info) != CKR_OK)
        return false;
    return !atomic_load(&s->logged_in) || p11_is_user(info.state);
}

static int slot_begin(struct reader *r)
{
    struct p11_slot *s = r->io;
    int rc = p11_enter();
    bool child;

    if (rc < 0)
        return rc;
    child = take_lock(s);
    if (child || s->f == NULL) {
        r->link = NULL;
        rc = card_fail(CARD_E_RESET, "a forked process");
    } else if (now_ms() - s->checked >= CHECK_MS) {
        if (!(s->idle_count > 0 ? session_is_good(s) : still_there(s))) {
            close_idle(s);
            count_up(s);
            r->link = NULL;
            rc = card_fail(CARD_E_RESET, "the token was away");
        } else {
            s->checked = now_ms();
        }
    }
    if (rc == 0 && !is_begun(s))
        rc = card_fail(CARD_E_RESET, "the token's sessions were lost");
    if (r->link != NULL)
        s->begun = atomic_load(&s->generation);
    lock_release(&s->lock);
    p11_leave();
    return rc;
}

static void slot_end(struct reader *r, enum reader_end how)
{
    struct p11_slot *s = r->io;

    (void)how; /* a context-specific login ends by itself */
    p11_mark_unlock(&s->login_lock);
}

/* Sessions in other threads' hands close when they are given back. */
static void slot_disconnect(struct reader *r)
{
    struct p11_slot *s = r->io;
    bool inside;

    r->link = NULL;
    if (s == NULL)
        return;
    inside = p11_enter() == 0;
    if (!take_lock(s) && s->f != NULL && inside)
        close_idle(s);
    count_up(s);
    lock_release(&s->lock);
    if (inside)
        p11_leave();
}

static void slot_forget(struct reader *r)
{
    struct p11_slot *s = r->io;

    r->link = NULL;
    if (s == NULL)
        return;
    if (!take_lock(s)) {
        count_up(s);
        s->f = NULL;
    }
    p11_mark_forget(&s->login_lock);
    lock_release(&s->lock);
}

static int slot_list(void *io, struct reader_list *out)
{
    (void)io;
    (void)out;
    return card_fail(CARD_E_UNSUPPORTED, "slots are no readers to list");
}

static int slot_transmit(struct reader *r, struct bytes command,
                         struct buf *rsp)
{
    (void)r;
    (void)command;
    (void)rsp;
    return card_fail(CARD_E_UNSUPPORTED, "a PKCS#11 token takes no APDUs");
}

const struct reader_ops reader_pkcs11 = {
    .list = slot_list,
    .connect = slot_connect,
    .begin = slot_begin,
    .transmit = slot_transmit,
    .end = slot_end,
    .disconnect = slot_disconnect,
    .forget = slot_forget,
};
