/*
 * p11-strict.so: SoftHSM as strict as a module may be. What Cryptoki leaves
 * undefined ends the program: a call in a forked child before its own
 * C_Initialize, and one after the module's own exit handler has run. After
 * C_Initialize a child has no session, no login and no object of its parent's.
 */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <p11-kit/pkcs11.h>

enum { AGE_SHIFT = 32 };

static CK_FUNCTION_LIST *real, strict;
static atomic_long owner; /* process that initialised; 0: none */
static atomic_bool over, logged_in;
static CK_ULONG age;      /* how many forks lie between it and the first */

static void refuse(const char *function, const char *why)
{
    fprintf(stderr, "p11-strict, process %ld: %s %s\n", (long)getpid(),
            function, why);
    abort();
}

static CK_RV allowed(const char *function)
{
    long by = atomic_load(&owner);

    if (atomic_load(&over))
        refuse(function, "after the module has ended");
    if (by != 0 && by != (long)getpid())
        refuse(function, "in a forked child before C_Initialize");
    return by != 0 ? CKR_OK : CKR_CRYPTOKI_NOT_INITIALIZED;
}

/* ---- handles carry the age ----------------------------------------------- */

static CK_ULONG given(CK_ULONG handle)
{
    return handle | age << AGE_SHIFT;
}

static bool is_ours(CK_ULONG *handle)
{
    bool ours = *handle >> AGE_SHIFT == age;

    *handle &= ((CK_ULONG)1 << AGE_SHIFT) - 1;
    return ours;
}

static CK_RV on_session(const char *function, CK_SESSION_HANDLE *session)
{
    CK_RV rv = allowed(function);

    return rv == CKR_OK && !is_ours(session) ? CKR_SESSION_HANDLE_INVALID : rv;
}

static CK_RV with_key(const char *function, CK_SESSION_HANDLE *session,
                      CK_OBJECT_HANDLE *key)
{
    CK_RV rv = on_session(function, session);

    if (rv == CKR_OK && !atomic_load(&logged_in))
        rv = CKR_USER_NOT_LOGGED_IN;
    return rv == CKR_OK && !is_ours(key) ? CKR_KEY_HANDLE_INVALID : rv;
}

/* ---- beginning and end --------------------------------------------------- */

static void end(void)
{
    atomic_store(&over, true);
}

static CK_RV initialize(void *args)
{
    static bool registered;
    long by = atomic_load(&owner), self = (long)getpid();
    CK_RV rv;

    if (atomic_load(&over))
        refuse("C_Initialize", "after the module has ended");
    if (by == self)
        return CKR_CRYPTOKI_ALREADY_INITIALIZED;
    if (by != 0)
        age++;
    rv = real->C_Initialize(args);
    if (rv == CKR_CRYPTOKI_ALREADY_INITIALIZED)
        rv = CKR_OK; /* SoftHSM has the state of the parent's */
    if (rv == CKR_OK && !registered)
        registered = atexit(end) == 0;
    atomic_store(&logged_in, false);
    atomic_store(&owner, rv == CKR_OK ? self : 0);
    return rv;
}

static CK_RV finalize(void *reserved)
{
    CK_RV rv = allowed("C_Finalize");

    if (rv == CKR_OK)
        rv = real->C_Finalize(reserved);
    if (rv == CKR_OK)
        atomic_store(&owner, 0);
    return rv;
}

static CK_RV get_info(CK_INFO *info)
{
    CK_RV rv = allowed("C_GetInfo");

    return rv == CKR_OK ? real->C_GetInfo(info) : rv;
}

/* ---- slots --------------------------------------------------------------- */

static CK_RV get_slot_list(CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *count)
{
    CK_RV rv = allowed("C_GetSlotList");

    return rv == CKR_OK ? real->C_GetSlotList(present, list, count) : rv;
}

static CK_RV get_slot_info(CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
    CK_RV rv = allowed("C_GetSlotInfo");

    return rv == CKR_OK ? real->C_GetSlotInfo(slot, info) : rv;
}

static CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    CK_RV rv = allowed("C_GetTokenInfo");

    return rv == CKR_OK ? real->C_GetTokenInfo(slot, info) : rv;
}

static CK_RV get_mechanism_list(CK_SLOT_ID slot, CK_MECHANISM_TYPE *list,
                                CK_ULONG *count)
{
    CK_RV rv = allowed("C_GetMechanismList");

    return rv == CKR_OK ? real->C_GetMechanismList(slot, list, count) : rv;
}

/* ---- sessions ------------------------------------------------------------ */

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *application,
                          CK_NOTIFY notify, CK_SESSION_HANDLE *out)
{
    CK_RV rv = allowed("C_OpenSession");

    if (rv == CKR_OK)
        rv = real->C_OpenSession(slot, flags, application, notify, out);
    if (rv == CKR_OK)
        *out = given(*out);
    return rv;
}

