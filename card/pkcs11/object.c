/*
 * Objects on a token: found by template, read in one call each. A private key
 * comes with its public half, from its own attributes, its public key object or
 * its certificate.
 */
#include "card/pkcs11/attributes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HANDLES_AT_A_TIME = 64,
    MAX_HANDLES = 65536 /* objects of one search */
};

/* ---- handles ------------------------------------------------------------- */

struct handles {
    CK_OBJECT_HANDLE *list;
    size_t count, capacity;
};

static int add_handles(struct handles *h, const CK_OBJECT_HANDLE *list,
                       CK_ULONG count)
{
    size_t needed = h->count + count;
    CK_OBJECT_HANDLE *grown;

    if (count == 0)
        return 0;
    if (needed > MAX_HANDLES)
        return card_fail(CARD_E_LIMIT, "more than %d objects match",
                         MAX_HANDLES);
    if (needed > h->capacity) {
        h->capacity = needed * 2;
        grown = realloc(h->list, h->capacity * sizeof(*grown));
        if (grown == NULL)
            return card_fail(CARD_E_MEMORY, "out of memory");
        h->list = grown;
    }
    memcpy(h->list + h->count, list, count * sizeof(*list));
    h->count = needed;
    return 0;
}

static CK_RV collect(const struct p11_session *s, struct handles *h, int *rc)
{
    CK_OBJECT_HANDLE some[HANDLES_AT_A_TIME] = {0};
    CK_ULONG count;
    CK_RV rv;

    do {
        count = 0;
        rv = s->f->C_FindObjects(s->handle, some, HANDLES_AT_A_TIME, &count);
        if (rv != CKR_OK) {
            *rc = p11_error(rv, "C_FindObjects");
        } else if (count > HANDLES_AT_A_TIME) {
            *rc = card_fail(CARD_E_PROTOCOL, "C_FindObjects: %lu objects",
                            count);
        } else {
            *rc = add_handles(h, some, count);
        }
    } while (*rc == 0 && count == HANDLES_AT_A_TIME);
    return rv;
}

static CK_OBJECT_CLASS class_of(enum card_kind kind)
{
    switch (kind) {
    case CARD_KIND_CERT:
        return CKO_CERTIFICATE;
    case CARD_KIND_PUBLIC:
        return CKO_PUBLIC_KEY;
    case CARD_KIND_PRIVATE:
        break;
    }
    return CKO_PRIVATE_KEY;
}

/*
 * Free h->list, whatever is returned. A label without data is any. `rv` is for
 * p11_session_give.
 */
static CK_RV find_handles(const struct p11_session *s, enum card_kind kind,
                          struct bytes label, const struct card_id *id,
                          struct handles *h, int *rc)
{
    CK_OBJECT_CLASS class = class_of(kind);
    CK_CERTIFICATE_TYPE x509 = CKC_X_509;
    CK_ATTRIBUTE template[4] = {{CKA_CLASS, &class, sizeof(class)}};
    CK_ULONG n = 1;
    CK_RV rv;

    if (kind == CARD_KIND_CERT)
        template[n++] =
            (CK_ATTRIBUTE){CKA_CERTIFICATE_TYPE, &x509, sizeof(x509)};
    if (id != NULL && id->len > 0)
        template[n++] = (CK_ATTRIBUTE){CKA_ID, p11_unconst(id->data), id->len};
    if (label.data != NULL)
        template[n++] =
            (CK_ATTRIBUTE){CKA_LABEL, p11_unconst(label.data), label.len};
    rv = s->f->C_FindObjectsInit(s->handle, template, n);
    if (rv != CKR_OK) {
        *rc = p11_error(rv, "C_FindObjectsInit");
        return rv;
    }
    rv = collect(s, h, rc);
    s->f->C_FindObjectsFinal(s->handle);
    return rv;
}

/* ---- private keys we know ------------------------------------------------ */

static struct bytes label_of(const uint8_t *label, size_t len)
{
    return bytes_from(len > 0 ? label : NULL, len);
}

static bool is_same_object(const struct p11_object *o,
                           const struct attributes *a, struct bytes public)
{
    return bytes_equal(bytes_from(o->label, o->label_len),
                       buf_view(&a->label)) &&
           bytes_equal(bytes_from(o->id.data, o->id.len), buf_view(&a->id)) &&
           bytes_equal(buf_view(&o->public), public);
}

