/*
 * PKCS#11 modules of this process. libp11 loads, initialises and finalises
 * them. Slots, sessions and objects are asked for by the module's own
 * functions: libp11 0.4.12 closes all sessions of a slot when its list of slots
 * is freed, keeps the PIN and repeats it in a forked child, and reads every
 * object of a token to find one.
 */
#define _DEFAULT_SOURCE /* usleep */
#include "card/pkcs11/p11.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libp11.h>
#include <openssl/err.h>

enum { LOAD_TRIES = 4, LOAD_PAUSE_US = 50000 };

struct p11_module {
    struct p11_module *next;
    unsigned refs; /* guarded by the registry's lock, as next is */
    char *path, *args;
    struct lock lock; /* guards what follows */
    PKCS11_CTX *ctx;  /* libp11's; a forked child keeps its parent's */
    CK_FUNCTION_LIST *f;
    p11_decapsulate_fn *decapsulate; /* NULL: it is older than v3.2 */
    atomic_ulong starts; /* how often we initialised it */
    bool initialised; /* in this process, as far as is known */
    bool foreign;     /* somebody else had initialised it */
};

/*
 * A module is initialised for a whole process, whatever contexts use it: so
 * this, unlike all else, belongs to none.
 */
static struct {
    pthread_once_t once;
    struct lock lock;
    bool usable; /* the lock */
    struct p11_module *modules;
} registry = {.once = PTHREAD_ONCE_INIT};

static void init_registry(void)
{
    registry.usable = lock_init(&registry.lock) == 0 && p11_gate_init();
}

/* ---- counting ------------------------------------------------------------ */

static void free_module(struct p11_module *m)
{
    if (m == NULL)
        return;
    free(m->path);
    free(m->args);
    free(m);
}

static struct p11_module *new_module(const char *path, const char *args)
{
    struct p11_module *m = calloc(1, sizeof(*m));

    if (m == NULL)
        return NULL;
    m->refs = 1;
    m->path = strdup(path);
    m->args = args != NULL ? strdup(args) : NULL;
    if (m->path == NULL || (args != NULL && m->args == NULL) ||
        lock_init(&m->lock) < 0) {
        free_module(m);
        return NULL;
    }
    return m;
}

int p11_module_get(const char *path, const char *args,
                   struct p11_module **out)
{
    struct p11_module *m;

    if (pthread_once(&registry.once, init_registry) != 0 || !registry.usable)
        return card_fail(CARD_E_MEMORY, "out of memory");
    lock_take(&registry.lock);
    for (m = registry.modules; m != NULL; m = m->next)
        if (strcmp(m->path, path) == 0)
            break;
    if (m != NULL) {
        m->refs++;
    } else if ((m = new_module(path, args)) != NULL) {
        m->next = registry.modules;
        registry.modules = m;
    }
    lock_release(&registry.lock);
    *out = m;
    return m != NULL ? 0 : card_fail(CARD_E_MEMORY, "out of memory");
}

struct p11_module *p11_module_ref(struct p11_module *module)
{
    lock_take(&registry.lock);
    module->refs++;
    lock_release(&registry.lock);
    return module;
}

/*
 * What is a parent's, another program's, or too late to end is left alone, for
 * whoever comes next.
 */
static bool finalise(struct p11_module *m)
{
    bool inside = p11_enter() == 0;
    bool child = lock_take(&m->lock);
    bool done = m->ctx == NULL;

    if (!done && !child && !m->foreign && inside) {
        ERR_set_mark();
        PKCS11_CTX_unload(m->ctx);
        PKCS11_CTX_free(m->ctx);
        ERR_pop_to_mark();
        m->f->C_Finalize(NULL); /* done, but where our list has its own state */
        done = true;
    }
    lock_release(&m->lock);
    if (inside)
        p11_leave();
    return done;
}

static void drop(struct p11_module *module)
{
    for (struct p11_module **p = &registry.modules; *p != NULL;
         p = &(*p)->next)
        if (*p == module) {
            *p = module->next;
            break;
        }
    lock_destroy(&module->lock);
    free_module(module);
}

void p11_module_put(struct p11_module *module)
{
    if (module == NULL)
        return;
    lock_take(&registry.lock);
    if (--module->refs == 0 && finalise(module))
        drop(module);
    lock_release(&registry.lock);
}

