/*
 * A token of SoftHSM with one P-256 key, behind the p11-wrap.so that P11_WRAP
 * names, for the test of that module.
 */
#ifndef TESTS_P11_TEST_TOKEN_H
#define TESTS_P11_TEST_TOKEN_H

#include <stdbool.h>

#include <p11-kit/pkcs11.h>

#define PIN "271828"

extern CK_C_GetFunctionList get_list; /* the module's one export */
extern CK_FUNCTION_LIST *f;
extern CK_SLOT_ID slot;
extern CK_SESSION_HANDLE session;
extern CK_OBJECT_HANDLE key;

/* Group setup and teardown of cmocka; then each test's teardown. */
int make_token(void **state);
int remove_token(void **state);
int finish(void **state);

/* Set P11_WRAP_<variable>, or have it name a file of the run. */
void set(const char *variable, const char *value);
void set_file(const char *variable, const char *name);
const char *path(const char *name);
void write_file(const char *name, const char *text);
/* How many lines of a file are so; NULL: of any kind. */
unsigned lines(const char *name, const char *wanted);

/* Begin as the environment now says: initialised, in a session, with a key. */
void start(void);
void start_session(void);
void start_key(void);

bool find_slot(void);
bool find_key(void);
CK_RV open_session(void);
CK_RV login(CK_USER_TYPE user, const char *pin);
CK_RV sign_init(void);
CK_RV sign_with(CK_BYTE *sig, CK_ULONG *len);
CK_RV sign(void);

#endif
