/*
 * p11_raw MODULE TOKEN PIN make KIND COUNT: make keys on a token, with ids
 *     0001, 0002, ... and public objects; KIND is rsa (2048 bits) or ec
 * (P-256). p11_raw MODULE TOKEN PIN count KIND ID COUNT: sign so often with key
 * ID. p11_raw MODULE TOKEN PIN rate KIND ID THREADS MS: print signatures a
 * second, each thread on a session of its own.
 *
 * The least that a signature can cost: C_SignInit and C_Sign of a finished
 * hash. What a program costs over EVP is compared with it.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <p11-kit/pkcs11.h>

#include "tests/bench/p11_rate.h"

struct token {
    CK_FUNCTION_LIST *f;
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE session;
};

struct worker {
    CK_FUNCTION_LIST *f;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    bool rsa;
};

static CK_BBOOL yes = CK_TRUE;

/* ---- The token ----------------------------------------------------------- */

static CK_FUNCTION_LIST *load(const char *path)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = handle == NULL ? NULL : dlsym(handle, "C_GetFunctionList");
    CK_C_GetFunctionList get_list;
    CK_FUNCTION_LIST *list;

    if (symbol == NULL)
        return NULL;
    memcpy(&get_list, &symbol, sizeof(get_list));
    return get_list(&list) == CKR_OK ? list : NULL;
}

static bool has_label(const CK_TOKEN_INFO *info, const char *label)
{
    size_t len = strlen(label);

    return len <= sizeof(info->label) && memcmp(info->label, label, len) == 0
           && (len == sizeof(info->label) || info->label[len] == ' ');
}

static bool find_token(struct token *t, const char *label)
{
    CK_SLOT_ID slots[16];
    CK_ULONG count = sizeof(slots) / sizeof(slots[0]);
    CK_TOKEN_INFO info;

    if (t->f->C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK)
        return false;
    for (CK_ULONG i = 0; i < count; i++) {
        t->slot = slots[i];
        if (t->f->C_GetTokenInfo(t->slot, &info) == CKR_OK
            && has_label(&info, label))
            return true;
    }
    return false;
}

static bool open_session(struct token *t, CK_FLAGS flags,
                         CK_SESSION_HANDLE *session)
{
    return t->f->C_OpenSession(t->slot, CKF_SERIAL_SESSION | flags, NULL, NULL,
                               session)
           == CKR_OK;
}

static bool open_token(struct token *t, char **argv)
{
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
    CK_FLAGS flags = strcmp(argv[4], "make") == 0 ? CKF_RW_SESSION : 0;

    return (t->f = load(argv[1])) != NULL && t->f->C_Initialize(&args) == CKR_OK
           && find_token(t, argv[2]) && open_session(t, flags, &t->session)
           && t->f->C_Login(t->session, CKU_USER, (CK_BYTE *)argv[3],
                            strlen(argv[3]))
                  == CKR_OK;
}

/* ---- Making keys --------------------------------------------------------- */

static bool make_key(struct token *t, bool rsa, unsigned long number)
{
    static CK_BYTE p256[] = {
        0x06, 0x08, 0x2A, 0x86, 0x48,
        0xCE, 0x3D, 0x03, 0x01, 0x07}; /* OID 1.2.840.10045.3.1.7 */
    CK_ULONG bits = 2048;
    CK_BYTE id[2] = {(CK_BYTE)(number >> 8), (CK_BYTE)number};
    char label[16];
    int len = snprintf(label, sizeof(label), "key-%lu", number);
    CK_ATTRIBUTE public_template[] = {
        {CKA_TOKEN,  &yes,  sizeof(yes)  },
        {CKA_VERIFY, &yes,  sizeof(yes)  },
        {CKA_ID,     id,    sizeof(id)   },
        {CKA_LABEL,  label, (CK_ULONG)len},
        {0,          NULL,  0            },
    };
    CK_ATTRIBUTE private_template[] = {
        {CKA_TOKEN,     &yes,  sizeof(yes)  },
        {CKA_PRIVATE,   &yes,  sizeof(yes)  },
        {CKA_SENSITIVE, &yes,  sizeof(yes)  },
        {CKA_SIGN,      &yes,  sizeof(yes)  },
        {CKA_ID,        id,    sizeof(id)   },
        {CKA_LABEL,     label, (CK_ULONG)len},
    };
    CK_MECHANISM mechanism = {.mechanism = rsa ? CKM_RSA_PKCS_KEY_PAIR_GEN
                                               : CKM_EC_KEY_PAIR_GEN};
    CK_OBJECT_HANDLE public_key, private_key;

    public_template[4] =
        rsa ? (CK_ATTRIBUTE){CKA_MODULUS_BITS, &bits, sizeof(bits)}
            : (CK_ATTRIBUTE){CKA_EC_PARAMS, p256, sizeof(p256)};
    return t->f->C_GenerateKeyPair(t->session, &mechanism, public_template, 5,
                                   private_template, 6, &public_key,
                                   &private_key)
           == CKR_OK;
}

