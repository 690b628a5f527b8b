/*
 * Inside the PKCS#11 driver: modules, sessions and objects with Cryptoki's
 * types. Included by card/pkcs11/ *.c only.
 */
#ifndef CARD_PKCS11_P11_H
#define CARD_PKCS11_P11_H

#include <stdatomic.h>

#include <p11-kit/pkcs11.h>

#include "card/base/lock.h"
#include "card/driver/driver.h"
#include "card/pkcs11/slot.h"

/* PKCS#11 v3.0, where the header is older. */
#ifndef CKM_EC_MONTGOMERY_KEY_PAIR_GEN
#define CKM_EC_MONTGOMERY_KEY_PAIR_GEN 0x1056UL
#endif
/* v3.2 */
#ifndef CKK_ML_DSA
#define CKK_ML_KEM 0x49UL
#define CKK_ML_DSA 0x4AUL
#define CKA_PARAMETER_SET 0x61DUL
#define CKA_ENCAPSULATE 0x633UL
#define CKA_DECAPSULATE 0x634UL
#define CKM_ML_KEM_KEY_PAIR_GEN 0xFUL
#define CKM_ML_KEM 0x17UL
#define CKM_ML_DSA_KEY_PAIR_GEN 0x1CUL
#define CKM_ML_DSA 0x1DUL
#define CKP_ML_DSA_44 1UL
#define CKP_ML_DSA_65 2UL
#define CKP_ML_DSA_87 3UL
#define CKP_ML_KEM_512 1UL
#define CKP_ML_KEM_768 2UL
#define CKP_ML_KEM_1024 3UL
#endif

enum {
    P11_MAX_IDLE = 64, /* sessions kept open while nobody uses them */
    P11_MAX_MECHANISMS = 1024
};

/* ---- gate.c: whoever calls a module is inside ---------------------------- */

/*
 * From enter to leave, by the same thread; they nest. A fork by another thread
 * waits for those inside, 2 s at most, and keeps others out meanwhile: so enter
 * before the lock of a slot or a module is taken, and never wait for a person
 * inside. CARD_E_NO_SERVICE: the process is ending, no module is called.
 */
int p11_enter(void);
void p11_leave(void);
/* False: no memory. */
bool p11_gate_init(void);
/* For atexit: lets nobody in any more, and waits for those inside. */
void p11_end(void);

/* ---- module.c ------------------------------------------------------------ */

/*
 * The functions of an initialised module; a forked child initialises it anew
 * at its first call, and so does whoever finds it finalised by others (`rv` of
 * the call before, else CKR_OK). CARD_E_CONFIG, CARD_E_NO_SERVICE.
 */
int p11_module_functions(struct p11_module *module, CK_RV rv,
                         CK_FUNCTION_LIST **out);
struct p11_module *p11_module_ref(struct p11_module *module);
/* How often this process initialised it: nothing outlives that. */
unsigned long p11_module_starts(const struct p11_module *module);
/* C_DecapsulateKey of v3.2. */
typedef CK_RV p11_decapsulate_fn(CK_SESSION_HANDLE session,
                                 CK_MECHANISM *mechanism,
                                 CK_OBJECT_HANDLE private,
                                 CK_ATTRIBUTE *template, CK_ULONG count,
                                 CK_BYTE *ciphertext, CK_ULONG ciphertext_len,
                                 CK_OBJECT_HANDLE *secret);
/* That of a module in use; NULL: it has none. */
p11_decapsulate_fn *p11_module_decapsulate(const struct p11_module *module);
/* A field padded with blanks, as text: control characters become '?'. */
void p11_text(const unsigned char *field, size_t len, char *out, size_t cap);
void p11_identity_of(const CK_TOKEN_INFO *info, struct p11_identity *out);
bool p11_identity_equal(const struct p11_identity *a,
                        const struct p11_identity *b);

/* ---- error.c ------------------------------------------------------------- */

/*
 * enum card_error for what a function returned, with the sentence "C_Sign:
 * CKR_DEVICE_ERROR (0x30)"; CKR_OK is 0.
 */
int p11_error(CK_RV rv, const char *function);

/* ---- slot.c: one token and its sessions ---------------------------------- */

/*
 * Sessions are used by one thread at a time and kept for the next. Their
 * number `generation` says which of them, and which object handles, are still
 * good: whatever loses sessions counts it up.
 */
struct p11_slot {
    struct p11_module *module;
    struct p11_identity token;
    CK_FUNCTION_LIST *f;      /* once connected */
    struct lock lock;         /* guards what follows */
    pthread_cond_t returned;  /* a session was */
    CK_SLOT_ID id;
    CK_SESSION_HANDLE idle[P11_MAX_IDLE];
    size_t idle_count;
    size_t out_count;         /* in use, of whatever generation */
    int64_t checked;          /* ms: the token was there then; 0: look */
    atomic_ulong generation;
    unsigned long begun;      /* the generation whose token was looked at */
    unsigned long start;      /* of the module, that the sessions are of */
    atomic_bool logged_in;
    atomic_ulong lost;        /* CK_RV: why, for the module to know */
    unsigned long flags;      /* CK_TOKEN_INFO, when it was read last */
    unsigned long min_pin, max_pin;
    int login_lock;           /* descriptor of the lock file, or -1 */
};