/* NULL: out of memory. */
static struct p11_object *new_object(const struct attributes *a,
                                     struct bytes public)
{
    struct p11_object *o = calloc(1, sizeof(*o));

    if (o == NULL || buf_new(&o->public, public.len) < 0) {
        free(o);
        return NULL;
    }
    buf_put(&o->public, public);
    memcpy(o->label, a->label.data, a->label.len);
    o->label_len = a->label.len;
    memcpy(o->id.data, a->id.data, a->id.len);
    o->id.len = a->id.len;
    return o;
}

/*
 * Kept while the token is: other threads may be using it. A handle of before
 * the sessions were lost may be another object's now, and keys may share label
 * and id: the public half tells them apart.
 */
static int remember(struct token *t, unsigned long generation,
                    CK_OBJECT_HANDLE handle, const struct attributes *a,
                    struct bytes public, struct card_key_info *key)
{
    struct p11_token *priv = t->priv;
    struct p11_object *o;

    for (o = priv->objects; o != NULL; o = o->next)
        if (is_same_object(o, a, public))
            break;
    if (o == NULL) {
        if ((o = new_object(a, public)) == NULL)
            return card_fail(CARD_E_MEMORY, "out of memory");
        o->next = priv->objects;
        priv->objects = o;
    }
    atomic_store(&o->handle, handle);
    atomic_store(&o->generation, generation + 1);
    key->object = o;
    return 0;
}

static struct p11_object *object_of(const struct card_key_info *key)
{
    return p11_unconst(key->object);
}

void p11_object_forget(const struct card_key_info *key)
{
    atomic_store(&object_of(key)->generation, 0);
}

int p11_object_handle(const struct p11_session *session,
                      const struct card_key_info *key, CK_OBJECT_HANDLE *out,
                      CK_RV *rv)
{
    struct p11_object *o = object_of(key);
    struct handles h = {.list = NULL};
    bool known;
    int rc = 0;

    *rv = CKR_OK;
    /* In this order: who looks it up again stores the handle first. */
    known = atomic_load(&o->generation) == session->generation + 1;
    *out = atomic_load(&o->handle);
    if (known)
        return 0;
    *rv = find_handles(session, CARD_KIND_PRIVATE,
                       label_of(o->label, o->label_len), &o->id, &h, &rc);
    if (rc == 0 && h.count == 0)
        rc = card_fail(CARD_E_NOT_FOUND, "the token does not show the key");
    if (rc == 0 && h.count > 1)
        rc = card_fail(CARD_E_AMBIGUOUS, "after the token was away, %zu keys "
                       "of this label and id are on it", h.count);
    if (rc == 0) {
        *out = h.list[0];
        atomic_store(&o->handle, *out);
        atomic_store(&o->generation, session->generation + 1);
    }
    free(h.list);
    return rc;
}

/* ---- what the token can -------------------------------------------------- */

static int learn_mechanisms(struct token *t, const struct p11_session *s)
{
    struct p11_token *priv = t->priv;
    CK_MECHANISM_TYPE list[P11_MAX_MECHANISMS] = {0};
    CK_ULONG count = P11_MAX_MECHANISMS;
    CK_RV rv;

    if (priv->mechanisms_known)
        return 0;
    rv = s->f->C_GetMechanismList(p11_slot_of(t)->id, list, &count);
    if (rv != CKR_OK)
        return p11_error(rv, "C_GetMechanismList");
    if (count > P11_MAX_MECHANISMS)
        return card_fail(CARD_E_PROTOCOL, "%lu mechanisms", count);
    priv->can = attributes_mechanisms_can(list, count);
    if (p11_module_decapsulate(p11_slot_of(t)->module) == NULL)
        priv->can &= ~(unsigned)CARD_CAN_DECAPSULATE;
    priv->mechanisms_known = true;
    return 0;
}

/* ---- finding ------------------------------------------------------------- */

/* A search under way; rv is what the session is given back with. */
struct finding {
    struct token *token;
    struct p11_session session;
    CK_OBJECT_HANDLE public; /* of the pair that was just made, or 0 */
    token_found_fn *found;
    void *arg;
    CK_RV rv;
    struct bytes label; /* of the private key at hand, as the token has it */
    bool given;         /* an object went to `found` */
    int fault;          /* of the last object that was passed over */
    char sentence[512];
};

static int hand_over(struct finding *f, const struct token_found *found)
{
    f->given = true;
    return f->found(f->arg, found);
}

