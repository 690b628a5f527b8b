/*
 * Logging in to p11-wrap.so: PINs that are typed at the token, asked for at
 * each operation, not asked for at all; and the count of wrong ones.
 */
#define _DEFAULT_SOURCE /* flock */
#include "tests/p11/wrap.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/*
 * Sessions with an operation that wants the PIN (PKCS #11, 5.6 C_Login,
 * CKU_CONTEXT_SPECIFIC). Without a lock, for the sake of fork.
 */
enum { MAX_WAITING = 256 };
static atomic_ulong waiting[MAX_WAITING];
static atomic_bool logged_in; /* with early_private: as the program thinks */

static bool waiting_swap(unsigned long from, unsigned long to)
{
    for (size_t i = 0; i < MAX_WAITING; i++) {
        unsigned long expected = from;

        if (atomic_compare_exchange_strong(&waiting[i], &expected, to))
            return true;
    }
    return false;
}

static bool is_waiting(CK_SESSION_HANDLE session)
{
    return waiting_swap(session, session);
}

void pin_session_closed(CK_SESSION_HANDLE real)
{
    waiting_swap(real, 0);
}

void pin_forget(void)
{
    for (size_t i = 0; i < MAX_WAITING; i++)
        atomic_store(&waiting[i], 0);
    atomic_store(&logged_in, false);
}

/* ---- Tries --------------------------------------------------------------- */

/* Changed by one process at a time, and whole when somebody looks. */
static void tries_record(bool wrong)
{
    char text[24];
    int fd, len;

    if (*wrap_config.tries == '\0' || (!wrong && wrap_config.limit == 0))
        return;
    fd = open(wrap_config.tries, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return;
    flock(fd, LOCK_EX);
    len = snprintf(text, sizeof(text), "%lu\n",
                   wrong ? wrap_file_number(wrap_config.tries) + 1 : 0);
    if (pwrite(fd, text, (size_t)len, 0) != len || ftruncate(fd, len) != 0)
        call_log("!the number of tries could not be written");
    close(fd);
}

static unsigned long tries(void)
{
    return wrap_file_number(wrap_config.tries);
}

void pin_token_flags(CK_FLAGS *flags)
{
    unsigned long limit = wrap_config.limit, wrong = limit > 0 ? tries() : 0;

    if (wrong > 0)
        *flags |= CKF_USER_PIN_COUNT_LOW;
    if (limit > 0 && wrong + 1 == limit)
        *flags |= CKF_USER_PIN_FINAL_TRY;
    if (limit > 0 && wrong >= limit)
        *flags |= CKF_USER_PIN_LOCKED;
    if (wrap_config.no_count_low)
        *flags &= ~CKF_USER_PIN_COUNT_LOW;
    if (wrap_config.keypad)
        *flags |= CKF_PROTECTED_AUTHENTICATION_PATH;
    if (wrap_config.no_login)
        *flags &= ~CKF_LOGIN_REQUIRED;
}

/* ---- Logging in ---------------------------------------------------------- */

static bool pin_is_right(const CK_BYTE *pin, CK_ULONG len)
{
    return pin != NULL && len == strlen(wrap_config.pin)
           && memcmp(pin, wrap_config.pin, len) == 0;
}

void pin_log_in_unasked(CK_SESSION_HANDLE real)
{
    CK_BYTE pin[WRAP_PATH_MAX];

    if (!wrap_config.no_login && !wrap_config.early_private)
        return;
    memcpy(pin, wrap_config.pin, sizeof(pin));
    wrap_real->C_Login(real, CKU_USER, pin, strlen(wrap_config.pin));
}

/* What the real module cannot judge, since it knows of no such login. */
static CK_RV log_in_context(CK_SESSION_HANDLE real, bool right)
{
    if (!is_waiting(real))
        return CKR_OPERATION_NOT_INITIALIZED;
    if (!right)
        return CKR_PIN_INCORRECT;
    waiting_swap(real, 0);
    return CKR_OK;
}

static CK_RV log_in_early(bool right)
{
    if (!right)
        return CKR_PIN_INCORRECT;
    return atomic_exchange(&logged_in, true) ? CKR_USER_ALREADY_LOGGED_IN
                                             : CKR_OK;
}

static CK_RV log_in(CK_SESSION_HANDLE real, CK_USER_TYPE user, CK_BYTE *pin,
                    CK_ULONG len)
{
    CK_BYTE typed[WRAP_PATH_MAX];

    if (wrap_config.limit > 0 && tries() >= wrap_config.limit)
        return CKR_PIN_LOCKED;
    if (wrap_config.keypad) {
        if (pin != NULL) {
            call_log("!C_Login: a PIN for a token that has a keypad");
            return CKR_ARGUMENTS_BAD;
        }
        memcpy(typed, wrap_config.pin, sizeof(typed));
        pin = typed;
        len = strlen(wrap_config.pin);
    }
    if (user == CKU_CONTEXT_SPECIFIC && wrap_config.always_auth)
        return log_in_context(real, pin_is_right(pin, len));
    if (user == CKU_USER && wrap_config.early_private)
        return log_in_early(pin_is_right(pin, len));
    return wrap_real->C_Login(real, user, pin, len);
}

CK_RV C_Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_BYTE *pin,
              CK_ULONG len)
{
    struct call c = call_on_session(__func__, &session);

    if (c.rv == CKR_OK) {
        c.rv = log_in(session, user, pin, len);
        if (user != CKU_SO && c.rv == CKR_PIN_INCORRECT)
            tries_record(true);
        if (user != CKU_SO && c.rv == CKR_OK)
            tries_record(false);
    }
    return call_end(&c);
}

CK_RV C_Logout(CK_SESSION_HANDLE session)
{
    struct call c = call_on_session(__func__, &session);

    if (c.rv == CKR_OK && wrap_config.early_private)
        atomic_store(&logged_in, false);
    else if (c.rv == CKR_OK)
        c.rv = wrap_real->C_Logout(session);
    return call_end(&c);
}

void pin_session_state(CK_STATE *state)
{
    if (!wrap_config.early_private || atomic_load(&logged_in))
        return;
    if (*state == CKS_RO_USER_FUNCTIONS)
        *state = CKS_RO_PUBLIC_SESSION;
    if (*state == CKS_RW_USER_FUNCTIONS)
        *state = CKS_RW_PUBLIC_SESSION;
}

/* ---- Operations with a private key --------------------------------------- */

CK_RV pin_operation_allowed(void)
{
    if (wrap_config.early_private && !atomic_load(&logged_in))
        return CKR_USER_NOT_LOGGED_IN;
    return CKR_OK;
}

void pin_operation_begins(CK_SESSION_HANDLE real)
{
    if (wrap_config.always_auth && !is_waiting(real) && !waiting_swap(0, real))
        call_log("!more operations at a time than p11-wrap knows");
}

CK_RV pin_operation_goes_on(CK_SESSION_HANDLE real, const void *data)
{
    if (!wrap_config.always_auth || data == NULL || !waiting_swap(real, 0))
        return CKR_OK;
    return CKR_USER_NOT_LOGGED_IN;
}
