/*
 * The attributes of an object, read in one call, and what they mean: records
 * and public halves.
 */
#include "card/pkcs11/attributes.h"

#include <stdlib.h>
#include <string.h>

#include "card/base/spki.h"

enum { MAX_WANTED = 16 };

/* A template, and where each answer's length goes. */
struct wanted {
    CK_ATTRIBUTE list[MAX_WANTED];
    struct buf *bufs[MAX_WANTED];
    CK_ULONG count;
};

static void want(struct wanted *w, CK_ATTRIBUTE_TYPE type, void *data,
                 size_t len)
{
    w->list[w->count] = (CK_ATTRIBUTE){type, data, len};
    w->bufs[w->count++] = NULL;
}

static void want_buf(struct wanted *w, CK_ATTRIBUTE_TYPE type, struct buf *out)
{
    want(w, type, out->data, out->cap);
    w->bufs[w->count - 1] = out;
}

static void want_for(struct attributes *a, enum card_kind kind,
                     struct wanted *w)
{
    want_buf(w, CKA_ID, &a->id);
    want_buf(w, CKA_LABEL, &a->label);
    if (kind == CARD_KIND_CERT) {
        want(w, CKA_CERTIFICATE_CATEGORY, &a->category, sizeof(a->category));
        want_buf(w, CKA_VALUE, &a->value);
        return;
    }
    want(w, CKA_KEY_TYPE, &a->type, sizeof(a->type));
    want_buf(w, CKA_MODULUS, &a->modulus);
    want_buf(w, CKA_PUBLIC_EXPONENT, &a->exponent);
    want_buf(w, CKA_EC_PARAMS, &a->params);
    want(w, CKA_PARAMETER_SET, &a->parameter_set, sizeof(a->parameter_set));
    if (kind == CARD_KIND_PUBLIC) {
        want_buf(w, CKA_EC_POINT, &a->point);
        want_buf(w, CKA_VALUE, &a->value);
        return;
    }
    want(w, CKA_SIGN, &a->sign, sizeof(a->sign));
    want(w, CKA_DECRYPT, &a->decrypt, sizeof(a->decrypt));
    want(w, CKA_DERIVE, &a->derive, sizeof(a->derive));
    want(w, CKA_DECAPSULATE, &a->decapsulate, sizeof(a->decapsulate));
    want(w, CKA_ALWAYS_AUTHENTICATE, &a->always_auth, sizeof(a->always_auth));
    want_buf(w, CKA_ALLOWED_MECHANISMS, &a->allowed);
}

static size_t value_max(enum card_kind kind)
{
    return kind == CARD_KIND_CERT ? CARD_MAX_FILE : CARD_MAX_ML_PUBLIC;
}