struct p11_session {
    CK_FUNCTION_LIST *f;
    CK_SESSION_HANDLE handle;
    unsigned long generation;
};

/*
 * A read-only session with the token that was seen at the last begin.
 * CARD_E_RESET: this is a forked child, or the slot is not connected, or its
 * sessions were lost since; CARD_E_BUSY: the token has no more.
 */
int p11_session_take(struct p11_slot *slot, struct p11_session *out);
/*
 * Give it back, with what its last call returned: that may mean it is lost, or
 * all are, or the login.
 */
void p11_session_give(struct p11_slot *slot, const struct p11_session *session,
                      CK_RV rv);
/* A session's state after the login of a user. */
bool p11_is_user(CK_STATE state);
/* C_GetTokenInfo of our token and no other; refreshes slot->flags. */
int p11_slot_info(struct p11_slot *slot, CK_TOKEN_INFO *info);

/* ---- login.c: PINs ------------------------------------------------------- */

int p11_list(struct token *t, unsigned what);
int p11_pin_status(struct token *t, struct card_pin_info *pin);
int p11_verify(struct token *t, struct card_pin_info *pin,
               struct bytes value);
/* The PIN for one use, between the operation's Init and it. */
int p11_consent(struct token *t, const struct p11_session *session);

/* ---- mark.c: files that outlive the process ------------------------------ */

/*
 * One login at a time on a token, in all processes of this user: a descriptor
 * to close, or -1 where there is no place for it. CARD_E_BUSY after 30 s.
 */
int p11_mark_lock(const struct p11_identity *token, int *fd);
void p11_mark_unlock(int *fd);
/* In a forked child: it goes on holding for the parent. */
void p11_mark_forget(int *fd);
/*
 * A PIN was rejected by a token that does not show it (threat T8): from then
 * on stored PINs are held back.
 */
bool p11_mark_is_set(const struct p11_identity *token);
void p11_mark_set(const struct p11_identity *token);
void p11_mark_clear(const struct p11_identity *token);

/* ---- object.c: what is on a token ---------------------------------------- */

/* A private key, for the life of its token: card_key_info.object. */
struct p11_object {
    struct p11_object *next;
    struct card_id id;
    uint8_t label[CARD_LABEL_MAX]; /* as the token has it */
    size_t label_len;
    struct buf public; /* its public half, or the certificate that holds it */
    atomic_ulong handle;
    atomic_ulong generation; /* of the slot when the handle was good */
};

int p11_find(struct token *t, const struct token_query *query,
             token_found_fn *found, void *arg);
/* The private key just made, and its public half; as p11_find gives it. */
int p11_found_new(struct token *t, const struct p11_session *session,
                  CK_OBJECT_HANDLE public, CK_OBJECT_HANDLE private,
                  token_found_fn *found, void *arg);
/*
 * Its handle, looked for again when the slot's sessions were lost meanwhile;
 * *rv is for p11_session_give. CARD_E_NOT_FOUND: it is gone, or hidden.
 */
int p11_object_handle(const struct p11_session *session,
                      const struct card_key_info *key, CK_OBJECT_HANDLE *out,
                      CK_RV *rv);
/* The token knows that handle no more. */
void p11_object_forget(const struct card_key_info *key);

/* ---- use.c, generate.c --------------------------------------------------- */

int p11_sign(struct token *t, const struct card_key_info *key,
             const struct card_tbs *tbs, struct buf *sig);
int p11_decrypt(struct token *t, const struct card_key_info *key,
                const struct card_unpad *how, struct bytes cryptogram,
                struct buf *plain);
int p11_derive(struct token *t, const struct card_key_info *key,
               struct bytes peer, struct buf *secret);
int p11_decapsulate(struct token *t, const struct card_key_info *key,
                    struct bytes ciphertext, struct buf *secret);
int p11_generate(struct token *t, const struct card_key_request *request,
                 const char *label, const struct card_id *id,
                 token_found_fn *found, void *arg);

/* ---- driver.c ------------------------------------------------------------ */

/* What the driver knows of a token: token.priv. */
struct p11_token {
    struct p11_object *objects;
    bool mechanisms_known;
    unsigned can; /* enum card_can, by its mechanisms */
};

static inline struct p11_slot *p11_slot_of(const struct token *t)
{
    return t->reader->io;
}

/* Cryptoki knows no const, though it is only read there. */
static inline void *p11_unconst(const void *data)
{
    return (void *)(uintptr_t)data;
}

#endif