/*
 * Where a private key has no public half of its own: of those of its id, and
 * where these are several, of its label too.
 */
static int find_partners(struct finding *f, enum card_kind kind,
                         const struct card_key_info *key, struct handles *h)
{
    const struct bytes any = {NULL, 0};
    struct handles both = {.list = NULL};
    int rc = 0;

    if (key->id.len == 0 && f->label.len == 0)
        return 0;
    f->rv = find_handles(&f->session, kind, key->id.len > 0 ? any : f->label,
                         &key->id, h, &rc);
    if (rc == 0 && h->count > 1 && key->id.len > 0 && f->label.len > 0)
        f->rv = find_handles(&f->session, kind, f->label, &key->id, &both,
                             &rc);
    if (both.count == 0) {
        free(both.list);
        return rc;
    }
    free(h->list);
    *h = both;
    return rc;
}

static int find_partner(struct finding *f, enum card_kind kind,
                        const struct card_key_info *key,
                        struct attributes **out)
{
    struct handles h = {.list = NULL};
    int rc = find_partners(f, kind, key, &h);

    *out = NULL;
    if (rc == 0 && h.count > 0 && (rc = attributes_new(kind, out)) == 0)
        f->rv = attributes_read(&f->session, h.list[0], kind, *out, &rc);
    free(h.list);
    return rc;
}

/* Of several that differ, none is known to be the key's. */
static int take_public(struct finding *f, CK_OBJECT_HANDLE object,
                       const struct card_key_info *key, struct buf *spki)
{
    uint8_t space[P11_SPKI_MAX];
    struct buf this = BUF_ON(space);
    struct attributes *a;
    int rc = attributes_new(CARD_KIND_PUBLIC, &a);

    if (rc < 0)
        return rc;
    f->rv = attributes_read(&f->session, object, CARD_KIND_PUBLIC, a, &rc);
    if (rc == 0)
        rc = attributes_public_half(a, &this);
    attributes_free(a);
    if (rc == 0 && spki->len == 0)
        return buf_put(spki, buf_view(&this));
    if (rc == 0 && !bytes_equal(buf_view(spki), buf_view(&this)))
        rc = card_fail(CARD_E_UNSUPPORTED, "which of several public keys "
                       "belongs to key \"%s\", neither id nor label tells",
                       key->label);
    return rc;
}

static int public_from_object(struct finding *f,
                              const struct card_key_info *key,
                              struct buf *spki)
{
    struct handles h = {.list = NULL};
    int rc = f->public != 0 ? add_handles(&h, &f->public, 1)
                            : find_partners(f, CARD_KIND_PUBLIC, key, &h);

    for (size_t i = 0; rc == 0 && i < h.count; i++)
        rc = take_public(f, h.list[i], key, spki);
    free(h.list);
    return rc;
}

/* Of an RSA-PSS key the certificate comes first: it knows the parameters. */
static int give_with_public(struct finding *f, CK_OBJECT_HANDLE handle,
                            const struct attributes *a,
                            struct card_key_info *key, struct buf *spki)
{
    struct token_found found = {.kind = CARD_KIND_PRIVATE, .key = key};
    struct attributes *cert = NULL;
    int rc = 0;

    if (spki->len == 0)
        rc = public_from_object(f, key, spki);
    if (rc == 0 && (spki->len == 0 || attributes_pss_only(a)))
        rc = find_partner(f, CARD_KIND_CERT, key, &cert);
    found.in_cert = cert != NULL;
    found.der = cert != NULL ? buf_view(&cert->value) : buf_view(spki);
    if (rc == 0 && found.der.len == 0)
        rc = card_fail(CARD_E_NOT_FOUND, "key \"%s\" has neither a public "
                       "half nor a certificate on the token", key->label);
    if (rc == 0)
        rc = remember(f->token, f->session.generation, handle, a, found.der,
                      key);
    if (rc == 0)
        rc = hand_over(f, &found);
    attributes_free(cert);
    return rc;
}

static int give_private(struct finding *f, CK_OBJECT_HANDLE handle,
                        const struct attributes *a)
{
    uint8_t space[P11_SPKI_MAX];
    struct buf spki = BUF_ON(space);
    struct card_key_info key;
    int rc;

    if ((rc = attributes_key(f->token, a, &key)) < 0 ||
        (rc = learn_mechanisms(f->token, &f->session)) < 0 ||
        (rc = attributes_public_half(a, &spki)) < 0)
        return rc;
    key.can = attributes_can(f->token->priv, a, key.type);
    f->label = label_of(a->label.data, a->label.len);
    return give_with_public(f, handle, a, &key, &spki);
}