static bool make(struct token *t, bool rsa, unsigned long count)
{
    bool ok = true;

    for (unsigned long i = 1; ok && i <= count; i++)
        ok = make_key(t, rsa, i);
    return ok;
}

/* ---- Signing ------------------------------------------------------------- */

static bool find_key(struct token *t, unsigned long number,
                     CK_OBJECT_HANDLE *key)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_BYTE id[2] = {(CK_BYTE)(number >> 8), (CK_BYTE)number};
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &class, sizeof(class)},
        {CKA_ID,    id,     sizeof(id)   },
    };
    CK_ULONG found = 0;

    return t->f->C_FindObjectsInit(t->session, template, 2) == CKR_OK
           && t->f->C_FindObjects(t->session, key, 1, &found) == CKR_OK
           && t->f->C_FindObjectsFinal(t->session) == CKR_OK && found == 1;
}

static bool sign(void *arg)
{
    /* DigestInfo of a SHA-256 hash (RFC 8017, 9.2): the hash is of zeros */
    static CK_BYTE digest_info[51] = {0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60,
                                      0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
                                      0x01, 0x05, 0x00, 0x04, 0x20};
    struct worker *w = arg;
    CK_MECHANISM mechanism = {.mechanism = w->rsa ? CKM_RSA_PKCS : CKM_ECDSA};
    CK_BYTE *in = w->rsa ? digest_info : digest_info + 19;
    CK_BYTE signature[512];
    CK_ULONG len = sizeof(signature);

    return w->f->C_SignInit(w->session, &mechanism, w->key) == CKR_OK
           && w->f->C_Sign(w->session, in, w->rsa ? 51 : 32, signature, &len)
                  == CKR_OK;
}

static bool count(struct worker *w, unsigned long n)
{
    bool ok = true;

    while (ok && n-- > 0)
        ok = sign(w);
    return ok;
}

static bool measure_rate(struct token *t, const struct worker *one,
                         size_t threads, unsigned long ms)
{
    struct worker workers[RATE_MAX_THREADS];
    double result;

    if (threads > RATE_MAX_THREADS)
        return false;
    for (size_t i = 0; i < threads; i++) {
        workers[i] = *one;
        if (!open_session(t, 0, &workers[i].session))
            return false;
    }
    result = rate(threads, ms, sign, workers, sizeof(workers[0]));
    printf("%.1f\n", result);
    return result >= 0;
}

static bool number(const char *s, unsigned long *n)
{
    char *end;

    *n = strtoul(s, &end, 10);
    return end != s && *end == '\0';
}

static bool act(struct token *t, int argc, char **argv)
{
    bool rsa = strcmp(argv[5], "rsa") == 0;
    struct worker w = {.f = t->f, .session = t->session, .rsa = rsa};
    unsigned long first, second, third = 0;

    if (!number(argv[6], &first))
        return false;
    if (strcmp(argv[4], "make") == 0)
        return make(t, rsa, first);
    if (argc < 8 || !number(argv[7], &second) || !find_key(t, first, &w.key))
        return false;
    if (strcmp(argv[4], "count") == 0)
        return count(&w, second);
    return argc == 9 && number(argv[8], &third)
           && measure_rate(t, &w, second, third);
}

int main(int argc, char **argv)
{
    struct token t;

    if (argc < 7 || !open_token(&t, argv) || !act(&t, argc, argv)) {
        fprintf(stderr, "p11_raw: usage, or the token does not answer\n");
        return 1;
    }
    t.f->C_Finalize(NULL);
    return 0;
}