/* ---- loading ------------------------------------------------------------- */

/* Those we call: a list with a hole is no PKCS#11 module. */
static bool is_complete(const CK_FUNCTION_LIST *f)
{
    return f != NULL && f->C_Initialize != NULL && f->C_Finalize != NULL &&
           f->C_GetInfo != NULL && f->C_GetSlotList != NULL &&
           f->C_GetSlotInfo != NULL && f->C_GetTokenInfo != NULL &&
           f->C_GetMechanismList != NULL && f->C_OpenSession != NULL &&
           f->C_CloseSession != NULL && f->C_GetSessionInfo != NULL &&
           f->C_Login != NULL && f->C_FindObjectsInit != NULL &&
           f->C_FindObjects != NULL && f->C_FindObjectsFinal != NULL &&
           f->C_GetAttributeValue != NULL && f->C_SignInit != NULL &&
           f->C_Sign != NULL && f->C_DecryptInit != NULL &&
           f->C_Decrypt != NULL && f->C_DeriveKey != NULL &&
           f->C_DestroyObject != NULL && f->C_GenerateKeyPair != NULL;
}

/*
 * What C_GetInterface gives (v3.0, v3.2). Defined here because older headers
 * lack it, and p11-kit's declares C_DecapsulateKey with a pointer to the
 * length where the standard has the length itself.
 */
struct interface {
    CK_UTF8CHAR *name;
    void *functions;
    CK_FLAGS flags;
};

struct functions_3_2 {
    CK_FUNCTION_LIST v2_40;
    void (*v3_0[24])(void); /* C_GetInterfaceList to C_MessageVerifyFinal */
    void (*encapsulate)(void);
    p11_decapsulate_fn *decapsulate;
};

static p11_decapsulate_fn *find_decapsulate(void *handle)
{
    CK_RV (*get)(CK_UTF8CHAR *, CK_VERSION *, struct interface **, CK_FLAGS);
    CK_UTF8CHAR name[] = "PKCS 11";
    CK_VERSION version = {3, 2};
    struct interface *found = NULL;
    const struct functions_3_2 *list;
    void *symbol = dlsym(handle, "C_GetInterface");

    memcpy(&get, &symbol, sizeof(get)); /* ISO C knows no such cast */
    if (get == NULL || get(name, &version, &found, 0) != CKR_OK ||
        found == NULL || (list = found->functions) == NULL ||
        list->v2_40.version.major != version.major ||
        list->v2_40.version.minor < version.minor)
        return NULL;
    return list->decapsulate;
}

/*
 * Never closed: code of the module may run until the process ends. Opened
 * before libp11 does, which would write to stderr, and without RTLD_DEEPBIND,
 * which breaks programs with a malloc of their own.
 */
static int find_functions(struct p11_module *m)
{
    CK_RV (*get)(CK_FUNCTION_LIST **) = NULL;
    CK_FUNCTION_LIST *list = NULL;
    void *handle, *symbol;

    if (m->path[0] != '/')
        return card_fail(CARD_E_CONFIG, "PKCS#11 module %s: the path is not "
                         "absolute", m->path);
    if ((handle = dlopen(m->path, RTLD_NOW | RTLD_LOCAL)) == NULL)
        return card_fail(CARD_E_CONFIG, "%s", dlerror());
    symbol = dlsym(handle, "C_GetFunctionList");
    memcpy(&get, &symbol, sizeof(get));
    if (get == NULL || get(&list) != CKR_OK || !is_complete(list)) {
        dlclose(handle);
        return card_fail(CARD_E_CONFIG, "%s is no PKCS#11 module", m->path);
    }
    m->f = list;
    m->decapsulate = find_decapsulate(handle);
    return 0;
}

/*
 * By our own list of functions first, which tells whether somebody else has
 * done it, and why not: and some modules, p11-kit's client for one, give each
 * who asks a list with a state of its own. Some that stand for a service refuse
 * when many connect at a time.
 */
static CK_RV initialise(const struct p11_module *m)
{
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK,
                                 .pReserved = m->args};
    CK_RV rv = CKR_OK;

    for (int tries = 0; tries < LOAD_TRIES; tries++) {
        if (tries > 0)
            usleep((useconds_t)(LOAD_PAUSE_US << tries));
        rv = m->f->C_Initialize(&args);
        if (rv == CKR_OK || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED)
            break;
    }
    return rv;
}