static int give_public(struct finding *f, const struct attributes *a)
{
    struct token_found found = {.kind = CARD_KIND_PUBLIC};
    uint8_t space[P11_SPKI_MAX];
    struct buf spki = BUF_ON(space);
    struct card_key_info key;
    int rc;

    if ((rc = attributes_key(f->token, a, &key)) < 0 ||
        (rc = attributes_public_half(a, &spki)) < 0)
        return rc;
    if (spki.len == 0)
        return card_fail(CARD_E_PROTOCOL, "public key \"%s\" has no value",
                         key.label);
    found.key = &key;
    found.der = buf_view(&spki);
    return hand_over(f, &found);
}

static int give_cert(struct finding *f, const struct attributes *a)
{
    struct token_found found = {.kind = CARD_KIND_CERT};
    struct card_cert_info cert;

    if (a->value.len == 0)
        return card_fail(CARD_E_PROTOCOL, "a certificate without a value");
    attributes_cert(a, &cert);
    found.cert = &cert;
    found.der = buf_view(&a->value);
    return hand_over(f, &found);
}

static int give(struct finding *f, enum card_kind kind, CK_OBJECT_HANDLE handle)
{
    struct attributes *a;
    int rc = attributes_new(kind, &a);

    if (rc < 0)
        return rc;
    f->rv = attributes_read(&f->session, handle, kind, a, &rc);
    if (rc == 0) {
        if (kind == CARD_KIND_PRIVATE)
            rc = give_private(f, handle, a);
        else
            rc = kind == CARD_KIND_PUBLIC ? give_public(f, a)
                                          : give_cert(f, a);
    }
    attributes_free(a);
    return rc;
}

/* Its own, or it was deleted since it was found. */
static bool is_objects_fault(const struct finding *f, int rc)
{
    return rc == CARD_E_UNSUPPORTED || rc == CARD_E_PROTOCOL ||
           rc == CARD_E_NOT_FOUND || f->rv == CKR_OBJECT_HANDLE_INVALID;
}

/* It is told, and does not hide the others. */
static void pass_over(struct finding *f, const struct token_query *query,
                      int rc)
{
    query->passed_over(query->log_arg);
    f->fault = rc;
    snprintf(f->sentence, sizeof(f->sentence), "%s", card_error_sentence());
}

static int find_kind(struct finding *f, enum card_kind kind,
                     const struct token_query *query)
{
    struct handles h = {.list = NULL};
    int rc = 0;

    f->rv = find_handles(&f->session, kind,
                         query->label != NULL ? bytes_of_string(query->label)
                                              : bytes_from(NULL, 0),
                         query->id, &h, &rc);
    for (size_t i = 0; rc == 0 && i < h.count; i++) {
        rc = give(f, kind, h.list[i]);
        if (rc < 0 && is_objects_fault(f, rc)) {
            pass_over(f, query, rc);
            rc = 0;
        }
    }
    free(h.list);
    return rc;
}

int p11_find(struct token *t, const struct token_query *query,
             token_found_fn *found, void *arg)
{
    static const enum card_kind order[] = {CARD_KIND_PRIVATE, CARD_KIND_PUBLIC,
                                           CARD_KIND_CERT};
    struct finding f = {.token = t, .found = found, .arg = arg, .rv = CKR_OK};
    int rc = p11_session_take(p11_slot_of(t), &f.session);

    if (rc < 0)
        return rc;
    for (size_t i = 0; rc == 0 && i < nitems(order); i++)
        if ((query->kinds & (unsigned)order[i]) != 0)
            rc = find_kind(&f, order[i], query);
    p11_session_give(p11_slot_of(t), &f.session, f.rv);
    if (rc == 0 && !f.given && f.fault != 0)
        return card_fail(f.fault, "%s", f.sentence);
    return rc;
}

int p11_found_new(struct token *t, const struct p11_session *session,
                  CK_OBJECT_HANDLE public, CK_OBJECT_HANDLE private,
                  token_found_fn *found, void *arg)
{
    struct finding f = {.token = t, .session = *session, .public = public,
                        .found = found, .arg = arg, .rv = CKR_OK};

    return give(&f, CARD_KIND_PRIVATE, private);
}
