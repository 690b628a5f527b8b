/*
 * The environment of p11-wrap.so, and a program's way through its token.
 */
#include "tests/p11/test_token.h"

#include "tests/unit/test.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

CK_FUNCTION_LIST *f;
CK_C_GetFunctionList get_list;
CK_SLOT_ID slot;
CK_SESSION_HANDLE session;
CK_OBJECT_HANDLE key;
static char dir[] = "/tmp/p11-wrap.XXXXXX";

static const char *const variables[] = {
    "MODULE",     "LOG",           "FAULT",        "BACK",        "LATE",
    "SLOT_SHIFT", "HIDE",          "PIN",          "ALWAYS_AUTH", "KEYPAD",
    "NO_LOGIN",   "EARLY_PRIVATE", "NO_COUNT_LOW", "TRIES",       "LIMIT"};

void set(const char *variable, const char *value)
{
    char name[40];

    snprintf(name, sizeof(name), "P11_WRAP_%s", variable);
    assert_int_equal(setenv(name, value, 1), 0);
}

const char *path(const char *name)
{
    static char full[8][64];
    static size_t next;
    char *p = full[next++ % 8];

    snprintf(p, sizeof(full[0]), "%s/%s", dir, name);
    return p;
}

void set_file(const char *variable, const char *name)
{
    set(variable, path(name));
}

void write_file(const char *name, const char *text)
{
    FILE *file = fopen(path(name), "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* How many lines of a file are so. */
unsigned lines(const char *name, const char *wanted)
{
    FILE *file = fopen(path(name), "r");
    char line[200];
    unsigned n = 0;

    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        n += wanted == NULL || strcmp(line, wanted) == 0;
    }
    if (file != NULL)
        fclose(file);
    return n;
}

/* ---- The token ----------------------------------------------------------- */

bool find_slot(void)
{
    CK_SLOT_ID slots[8];
    CK_ULONG count = 8;
    CK_TOKEN_INFO info;

    assert_int_equal(f->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
    for (CK_ULONG i = 0; i < count && i < 8; i++) {
        slot = slots[i];
        if (f->C_GetTokenInfo(slot, &info) == CKR_OK
            && (info.flags & CKF_TOKEN_INITIALIZED) != 0)
            return true;
    }
    return false;
}

CK_RV open_session(void)
{
    return f->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL,
                            NULL, &session);
}

CK_RV login(CK_USER_TYPE user, const char *pin)
{
    char copy[32];

    snprintf(copy, sizeof(copy), "%s", pin == NULL ? "" : pin);
    return f->C_Login(session, user, pin == NULL ? NULL : (CK_BYTE *)copy,
                      strlen(copy));
}

bool find_key(void)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE template = {CKA_CLASS, &class, sizeof(class)};
    CK_ULONG found = 0;

    assert_int_equal(f->C_FindObjectsInit(session, &template, 1), CKR_OK);
    assert_int_equal(f->C_FindObjects(session, &key, 1, &found), CKR_OK);
    assert_int_equal(f->C_FindObjectsFinal(session), CKR_OK);
    return found == 1;
}

CK_RV sign_init(void)
{
    CK_MECHANISM mechanism = {.mechanism = CKM_ECDSA};

    return f->C_SignInit(session, &mechanism, key);
}

CK_RV sign_with(CK_BYTE *sig, CK_ULONG *len)
{
    CK_BYTE hash[32] = {1};
    CK_RV rv = sign_init();

    return rv == CKR_OK ? f->C_Sign(session, hash, sizeof(hash), sig, len) : rv;
}

CK_RV sign(void)
{
    CK_BYTE sig[64];
    CK_ULONG len = sizeof(sig);

    return sign_with(sig, &len);
}

/* As the environment now says, up to an open session or a key. */
void start(void)
{
    assert_int_equal(get_list(&f), CKR_OK);
    assert_int_equal(f->C_Initialize(NULL), CKR_OK);
}

void start_session(void)
{
    start();
    assert_true(find_slot());
    assert_int_equal(open_session(), CKR_OK);
}

void start_key(void)
{
    start_session();
    assert_int_equal(login(CKU_USER, PIN), CKR_OK);
    assert_true(find_key());
}

int finish(void **state)
{
    (void)state;
    f->C_Finalize(NULL);
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        char name[40];

        snprintf(name, sizeof(name), "P11_WRAP_%s", variables[i]);
        unsetenv(name);
    }
    unlink(path("log"));
    unlink(path("file"));
    return 0;
}

static void make_key(void)
{
    static CK_BYTE p256[] = {0x06, 0x08, 0x2A, 0x86, 0x48,
                             0xCE, 0x3D, 0x03, 0x01, 0x07};
    CK_BBOOL yes = CK_TRUE;
    CK_MECHANISM mechanism = {.mechanism = CKM_EC_KEY_PAIR_GEN};
    CK_ATTRIBUTE public_template[] = {
        {CKA_EC_PARAMS, p256, sizeof(p256)},
        {CKA_TOKEN,     &yes, sizeof(yes) }
    };
    CK_ATTRIBUTE private_template[] = {
        {CKA_TOKEN,   &yes, sizeof(yes)},
        {CKA_PRIVATE, &yes, sizeof(yes)},
        {CKA_SIGN,    &yes, sizeof(yes)}
    };
    CK_OBJECT_HANDLE public_key;

    assert_int_equal(f->C_GenerateKeyPair(session, &mechanism, public_template,
                                          2, private_template, 3, &public_key,
                                          &key),
                     CKR_OK);
}

int make_token(void **state)
{
    CK_BYTE so_pin[] = "12345678", pin[] = PIN, label[33];
    char conf[160];
    void *module = dlopen(getenv("P11_WRAP"), RTLD_NOW), *symbol;
    CK_ULONG count = 1;

    (void)state;
    assert_non_null(module);
    assert_non_null(symbol = dlsym(module, "C_GetFunctionList"));
    memcpy(&get_list, &symbol, sizeof(get_list));
    assert_non_null(mkdtemp(dir));
    assert_int_equal(mkdir(path("tokens"), 0700), 0);
    snprintf(conf, sizeof(conf),
             "directories.tokendir = %s\nlog.level = ERROR\n", path("tokens"));
    write_file("conf", conf);
    assert_int_equal(setenv("SOFTHSM2_CONF", path("conf"), 1), 0);

    start();
    memset(label, ' ', sizeof(label));
    assert_int_equal(f->C_GetSlotList(CK_TRUE, &slot, &count), CKR_OK);
    assert_int_equal(f->C_InitToken(slot, so_pin, 8, label), CKR_OK);
    assert_true(find_slot());
    assert_int_equal(open_session(), CKR_OK);
    assert_int_equal(login(CKU_SO, "12345678"), CKR_OK);
    assert_int_equal(f->C_InitPIN(session, pin, strlen(PIN)), CKR_OK);
    assert_int_equal(f->C_Logout(session), CKR_OK);
    assert_int_equal(login(CKU_USER, PIN), CKR_OK);
    make_key();
    return finish(NULL);
}

int remove_token(void **state)
{
    char command[80];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command);
}