static CK_RV close_session(CK_SESSION_HANDLE session)
{
    CK_RV rv = on_session("C_CloseSession", &session);

    return rv == CKR_OK ? real->C_CloseSession(session) : rv;
}

static CK_RV get_session_info(CK_SESSION_HANDLE session, CK_SESSION_INFO *info)
{
    CK_RV rv = on_session("C_GetSessionInfo", &session);

    if (rv == CKR_OK)
        rv = real->C_GetSessionInfo(session, info);
    if (rv == CKR_OK && !atomic_load(&logged_in))
        info->state = CKS_RO_PUBLIC_SESSION;
    return rv;
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user,
                   unsigned char *pin, CK_ULONG len)
{
    CK_RV rv = on_session("C_Login", &session);

    if (rv == CKR_OK)
        rv = real->C_Login(session, user, pin, len);
    if (rv == CKR_USER_ALREADY_LOGGED_IN && !atomic_load(&logged_in))
        rv = CKR_OK;
    if (rv == CKR_OK)
        atomic_store(&logged_in, true);
    return rv;
}

/* ---- objects and keys ---------------------------------------------------- */

static CK_RV find_objects_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE *wanted,
                               CK_ULONG count)
{
    CK_RV rv = on_session("C_FindObjectsInit", &session);

    return rv == CKR_OK ? real->C_FindObjectsInit(session, wanted, count) : rv;
}

static CK_RV find_objects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *list,
                          CK_ULONG max, CK_ULONG *count)
{
    CK_RV rv = on_session("C_FindObjects", &session);

    if (rv == CKR_OK)
        rv = real->C_FindObjects(session, list, max, count);
    for (CK_ULONG i = 0; rv == CKR_OK && i < *count; i++)
        list[i] = given(list[i]);
    return rv;
}

static CK_RV find_objects_final(CK_SESSION_HANDLE session)
{
    CK_RV rv = on_session("C_FindObjectsFinal", &session);

    return rv == CKR_OK ? real->C_FindObjectsFinal(session) : rv;
}

static CK_RV get_attribute_value(CK_SESSION_HANDLE session,
                                 CK_OBJECT_HANDLE object,
                                 CK_ATTRIBUTE *values, CK_ULONG count)
{
    CK_RV rv = on_session("C_GetAttributeValue", &session);

    if (rv == CKR_OK && !is_ours(&object))
        rv = CKR_OBJECT_HANDLE_INVALID;
    return rv == CKR_OK
           ? real->C_GetAttributeValue(session, object, values, count) : rv;
}

static CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                       CK_OBJECT_HANDLE key)
{
    CK_RV rv = with_key("C_SignInit", &session, &key);

    return rv == CKR_OK ? real->C_SignInit(session, mechanism, key) : rv;
}

static CK_RV sign(CK_SESSION_HANDLE session, unsigned char *data, CK_ULONG len,
                  unsigned char *sig, CK_ULONG *sig_len)
{
    CK_RV rv = on_session("C_Sign", &session);

    return rv == CKR_OK ? real->C_Sign(session, data, len, sig, sig_len) : rv;
}

/* What is not strict here is SoftHSM's own. */
__attribute__((visibility("default"))) CK_RV
C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    void *handle = dlopen(getenv("P11_STRICT_MODULE"), RTLD_NOW | RTLD_LOCAL);
    void *symbol = handle == NULL ? NULL : dlsym(handle, "C_GetFunctionList");
    CK_C_GetFunctionList get;

    if (symbol == NULL)
        return CKR_GENERAL_ERROR;
    memcpy(&get, &symbol, sizeof(get));
    if (get(&real) != CKR_OK)
        return CKR_GENERAL_ERROR;
    strict = *real;
    strict.C_Initialize = initialize;
    strict.C_Finalize = finalize;
    strict.C_GetInfo = get_info;
    strict.C_GetFunctionList = C_GetFunctionList;
    strict.C_GetSlotList = get_slot_list;
    strict.C_GetSlotInfo = get_slot_info;
    strict.C_GetTokenInfo = get_token_info;
    strict.C_GetMechanismList = get_mechanism_list;
    strict.C_OpenSession = open_session;
    strict.C_CloseSession = close_session;
    strict.C_GetSessionInfo = get_session_info;
    strict.C_Login = login;
    strict.C_FindObjectsInit = find_objects_init;
    strict.C_FindObjects = find_objects;
    strict.C_FindObjectsFinal = find_objects_final;
    strict.C_GetAttributeValue = get_attribute_value;
    strict.C_SignInit = sign_init;
    strict.C_Sign = sign;
    *list = &strict;
    return CKR_OK;
}