int attributes_new(enum card_kind kind, struct attributes **out)
{
    struct attributes *a = calloc(1, sizeof(*a));
    int rc;

    *out = NULL;
    if (a == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    a->type = CK_UNAVAILABLE_INFORMATION;
    a->id = (struct buf)BUF_ON(a->id_space);
    a->label = (struct buf)BUF_ON(a->label_space);
    a->modulus = (struct buf)BUF_ON(a->modulus_space);
    a->exponent = (struct buf)BUF_ON(a->exponent_space);
    a->params = (struct buf)BUF_ON(a->params_space);
    a->point = (struct buf)BUF_ON(a->point_space);
    a->allowed.data = (uint8_t *)a->allowed_space;
    a->allowed.cap = sizeof(a->allowed_space);
    if (kind != CARD_KIND_PRIVATE &&
        (rc = buf_new(&a->value, value_max(kind))) < 0) {
        free(a);
        return rc;
    }
    *out = a;
    return 0;
}

void attributes_free(struct attributes *a)
{
    if (a == NULL)
        return;
    buf_free(&a->value);
    free(a);
}

/* These mean that some are missing, and the others are there. */
static bool is_partial(CK_RV rv)
{
    return rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE ||
           rv == CKR_BUFFER_TOO_SMALL;
}

static int take_answers(const struct wanted *w, const size_t cap[])
{
    for (CK_ULONG i = 0; i < w->count; i++) {
        CK_ULONG len = w->list[i].ulValueLen;

        if (len == CK_UNAVAILABLE_INFORMATION)
            continue;
        if (len > cap[i] || (w->bufs[i] == NULL && len != 0 && len != cap[i]))
            return card_fail(CARD_E_PROTOCOL, "attribute 0x%lx of %lu bytes",
                             w->list[i].type, len);
        if (w->bufs[i] != NULL)
            w->bufs[i]->len = len;
    }
    return 0;
}

CK_RV attributes_read(const struct p11_session *s, CK_OBJECT_HANDLE object,
                      enum card_kind kind, struct attributes *a, int *rc)
{
    struct wanted w = {.count = 0};
    size_t cap[MAX_WANTED];
    CK_RV rv;

    want_for(a, kind, &w);
    for (CK_ULONG i = 0; i < w.count; i++)
        cap[i] = w.list[i].ulValueLen;
    rv = s->f->C_GetAttributeValue(s->handle, object, w.list, w.count);
    if (is_partial(rv))
        rv = CKR_OK;
    *rc = rv == CKR_OK ? take_answers(&w, cap)
                       : p11_error(rv, "C_GetAttributeValue");
    return rv;
}

/* ---- from attributes to records ------------------------------------------ */

/* A point may come bare or as a DER OCTET STRING (v2.40 errata, 2.3.3). */
static struct bytes bare_point(struct bytes point)
{
    struct bytes header = {NULL, 0};
    size_t skip = 2;

    if (point.len > 3 && point.data[0] == 0x04) {
        if (point.data[1] == 0x81 && point.data[2] == point.len - 3)
            skip = 3;
        else if (point.data[1] != point.len - 2)
            skip = 0;
        bytes_take(&point, skip, &header);
    }
    return point;
}

struct curve {
    enum card_key_type type;
    uint8_t oid[5];
    const char *name; /* as a PrintableString (v3.0, 2.3.10) */
};

static const struct curve curves[] = {
    {CARD_KEY_ED25519, {0x06, 0x03, 0x2B, 0x65, 0x70}, "edwards25519"},
    {CARD_KEY_ED448, {0x06, 0x03, 0x2B, 0x65, 0x71}, "edwards448"},
    {CARD_KEY_X25519, {0x06, 0x03, 0x2B, 0x65, 0x6E}, "curve25519"},
    {CARD_KEY_X448, {0x06, 0x03, 0x2B, 0x65, 0x6F}, "curve448"},
};

static enum card_key_type type_of_curve(struct bytes params)
{
    for (size_t i = 0; i < nitems(curves); i++) {
        struct bytes text = params, skipped;

        if (bytes_equal(params, BYTES_OF(curves[i].oid)))
            return curves[i].type;
        if (bytes_take(&text, 2, &skipped) && skipped.data[0] == 0x13 &&
            bytes_equal(text, bytes_of_string(curves[i].name)))
            return curves[i].type;
    }
    return CARD_KEY_EC;
}

const struct p11_ml_set p11_ml_sets[] = {
    {CARD_KEY_ML_DSA_44, CKK_ML_DSA, CKP_ML_DSA_44, CKM_ML_DSA_KEY_PAIR_GEN},
    {CARD_KEY_ML_DSA_65, CKK_ML_DSA, CKP_ML_DSA_65, CKM_ML_DSA_KEY_PAIR_GEN},
    {CARD_KEY_ML_DSA_87, CKK_ML_DSA, CKP_ML_DSA_87, CKM_ML_DSA_KEY_PAIR_GEN},
    {CARD_KEY_ML_KEM_512, CKK_ML_KEM, CKP_ML_KEM_512, CKM_ML_KEM_KEY_PAIR_GEN},
    {CARD_KEY_ML_KEM_768, CKK_ML_KEM, CKP_ML_KEM_768, CKM_ML_KEM_KEY_PAIR_GEN},
    {CARD_KEY_ML_KEM_1024, CKK_ML_KEM, CKP_ML_KEM_1024,
     CKM_ML_KEM_KEY_PAIR_GEN},
};
const size_t p11_ml_set_count = nitems(p11_ml_sets);

static const struct p11_ml_set *find_ml_set(const struct attributes *a)
{
    for (size_t i = 0; i < nitems(p11_ml_sets); i++)
        if (p11_ml_sets[i].key_type == a->type &&
            p11_ml_sets[i].parameter_set == a->parameter_set)
            return &p11_ml_sets[i];
    return NULL;
}

int attributes_public_half(const struct attributes *a, struct buf *spki)
{
    struct bytes params = buf_view(&a->params);
    enum card_key_type type = type_of_curve(params);
    const struct p11_ml_set *ml = find_ml_set(a);

    if (ml != NULL)
        return a->value.len == 0
                   ? 0 : spki_ml(ml->type, buf_view(&a->value), spki);
    if (a->type == CKK_RSA && a->modulus.len > 0 && a->exponent.len > 0)
        return (attributes_pss_only(a) ? spki_rsa_pss : spki_rsa)(
            buf_view(&a->modulus), buf_view(&a->exponent), spki);
    if (a->type == CKK_RSA || params.len == 0 || a->point.len == 0)
        return 0;
    return type == CARD_KEY_EC
               ? spki_ec(params, bare_point(buf_view(&a->point)), spki)
               : spki_rfc8410(type, bare_point(buf_view(&a->point)), spki);
}

static void copy_label(const struct attributes *a, char out[CARD_LABEL_MAX])
{
    p11_text(a->label.data, a->label.len, out, CARD_LABEL_MAX);
}

static void copy_id(const struct attributes *a, struct card_id *out)
{
    memcpy(out->data, a->id.data, a->id.len);
    out->len = a->id.len;
}

static bool is_set(CK_BBOOL flag)
{
    return flag != CK_FALSE;
}

static const struct {
    CK_MECHANISM_TYPE mechanism;
    unsigned can; /* enum card_can */
} mechanisms[] = {
    {CKM_RSA_PKCS, CARD_CAN_PKCS1 | CARD_CAN_DECRYPT_PKCS1},
    {CKM_RSA_PKCS_PSS, CARD_CAN_PSS},
    {CKM_RSA_PKCS_OAEP, CARD_CAN_DECRYPT_OAEP},
    {CKM_RSA_X_509, CARD_CAN_RAW_SIGN | CARD_CAN_DECRYPT_RAW},
    {CKM_ECDSA, CARD_CAN_ECDSA},
    {CKM_EDDSA, CARD_CAN_EDDSA},
    {CKM_ECDH1_DERIVE, CARD_CAN_DERIVE},
    {CKM_ML_DSA, CARD_CAN_ML_DSA},
    {CKM_ML_KEM, CARD_CAN_DECAPSULATE},
};

enum {
    RSA_SIGNS = CARD_CAN_PKCS1 | CARD_CAN_PSS | CARD_CAN_RAW_SIGN,
    RSA_DECRYPTS = CARD_CAN_DECRYPT_PKCS1 | CARD_CAN_DECRYPT_OAEP |
                   CARD_CAN_DECRYPT_RAW
};

unsigned attributes_mechanisms_can(const CK_MECHANISM_TYPE *list, size_t count)
{
    unsigned can = 0;

    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < nitems(mechanisms); j++)
            if (mechanisms[j].mechanism == list[i])
                can |= mechanisms[j].can;
    return can;
}

