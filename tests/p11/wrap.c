/*
 * p11-wrap.so (wrap.h): loading the real module, the list of functions, and
 * the beginning and end of its use.
 */
#include "tests/p11/wrap.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

struct wrap_config wrap_config;
CK_FUNCTION_LIST *wrap_real;

static pthread_mutex_t setup_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool initialised;
static char loaded[WRAP_PATH_MAX]; /* where wrap_real came from */

static CK_FUNCTION_LIST functions = {
    .version = {2, 40},
    .C_Initialize = C_Initialize,
    .C_Finalize = C_Finalize,
    .C_GetInfo = C_GetInfo,
    .C_GetFunctionList = C_GetFunctionList,
    .C_GetSlotList = C_GetSlotList,
    .C_GetSlotInfo = C_GetSlotInfo,
    .C_GetTokenInfo = C_GetTokenInfo,
    .C_GetMechanismList = C_GetMechanismList,
    .C_GetMechanismInfo = C_GetMechanismInfo,
    .C_InitToken = C_InitToken,
    .C_InitPIN = C_InitPIN,
    .C_SetPIN = C_SetPIN,
    .C_OpenSession = C_OpenSession,
    .C_CloseSession = C_CloseSession,
    .C_CloseAllSessions = C_CloseAllSessions,
    .C_GetSessionInfo = C_GetSessionInfo,
    .C_GetOperationState = C_GetOperationState,
    .C_SetOperationState = C_SetOperationState,
    .C_Login = C_Login,
    .C_Logout = C_Logout,
    .C_CreateObject = C_CreateObject,
    .C_CopyObject = C_CopyObject,
    .C_DestroyObject = C_DestroyObject,
    .C_GetObjectSize = C_GetObjectSize,
    .C_GetAttributeValue = C_GetAttributeValue,
    .C_SetAttributeValue = C_SetAttributeValue,
    .C_FindObjectsInit = C_FindObjectsInit,
    .C_FindObjects = C_FindObjects,
    .C_FindObjectsFinal = C_FindObjectsFinal,
    .C_EncryptInit = C_EncryptInit,
    .C_Encrypt = C_Encrypt,
    .C_EncryptUpdate = C_EncryptUpdate,
    .C_EncryptFinal = C_EncryptFinal,
    .C_DecryptInit = C_DecryptInit,
    .C_Decrypt = C_Decrypt,
    .C_DecryptUpdate = C_DecryptUpdate,
    .C_DecryptFinal = C_DecryptFinal,
    .C_DigestInit = C_DigestInit,
    .C_Digest = C_Digest,
    .C_DigestUpdate = C_DigestUpdate,
    .C_DigestKey = C_DigestKey,
    .C_DigestFinal = C_DigestFinal,
    .C_SignInit = C_SignInit,
    .C_Sign = C_Sign,
    .C_SignUpdate = C_SignUpdate,
    .C_SignFinal = C_SignFinal,
    .C_SignRecoverInit = C_SignRecoverInit,
    .C_SignRecover = C_SignRecover,
    .C_VerifyInit = C_VerifyInit,
    .C_Verify = C_Verify,
    .C_VerifyUpdate = C_VerifyUpdate,
    .C_VerifyFinal = C_VerifyFinal,
    .C_VerifyRecoverInit = C_VerifyRecoverInit,
    .C_VerifyRecover = C_VerifyRecover,
    .C_DigestEncryptUpdate = C_DigestEncryptUpdate,
    .C_DecryptDigestUpdate = C_DecryptDigestUpdate,
    .C_SignEncryptUpdate = C_SignEncryptUpdate,
    .C_DecryptVerifyUpdate = C_DecryptVerifyUpdate,
    .C_GenerateKey = C_GenerateKey,
    .C_GenerateKeyPair = C_GenerateKeyPair,
    .C_WrapKey = C_WrapKey,
    .C_UnwrapKey = C_UnwrapKey,
    .C_DeriveKey = C_DeriveKey,
    .C_SeedRandom = C_SeedRandom,
    .C_GenerateRandom = C_GenerateRandom,
    .C_GetFunctionStatus = C_GetFunctionStatus,
    .C_CancelFunction = C_CancelFunction,
    .C_WaitForSlotEvent = C_WaitForSlotEvent,
};

/* Never unloaded again: the program may still hold what it gave out. */
static CK_FUNCTION_LIST *load_from(const char *path)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = handle == NULL ? NULL : dlsym(handle, "C_GetFunctionList");
    CK_C_GetFunctionList get_list;
    CK_FUNCTION_LIST *list = NULL;

    if (symbol == NULL)
        return NULL;
    memcpy(&get_list, &symbol, sizeof(get_list));
    return get_list(&list) == CKR_OK ? list : NULL;
}

static bool load_real(void)
{
    static const char *const usual[] = {
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib64/softhsm/libsofthsm2.so",
        "/usr/lib64/pkcs11/libsofthsm2.so",
        "/usr/local/lib/softhsm/libsofthsm2.so",
        "libsofthsm2.so",
    };
    const char *path = wrap_config.module;

    if (wrap_real != NULL && strcmp(loaded, path) == 0)
        return true;
    wrap_real = *path != '\0' ? load_from(path) : NULL;
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        if (*path == '\0' && wrap_real == NULL)
            wrap_real = load_from(usual[i]);
    }
    if (wrap_real == NULL)
        fprintf(stderr, "p11-wrap: cannot load %s\n",
                *path != '\0' ? path : "SoftHSM");
    memcpy(loaded, path, sizeof(loaded));
    return wrap_real != NULL;
}

static bool setup_once(void)
{
    if (atomic_load(&initialised))
        return true;
    if (!wrap_config_read(&wrap_config) || !load_real())
        return false;
    call_reset();
    pin_forget();
    return true;
}

/*
 * The lock is not held over calls of the real module: one that uses OpenSSL
 * may come back to us.
 */
static bool setup(void)
{
    bool ok;

    pthread_mutex_lock(&setup_lock);
    ok = setup_once();
    pthread_mutex_unlock(&setup_lock);
    return ok;
}

__attribute__((visibility("default"))) CK_RV
C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    if (!setup())
        return CKR_GENERAL_ERROR;
    call_log(__func__);
    *list = &functions;
    return CKR_OK;
}

CK_RV C_Initialize(void *args)
{
    struct call c = {.rv = CKR_GENERAL_ERROR, .spoil = FAULT_NONE};

    if (setup())
        c = call_start(__func__);
    if (c.rv == CKR_OK)
        c.rv = wrap_real->C_Initialize(args);
    if (c.rv == CKR_OK)
        atomic_store(&initialised, true);
    return call_end(&c);
}

CK_RV C_Finalize(void *reserved)
{
    struct call c = call_start(__func__);

    if (c.rv == CKR_OK)
        c.rv = wrap_real->C_Finalize(reserved);
    if (c.rv == CKR_OK)
        atomic_store(&initialised, false);
    return call_end(&c);
}

CK_RV C_GetInfo(CK_INFO *info)
{
    struct call c = call_start(__func__);

    if (c.rv == CKR_OK)
        c.rv = wrap_real->C_GetInfo(info);
    return call_end_object(&c, info, sizeof(*info));
}