/* libp11's hold on the module, which its unloading ends. */
static PKCS11_CTX *new_context(const struct p11_module *m)
{
    PKCS11_CTX *ctx = PKCS11_CTX_new();

    if (ctx == NULL)
        return NULL;
    PKCS11_CTX_init_args(ctx, m->args);
    if (PKCS11_CTX_load(ctx, m->path) == 0)
        return ctx;
    PKCS11_CTX_free(ctx);
    return NULL;
}

/*
 * With the module's lock held. In a forked child it is known from the parent
 * whose the module is.
 */
static int load(struct p11_module *m, bool child)
{
    bool first = m->ctx == NULL;
    CK_RV rv;
    int rc = 0;

    if (m->f == NULL && (rc = find_functions(m)) < 0)
        return rc;
    rv = initialise(m);
    if (rv != CKR_OK && rv != CKR_CRYPTOKI_ALREADY_INITIALIZED) {
        p11_error(rv, "C_Initialize");
        return card_fail_in(CARD_E_NO_SERVICE, "%s", m->path);
    }
    if (!child)
        m->foreign = rv == CKR_CRYPTOKI_ALREADY_INITIALIZED;
    atomic_fetch_add(&m->starts, 1);
    ERR_set_mark(); /* what libp11 finds wrong is said in our words */
    if (m->ctx == NULL && (m->ctx = new_context(m)) == NULL)
        rc = card_fail(CARD_E_NO_SERVICE, "%s does not load", m->path);
    ERR_pop_to_mark();
    m->initialised = rc == 0;
    /* Before what the module has registered for the end until now. */
    if (first)
        atexit(p11_end);
    return rc;
}

static bool is_initialised(CK_FUNCTION_LIST *f)
{
    CK_INFO info;

    return f->C_GetInfo(&info) == CKR_OK;
}

int p11_module_functions(struct p11_module *module, CK_RV rv,
                         CK_FUNCTION_LIST **out)
{
    bool child;
    int rc;

    if ((rc = p11_enter()) < 0)
        return rc;
    /*
     * What was initialised is not so in a forked child. Of several threads that
     * find the module finalised the first puts it right.
     */
    child = lock_take(&module->lock);
    if (child || (rv == CKR_CRYPTOKI_NOT_INITIALIZED && module->initialised &&
                  !is_initialised(module->f)))
        module->initialised = false;
    if (!module->initialised)
        rc = load(module, child);
    *out = module->f;
    lock_release(&module->lock);
    p11_leave();
    return rc;
}

unsigned long p11_module_starts(const struct p11_module *module)
{
    return atomic_load(&module->starts);
}

p11_decapsulate_fn *p11_module_decapsulate(const struct p11_module *module)
{
    return module->decapsulate;
}

/* ---- words --------------------------------------------------------------- */

void p11_text(const unsigned char *field, size_t len, char *out, size_t cap)
{
    size_t n = 0;

    while (len > 0 && (field[len - 1] == ' ' || field[len - 1] == '\0'))
        len--;
    for (; n < len && n + 1 < cap; n++)
        out[n] = (char)(field[n] < ' ' || field[n] == 0x7F ? '?' : field[n]);
    out[n] = '\0';
}

const char *p11_module_name(const struct p11_module *module)
{
    const char *slash = strrchr(module->path, '/');

    return slash != NULL ? slash + 1 : module->path;
}

int p11_module_library(struct p11_module *module, struct p11_library *out)
{
    CK_FUNCTION_LIST *f;
    CK_INFO info;
    CK_RV rv;
    int rc;

    memset(&info, 0, sizeof(info));
    if ((rc = p11_enter()) < 0)
        return rc;
    if ((rc = p11_module_functions(module, CKR_OK, &f)) == 0 &&
        (rv = f->C_GetInfo(&info)) != CKR_OK)
        rc = p11_error(rv, "C_GetInfo");
    p11_leave();
    if (rc < 0)
        return rc;
    p11_text(info.libraryDescription, sizeof(info.libraryDescription),
             out->description, sizeof(out->description));
    p11_text(info.manufacturerID, sizeof(info.manufacturerID),
             out->manufacturer, sizeof(out->manufacturer));
    out->major = info.libraryVersion.major;
    out->minor = info.libraryVersion.minor;
    return 0;
}

