/*
 * p11-wrap.so: a PKCS#11 module that stands before a real one, counts what it
 * is asked, fails on command, and makes the token look like another kind.
 *
 * It reads its environment in C_GetFunctionList and C_Initialize, unless it is
 * initialised already (so a forked child goes on counting); the counts start
 * anew then. What it cannot read is told on stderr and fails that call.
 *
 *   P11_WRAP_MODULE=PATH    the real module; default: SoftHSM
 *   P11_WRAP_LOG=FILE       gets the name of each call, a line each, as it is
 *                           made; misuse is a line that starts with "!"
 *   P11_WRAP_FAULT=F[,F...] what goes wrong, and when:
 *       N:KIND              at call N; C_GetFunctionList is not numbered
 *       N+:KIND             from call N on
 *       C_Sign#N:KIND       at the Nth call of C_Sign; likewise N+
 *     KIND is one of
 *       CKR_..., 0x...      not passed on, answered with this
 *       garbage             outputs are filled with bytes A5
 *       huge, max           lengths and counts say 0x7fffffff, (CK_ULONG)-1
 *       zero, long          they say 0, or one more than is true
 *       hang:SECONDS        passed on after this time
 *       gone                the token is pulled; it is back, logged out and
 *                           with the sessions lost, when P11_WRAP_BACK exists
 *     All but the first pass the call on; what the real module refuses stays
 *     refused, and only what lies within the caller's buffers is written. A
 *     signature or decryption that fails is over, in the real module too.
 *   P11_WRAP_LATE=FILE      no slot has a token while the file is not there;
 *                           to remove it later is to pull the token
 *   P11_WRAP_SLOT_SHIFT=FILE  slot numbers are the real ones plus the number
 *                           in the file, read by each C_GetSlotList
 *   P11_WRAP_HIDE=M[,M...]  mechanisms the token lacks: CKM_RSA_PKCS_PSS, 0xd,
 *                           CKM_*_PSS
 *   P11_WRAP_PIN=PIN        for the following, which need to know it
 *   P11_WRAP_ALWAYS_AUTH=1  each private key operation wants a PIN of its own
 *   P11_WRAP_KEYPAD=1       the PIN is typed at the token: one that is given
 *                           to C_Login is refused
 *   P11_WRAP_NO_LOGIN=1     a token that asks for no PIN
 *   P11_WRAP_EARLY_PRIVATE=1  private objects are found before the login
 *   P11_WRAP_RSA_TYPE=N     RSA keys say that they are of the CKK_ number N; of
 *                           CKK_ML_DSA they have the attributes as well
 *   P11_WRAP_NO_COUNT_LOW=1 CKF_USER_PIN_COUNT_LOW is never shown
 *   P11_WRAP_TRIES=FILE     holds the number of wrong PINs of users seen, by
 *                           all processes
 *   P11_WRAP_LIMIT=N        with P11_WRAP_TRIES: N in a row lock the PIN, the
 *                           flags of the token tell, and a right one makes the
 *                           number 0 again
 *
 * PINs never get into the log.
 */
#ifndef TESTS_P11_WRAP_H
#define TESTS_P11_WRAP_H

#include <stdbool.h>
#include <stddef.h>

#include <p11-kit/pkcs11.h>

enum { WRAP_PATH_MAX = 512, WRAP_MAX_FAULTS = 8, WRAP_MAX_HIDDEN = 64 };

enum fault_kind {
    FAULT_NONE,
    FAULT_CODE,
    FAULT_GARBAGE,
    FAULT_HUGE,
    FAULT_MAX,
    FAULT_ZERO,
    FAULT_LONG,
    FAULT_HANG,
    FAULT_GONE
};

struct fault {
    char function[32]; /* "": any */
    unsigned long at;  /* counted from 1 */
    bool onward;
    enum fault_kind kind;
    unsigned long value; /* FAULT_CODE: the code; FAULT_HANG: seconds */
};

struct wrap_config {
    char module[WRAP_PATH_MAX];
    char log[WRAP_PATH_MAX];
    char back[WRAP_PATH_MAX];
    char late[WRAP_PATH_MAX];
    char shift[WRAP_PATH_MAX];
    char tries[WRAP_PATH_MAX];
    char pin[WRAP_PATH_MAX];
    bool always_auth;
    bool keypad;
    bool no_login;
    bool early_private;
    bool no_count_low;
    unsigned long limit; /* 0: none */
    unsigned long rsa_type; /* 0, CKK_RSA: they say what they are */
    size_t hidden_len;
    CK_MECHANISM_TYPE hidden[WRAP_MAX_HIDDEN];
    size_t faults_len;
    struct fault faults[WRAP_MAX_FAULTS];
};

extern struct wrap_config wrap_config; /* constant while initialised */
extern CK_FUNCTION_LIST *wrap_real;

/* ---- wrap_config.c ------------------------------------------------------- */

/* Read the environment; false, and a line on stderr, where it makes no sense.
 */
bool wrap_config_read(struct wrap_config *config);
bool wrap_hidden(CK_MECHANISM_TYPE mechanism);
bool wrap_file_exists(const char *path);
/* The number in a file; 0 if there is none. */
unsigned long wrap_file_number(const char *path);

/* ---- wrap_call.c --------------------------------------------------------- */

/* One call: pass it on if rv is CKR_OK, put the answer there, and end it. */
struct call {
    CK_RV rv;
    enum fault_kind spoil;
};

/* Start counting anew. */
void call_reset(void);
void call_log(const char *line);
struct call call_start(const char *name);
/* The caller's session or slot becomes the real one. */
struct call call_on_session(const char *name, CK_SESSION_HANDLE *session);
struct call call_on_slot(const char *name, CK_SLOT_ID *slot);
/* The answer, after what is wrong with it was done to the outputs. */
CK_RV call_end(const struct call *c);
/* ... to one object of size bytes, ... */
CK_RV call_end_object(const struct call *c, void *object, size_t size);
/* ... to *count elements of size bytes (which may be NULL), ... */
CK_RV call_end_array(const struct call *c, void *array, size_t size,
                     CK_ULONG *count);
/* ... to the values of a template. */
CK_RV call_end_template(const struct call *c, CK_ATTRIBUTE *template,
                        CK_ULONG count);

bool wrap_token_present(void);
CK_SESSION_HANDLE wrap_session_out(CK_SESSION_HANDLE real);
CK_SLOT_ID wrap_slot_out(CK_SLOT_ID real);
void wrap_slot_shift_read(void);

/* ---- wrap_pin.c ---------------------------------------------------------- */

/* Log in as the user with the PIN of the environment, if not yet done. */
void pin_log_in_unasked(CK_SESSION_HANDLE real);
/* An operation with a key begins: what the PIN policy says to it. */
CK_RV pin_operation_allowed(void);
void pin_operation_begins(CK_SESSION_HANDLE real);
/* It is given data, or asked for its result; without either it may wait. */
CK_RV pin_operation_goes_on(CK_SESSION_HANDLE real, const void *data);
void pin_token_flags(CK_FLAGS *flags);
void pin_session_state(CK_STATE *state);
void pin_session_closed(CK_SESSION_HANDLE real);
/* All sessions are lost. */
void pin_forget(void);

#endif
