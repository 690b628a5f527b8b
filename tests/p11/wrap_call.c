/*
 * What every call to p11-wrap.so goes through: the count, the faults, and the
 * token that may be pulled.
 */
#include "tests/p11/wrap.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/*
 * A session of a token that was pulled since is no session of the token that
 * is back: handles carry the number of pulls in their top byte.
 */
enum { PULLS_SHIFT = 8 * (sizeof(CK_SESSION_HANDLE) - 1) };
static const CK_SESSION_HANDLE HANDLE_MASK =
    ((CK_SESSION_HANDLE)1 << PULLS_SHIFT) - 1;

static atomic_ulong calls;
static atomic_ulong fault_calls[WRAP_MAX_FAULTS];
static atomic_bool gone;   /* by a fault, until P11_WRAP_BACK exists */
static atomic_bool absent; /* for whatever reason */
static atomic_uint pulls;
static atomic_ulong slot_shift;

void call_reset(void)
{
    atomic_store(&calls, 0);
    for (size_t i = 0; i < WRAP_MAX_FAULTS; i++)
        atomic_store(&fault_calls[i], 0);
    atomic_store(&gone, false);
    atomic_store(&absent, false);
    wrap_slot_shift_read();
}

/* Opened anew each time: programs close descriptors that they do not know. */
void call_log(const char *line)
{
    char text[160];
    size_t len = strlen(line);
    int fd;

    if (*wrap_config.log == '\0' || len >= sizeof(text))
        return;
    memcpy(text, line, len);
    text[len] = '\n';
    fd = open(wrap_config.log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return;
    /* A log that cannot be written shows as a count too low. */
    if (write(fd, text, len + 1) < 0)
        (void)0;
    close(fd);
}

/* ---- The token ----------------------------------------------------------- */

/* The real token forgets the login, as one does that loses its power. */
static void real_log_out(void)
{
    CK_SLOT_ID slots[32];
    CK_ULONG count = sizeof(slots) / sizeof(slots[0]);
    CK_SESSION_HANDLE session;

    if (wrap_real->C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK)
        return;
    for (CK_ULONG i = 0; i < count; i++) {
        if (wrap_real->C_OpenSession(slots[i], CKF_SERIAL_SESSION, NULL, NULL,
                                     &session)
            != CKR_OK)
            continue;
        wrap_real->C_Logout(session);
        wrap_real->C_CloseSession(session);
    }
}

bool wrap_token_present(void)
{
    bool here = *wrap_config.late == '\0' || wrap_file_exists(wrap_config.late);

    if (atomic_load(&gone)) {
        if (wrap_file_exists(wrap_config.back))
            atomic_store(&gone, false);
        else
            here = false;
    }
    if (!here && !atomic_exchange(&absent, true)) {
        atomic_fetch_add(&pulls, 1);
        pin_forget();
        real_log_out();
    }
    if (here)
        atomic_store(&absent, false);
    return here;
}

CK_SESSION_HANDLE wrap_session_out(CK_SESSION_HANDLE real)
{
    return real | (CK_SESSION_HANDLE)atomic_load(&pulls) << PULLS_SHIFT;
}

void wrap_slot_shift_read(void)
{
    atomic_store(&slot_shift, wrap_file_number(wrap_config.shift));
}

CK_SLOT_ID wrap_slot_out(CK_SLOT_ID real)
{
    return real + atomic_load(&slot_shift);
}

/* ---- Faults -------------------------------------------------------------- */

static const struct fault *fault_due(const char *name)
{
    unsigned long number = atomic_fetch_add(&calls, 1) + 1;
    const struct fault *due = NULL;

    for (size_t i = 0; i < wrap_config.faults_len; i++) {
        const struct fault *f = &wrap_config.faults[i];
        unsigned long n = number;

        if (*f->function != '\0') {
            if (strcmp(f->function, name) != 0)
                continue;
            n = atomic_fetch_add(&fault_calls[i], 1) + 1;
        }
        if (due == NULL && (n == f->at || (f->onward && n > f->at)))
            due = f;
    }
    return due;
}

static void hang(unsigned long seconds)
{
    struct timespec rest = {.tv_sec = (time_t)seconds};

    while (nanosleep(&rest, &rest) != 0)
        ;
}

struct call call_start(const char *name)
{
    struct call c = {.rv = CKR_OK, .spoil = FAULT_NONE};
    const struct fault *f;

    call_log(name);
    if ((f = fault_due(name)) == NULL)
        return c;
    switch (f->kind) {
    case FAULT_CODE:
        c.rv = f->value;
        break;
    case FAULT_HANG:
        hang(f->value);
        break;
    case FAULT_GONE:
        atomic_store(&gone, true);
        break;
    default:
        c.spoil = f->kind;
    }
    return c;
}

struct call call_on_session(const char *name, CK_SESSION_HANDLE *session)
{
    struct call c = call_start(name);
    CK_SESSION_HANDLE real = *session & HANDLE_MASK;

    if (c.rv == CKR_OK && !wrap_token_present())
        c.rv = CKR_DEVICE_REMOVED;
    else if (c.rv == CKR_OK && wrap_session_out(real) != *session)
        c.rv = CKR_SESSION_HANDLE_INVALID;
    *session = real;
    return c;
}

struct call call_on_slot(const char *name, CK_SLOT_ID *slot)
{
    struct call c = call_start(name);

    if (c.rv == CKR_OK && !wrap_token_present())
        c.rv = CKR_TOKEN_NOT_PRESENT;
    *slot -= atomic_load(&slot_shift);
    return c;
}

/* ---- Outputs ------------------------------------------------------------- */

static void spoil(enum fault_kind kind, void *data, size_t size,
                  CK_ULONG *count)
{
    switch (kind) {
    case FAULT_GARBAGE:
        if (data != NULL)
            memset(data, 0xA5, count == NULL ? size : *count * size);
        else if (count != NULL)
            memset(count, 0xA5, sizeof(*count));
        return;
    case FAULT_HUGE:
        if (count != NULL)
            *count = 0x7fffffff;
        return;
    case FAULT_MAX:
        if (count != NULL)
            *count = (CK_ULONG)-1;
        return;
    case FAULT_ZERO:
        if (count != NULL)
            *count = 0;
        return;
    case FAULT_LONG:
        if (count != NULL)
            ++*count;
        return;
    default:
        return;
    }
}

CK_RV call_end(const struct call *c)
{
    return c->rv;
}

CK_RV call_end_object(const struct call *c, void *object, size_t size)
{
    if (c->rv == CKR_OK)
        spoil(c->spoil, object, size, NULL);
    return c->rv;
}

CK_RV call_end_array(const struct call *c, void *array, size_t size,
                     CK_ULONG *count)
{
    if (c->rv == CKR_OK)
        spoil(c->spoil, array, size, count);
    return c->rv;
}

/* Some attributes missing is an answer too: the others have their values. */
CK_RV call_end_template(const struct call *c, CK_ATTRIBUTE *template,
                        CK_ULONG count)
{
    bool answered = c->rv == CKR_OK || c->rv == CKR_ATTRIBUTE_TYPE_INVALID
                    || c->rv == CKR_ATTRIBUTE_SENSITIVE;

    for (CK_ULONG i = 0; answered && i < count; i++) {
        if (template[i].ulValueLen != CK_UNAVAILABLE_INFORMATION)
            spoil(c->spoil, template[i].pValue, 1, &template[i].ulValueLen);
    }
    return c->rv;
}