void p11_identity_of(const CK_TOKEN_INFO *info, struct p11_identity *out)
{
    p11_text(info->label, sizeof(info->label), out->label, sizeof(out->label));
    p11_text(info->manufacturerID, sizeof(info->manufacturerID),
             out->manufacturer, sizeof(out->manufacturer));
    p11_text(info->model, sizeof(info->model), out->model, sizeof(out->model));
    p11_text(info->serialNumber, sizeof(info->serialNumber), out->serial,
             sizeof(out->serial));
}

bool p11_identity_equal(const struct p11_identity *a,
                        const struct p11_identity *b)
{
    return strcmp(a->label, b->label) == 0 &&
           strcmp(a->manufacturer, b->manufacturer) == 0 &&
           strcmp(a->model, b->model) == 0 &&
           strcmp(a->serial, b->serial) == 0;
}

/* ---- slots --------------------------------------------------------------- */

/* Asked for the number first: only then do modules look for new slots. */
static CK_RV list_ids(CK_FUNCTION_LIST *f, CK_SLOT_ID *ids, CK_ULONG *count)
{
    CK_ULONG number = 0;
    CK_RV rv = f->C_GetSlotList(CK_TRUE, NULL, &number);

    if (rv != CKR_OK)
        return rv;
    *count = P11_MAX_SLOTS;
    return f->C_GetSlotList(CK_TRUE, ids, count);
}

static void add_slot(CK_FUNCTION_LIST *f, CK_SLOT_ID id,
                     struct p11_slot_list *out)
{
    struct p11_slot_entry *entry = &out->entries[out->count];
    CK_TOKEN_INFO info;

    memset(&info, 0, sizeof(info));
    if (f->C_GetTokenInfo(id, &info) != CKR_OK ||
        (info.flags & CKF_TOKEN_INITIALIZED) == 0)
        return;
    entry->id = id;
    entry->flags = info.flags;
    entry->max_pin = info.ulMaxPinLen;
    entry->min_pin = info.ulMinPinLen;
    p11_identity_of(&info, &entry->token);
    out->count++;
}

static int list_slots(struct p11_module *module, struct p11_slot_list *out)
{
    CK_SLOT_ID ids[P11_MAX_SLOTS] = {0};
    CK_FUNCTION_LIST *f;
    CK_ULONG count = 0;
    CK_RV rv;
    int rc;

    out->count = 0;
    if ((rc = p11_module_functions(module, CKR_OK, &f)) < 0)
        return rc;
    rv = list_ids(f, ids, &count);
    if (rv == CKR_CRYPTOKI_NOT_INITIALIZED) {
        if ((rc = p11_module_functions(module, rv, &f)) < 0)
            return rc;
        rv = list_ids(f, ids, &count);
    }
    if (rv != CKR_OK)
        return p11_error(rv, "C_GetSlotList");
    if (count > P11_MAX_SLOTS)
        return card_fail(CARD_E_PROTOCOL, "%s: %lu slots",
                         p11_module_name(module), count);
    for (CK_ULONG i = 0; i < count; i++)
        add_slot(f, ids[i], out);
    return 0;
}

int p11_module_slots(struct p11_module *module, struct p11_slot_list *out)
{
    int rc = p11_enter();

    if (rc < 0)
        return rc;
    rc = list_slots(module, out);
    p11_leave();
    return rc;
}

int p11_module_slot_words(struct p11_module *module, unsigned long id,
                          char description[65], char manufacturer[33])
{
    CK_FUNCTION_LIST *f;
    CK_SLOT_INFO info;
    CK_RV rv;
    int rc;

    memset(&info, 0, sizeof(info));
    if ((rc = p11_enter()) < 0)
        return rc;
    if ((rc = p11_module_functions(module, CKR_OK, &f)) == 0 &&
        (rv = f->C_GetSlotInfo(id, &info)) != CKR_OK)
        rc = p11_error(rv, "C_GetSlotInfo");
    p11_leave();
    if (rc < 0)
        return rc;
    p11_text(info.slotDescription, sizeof(info.slotDescription), description,
             65);
    p11_text(info.manufacturerID, sizeof(info.manufacturerID), manufacturer,
             33);
    return 0;
}