/* CKA_ALLOWED_MECHANISMS; a key without it may do whatever its token can. */
static unsigned allowed(const struct attributes *a)
{
    return a->allowed.len == 0
               ? ~0U
               : attributes_mechanisms_can(a->allowed_space,
                                           a->allowed.len /
                                               sizeof(a->allowed_space[0]));
}

static unsigned of_type(enum card_key_type type)
{
    if (card_key_is_ml_dsa(type))
        return CARD_CAN_ML_DSA;
    if (card_key_is_ml_kem(type))
        return CARD_CAN_DECAPSULATE;
    switch (type) {
    case CARD_KEY_RSA:
        return RSA_SIGNS | RSA_DECRYPTS;
    case CARD_KEY_EC:
        return CARD_CAN_ECDSA | CARD_CAN_DERIVE;
    case CARD_KEY_ED25519:
    case CARD_KEY_ED448:
        return CARD_CAN_EDDSA;
    default:
        return CARD_CAN_DERIVE;
    }
}

unsigned attributes_can(const struct p11_token *priv,
                        const struct attributes *a, enum card_key_type type)
{
    const unsigned signs = RSA_SIGNS | CARD_CAN_ECDSA | CARD_CAN_EDDSA |
                           CARD_CAN_ML_DSA;
    unsigned may =
        (is_set(a->sign) ? signs : 0U) |
        (is_set(a->decrypt) ? (unsigned)RSA_DECRYPTS : 0U) |
        (is_set(a->derive) ? (unsigned)CARD_CAN_DERIVE : 0U) |
        (is_set(a->decapsulate) ? (unsigned)CARD_CAN_DECAPSULATE : 0U);

    return priv->can & allowed(a) & may & of_type(type);
}

bool attributes_pss_only(const struct attributes *a)
{
    return a->type == CKK_RSA && a->allowed.len > 0 &&
           (allowed(a) & RSA_SIGNS) == CARD_CAN_PSS;
}

static unsigned uses_of(const struct attributes *a)
{
    return (is_set(a->sign) ? (unsigned)CARD_USE_AUTH : 0U) |
           (is_set(a->decrypt) || is_set(a->derive) || is_set(a->decapsulate)
                ? (unsigned)CARD_USE_DECRYPT : 0U);
}

static int key_type(const struct attributes *a, enum card_key_type *out)
{
    const struct p11_ml_set *ml = find_ml_set(a);

    if (ml != NULL)
        *out = ml->type;
    else if (a->type == CKK_RSA)
        *out = CARD_KEY_RSA;
    else if (a->params.len > 0)
        *out = type_of_curve(buf_view(&a->params));
    else
        return card_fail(CARD_E_UNSUPPORTED, "a key of type 0x%lx", a->type);
    return 0;
}

int attributes_key(const struct token *t, const struct attributes *a,
                   struct card_key_info *out)
{
    const struct p11_slot *slot = p11_slot_of(t);

    memset(out, 0, sizeof(*out));
    copy_label(a, out->label);
    copy_id(a, &out->id);
    out->uses = uses_of(a);
    out->user_consent = is_set(a->always_auth);
    if ((slot->flags & CKF_LOGIN_REQUIRED) != 0)
        out->auth_id = token_pin_id;
    return key_type(a, &out->type);
}

void attributes_cert(const struct attributes *a, struct card_cert_info *out)
{
    memset(out, 0, sizeof(*out));
    copy_label(a, out->label);
    copy_id(a, &out->id);
    out->authority = a->category == 2;
}
