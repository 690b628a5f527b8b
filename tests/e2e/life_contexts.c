/*
 * p11_life contexts TIMES URI PUBLIC: two library contexts with a provider
 * each; one comes and goes while the other signs.
 *
 * p11_life module-first MODULE URI PUBLIC: the program has initialised the
 * module itself, and has a session, before a context of ours uses it and goes.
 *
 * p11_life unload TIMES URI PUBLIC: keys outlive their provider. The URI has
 * the PIN, and PKCS11_PROVIDER_MODULE names the module.
 */
#include "tests/e2e/life.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/provider.h>
#include <p11-kit/pkcs11.h>

/* ---- two contexts -------------------------------------------------------- */

static atomic_bool over, wrong;

static void *keep_signing(void *arg)
{
    for (unsigned long i = 0; !atomic_load(&over); i++)
        if (!life_sign_and_verify(arg, i))
            atomic_store(&wrong, true);
    return NULL;
}

static bool come_and_go(char **argv)
{
    struct life_key key;
    OSSL_LIB_CTX *libctx = life_context();
    bool ok = life_load(&key, libctx, argv[1], argv[2])
              && life_sign_and_verify(&key, 1);

    life_free(&key);
    OSSL_LIB_CTX_free(libctx);
    return ok;
}

static bool contexts(int argc, char **argv)
{
    unsigned long times = strtoul(argv[0], NULL, 10);
    OSSL_LIB_CTX *libctx = life_context();
    struct life_key key;
    pthread_t signer;
    bool ok = life_load(&key, libctx, argv[1], argv[2]);

    (void)argc;
    if (!ok || pthread_create(&signer, NULL, keep_signing, &key) != 0)
        return false;
    for (unsigned long i = 0; ok && i < times; i++)
        ok = come_and_go(argv);
    atomic_store(&over, true);
    pthread_join(signer, NULL);
    ok = ok && !atomic_load(&wrong) && life_sign_and_verify(&key, 2);
    life_free(&key);
    OSSL_LIB_CTX_free(libctx);
    return ok;
}

/* ---- the program's own use of the module --------------------------------- */

static CK_FUNCTION_LIST *functions_of(const char *path)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = handle == NULL ? NULL : dlsym(handle, "C_GetFunctionList");
    CK_C_GetFunctionList get;
    CK_FUNCTION_LIST *f = NULL;

    if (symbol == NULL)
        return NULL;
    memcpy(&get, &symbol, sizeof(get));
    return get(&f) == CKR_OK ? f : NULL;
}

static bool has_session(const CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session)
{
    CK_SESSION_INFO info;

    return f->C_GetSessionInfo(session, &info) == CKR_OK
           || life_failed("the program's own session is gone");
}

static bool module_first(int argc, char **argv)
{
    CK_FUNCTION_LIST *f = functions_of(argv[0]);
    CK_C_INITIALIZE_ARGS locking = {.flags = CKF_OS_LOCKING_OK};
    CK_SESSION_HANDLE session;
    CK_SLOT_ID slots[16];
    CK_ULONG count = 16;

    (void)argc;
    if (f == NULL || f->C_Initialize(&locking) != CKR_OK
        || f->C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK || count == 0
        || f->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &session)
               != CKR_OK)
        return life_failed("no session of the program's own");
    for (int i = 0; i < 3; i++)
        if (!come_and_go(argv) || !has_session(f, session))
            return false;
    return f->C_Finalize(NULL) == CKR_OK;
}

/* ---- a provider that goes before its keys -------------------------------- */

/* OpenSSL may refuse the use; it must end well. */
static void use_late(const struct life_key *key)
{
    unsigned char sig[LIFE_SIG_MAX];
    size_t len = life_sign(key, 3, sig);

    if (len > 0 && !life_verify(key, 3, sig, len))
        atomic_store(&wrong, true);
    ERR_clear_error();
}

static bool unload_once(char **argv, OSSL_LIB_CTX *libctx)
{
    OSSL_PROVIDER *provider = OSSL_PROVIDER_load(libctx, "tessera");
    struct life_key key = {.private = NULL};
    bool ok = provider != NULL && life_load(&key, libctx, argv[1], argv[2])
              && life_sign_and_verify(&key, 1);

    if (provider != NULL && OSSL_PROVIDER_unload(provider) != 1)
        ok = life_failed("the provider does not go");
    if (ok)
        use_late(&key);
    life_free(&key);
    return ok && !atomic_load(&wrong);
}

static bool unload(int argc, char **argv)
{
    unsigned long times = strtoul(argv[0], NULL, 10);
    OSSL_LIB_CTX *libctx = OSSL_LIB_CTX_new();
    OSSL_PROVIDER *base = OSSL_PROVIDER_load(libctx, "default");
    bool ok = base != NULL;

    (void)argc;
    for (unsigned long i = 0; ok && i < times; i++)
        ok = unload_once(argv, libctx);
    OSSL_PROVIDER_unload(base);
    OSSL_LIB_CTX_free(libctx);
    return ok;
}

const struct life_command life_context_commands[] = {
    {"contexts",     3, contexts    },
    {"module-first", 3, module_first},
    {"unload",       3, unload      },
    {NULL,           0, NULL        },
};
