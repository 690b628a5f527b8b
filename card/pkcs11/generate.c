/*
 * Key pairs made on a token. The private key is sensitive and stays there.
 */
#define _GNU_SOURCE /* getrandom */
#include "card/pkcs11/attributes.h"

#include <string.h>
#include <sys/random.h>

enum { ID_LEN = 16, MAX_TEMPLATE = 16 };

static const uint8_t oid_p256[] = {0x06, 0x08, 0x2A, 0x86, 0x48,
                                   0xCE, 0x3D, 0x03, 0x01, 0x07};
static const uint8_t oid_p384[] = {0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22};
static const uint8_t oid_p521[] = {0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x23};
static const uint8_t oid_ed25519[] = {0x06, 0x03, 0x2B, 0x65, 0x70};
static const uint8_t oid_ed448[] = {0x06, 0x03, 0x2B, 0x65, 0x71};
static const uint8_t oid_x25519[] = {0x06, 0x03, 0x2B, 0x65, 0x6E};
static const uint8_t oid_x448[] = {0x06, 0x03, 0x2B, 0x65, 0x6F};

/* CKA_EC_PARAMS (v2.40, 2.3.3; v3.0, 2.3.10); bits 0: of no matter. */
static const struct {
    enum card_key_type type;
    unsigned bits;
    CK_MECHANISM_TYPE mechanism;
    struct bytes params;
} curves[] = {
    {CARD_KEY_EC, 256, CKM_EC_KEY_PAIR_GEN, {oid_p256, sizeof(oid_p256)}},
    {CARD_KEY_EC, 384, CKM_EC_KEY_PAIR_GEN, {oid_p384, sizeof(oid_p384)}},
    {CARD_KEY_EC, 521, CKM_EC_KEY_PAIR_GEN, {oid_p521, sizeof(oid_p521)}},
    {CARD_KEY_ED25519, 0, CKM_EC_EDWARDS_KEY_PAIR_GEN,
     {oid_ed25519, sizeof(oid_ed25519)}},
    {CARD_KEY_ED448, 0, CKM_EC_EDWARDS_KEY_PAIR_GEN,
     {oid_ed448, sizeof(oid_ed448)}},
    {CARD_KEY_X25519, 0, CKM_EC_MONTGOMERY_KEY_PAIR_GEN,
     {oid_x25519, sizeof(oid_x25519)}},
    {CARD_KEY_X448, 0, CKM_EC_MONTGOMERY_KEY_PAIR_GEN,
     {oid_x448, sizeof(oid_x448)}},
};

/* Both templates, and what they point at. */
struct pair {
    CK_MECHANISM mechanism;
    CK_ATTRIBUTE public[MAX_TEMPLATE], private[MAX_TEMPLATE];
    CK_ULONG public_count, private_count;
    CK_BBOOL yes, no, sign, decrypt, derive;
    CK_ULONG bits;
    uint8_t exponent[8];
    struct card_id id;
};

static void put_public(struct pair *p, CK_ATTRIBUTE_TYPE type,
                       const void *value, size_t len)
{
    p->public[p->public_count++] =
        (CK_ATTRIBUTE){type, p11_unconst(value), len};
}

static void put_private(struct pair *p, CK_ATTRIBUTE_TYPE type,
                        const void *value, size_t len)
{
    p->private[p->private_count++] =
        (CK_ATTRIBUTE){type, p11_unconst(value), len};
}

static void put_both(struct pair *p, CK_ATTRIBUTE_TYPE type, const void *value,
                     size_t len)
{
    put_public(p, type, value, len);
    put_private(p, type, value, len);
}

static bool takes_part(const struct card_key_request *r, unsigned uses)
{
    return r->uses == 0 || (r->uses & uses) != 0;
}

static void put_uses(struct pair *p, const struct card_key_request *r)
{
    const unsigned signs = CARD_USE_AUTH | CARD_USE_SIGN;
    bool montgomery = r->type == CARD_KEY_X25519 || r->type == CARD_KEY_X448;

    if (card_key_is_ml_kem(r->type)) {
        put_public(p, CKA_ENCAPSULATE, &p->yes, sizeof(p->yes));
        put_private(p, CKA_DECAPSULATE, &p->yes, sizeof(p->yes));
        return;
    }
    p->sign = !montgomery && takes_part(r, signs);
    p->decrypt = r->type == CARD_KEY_RSA && takes_part(r, CARD_USE_DECRYPT);
    p->derive = montgomery || (r->type == CARD_KEY_EC &&
                               takes_part(r, CARD_USE_DECRYPT));
    put_public(p, CKA_VERIFY, &p->sign, sizeof(p->sign));
    put_private(p, CKA_SIGN, &p->sign, sizeof(p->sign));
    put_public(p, CKA_ENCRYPT, &p->decrypt, sizeof(p->decrypt));
    put_private(p, CKA_DECRYPT, &p->decrypt, sizeof(p->decrypt));
    put_private(p, CKA_DERIVE, &p->derive, sizeof(p->derive));
}

static int put_rsa(struct pair *p, const struct card_key_request *r)
{
    static const uint8_t f4[] = {0x01, 0x00, 0x01};
    struct bytes e = r->exponent.len > 0 ? r->exponent : BYTES_OF(f4);

    if (r->bits < 1024 || r->bits > CARD_MAX_SIGNATURE * 8 ||
        e.len > sizeof(p->exponent))
        return card_fail(CARD_E_UNSUPPORTED, "RSA keys of %u bits, or of such "
                         "an exponent, are not made", r->bits);
    p->bits = r->bits;
    memcpy(p->exponent, e.data, e.len);
    p->mechanism.mechanism = CKM_RSA_PKCS_KEY_PAIR_GEN;
    put_public(p, CKA_MODULUS_BITS, &p->bits, sizeof(p->bits));
    put_public(p, CKA_PUBLIC_EXPONENT, p->exponent, e.len);
    return 0;
}

static int put_curve(struct pair *p, const struct card_key_request *r)
{
    for (size_t i = 0; i < nitems(curves); i++) {
        if (curves[i].type != r->type ||
            (curves[i].bits != 0 && curves[i].bits != r->bits))
            continue;
        p->mechanism.mechanism = curves[i].mechanism;
        put_public(p, CKA_EC_PARAMS, curves[i].params.data,
                   curves[i].params.len);
        return 0;
    }
    return card_fail(CARD_E_UNSUPPORTED, "no key is made on such a curve");
}

/* Not in the template of the private key, by v3.2. */
static int put_ml(struct pair *p, const struct card_key_request *r)
{
    for (size_t i = 0; i < p11_ml_set_count; i++) {
        if (p11_ml_sets[i].type != r->type)
            continue;
        p->mechanism.mechanism = p11_ml_sets[i].generate;
        put_public(p, CKA_PARAMETER_SET, &p11_ml_sets[i].parameter_set,
                   sizeof(p11_ml_sets[i].parameter_set));
        return 0;
    }
    return card_fail(CARD_E_UNSUPPORTED, "no such key is made");
}

static int put_type(struct pair *p, const struct card_key_request *r)
{
    if (card_key_is_ml_dsa(r->type) || card_key_is_ml_kem(r->type))
        return put_ml(p, r);
    return r->type == CARD_KEY_RSA ? put_rsa(p, r) : put_curve(p, r);
}

static int take_id(struct pair *p, const struct card_id *id)
{
    p->id = *id;
    if (id->len > 0)
        return 0;
    p->id.len = ID_LEN;
    return getrandom(p->id.data, ID_LEN, 0) == ID_LEN
               ? 0 : card_fail(CARD_E_MEMORY, "no random number for the id");
}

static int compose(struct pair *p, const struct card_key_request *r,
                   const char *label, const struct card_id *id)
{
    int rc;

    memset(p, 0, sizeof(*p));
    p->yes = CK_TRUE;
    p->no = CK_FALSE;
    if ((rc = put_type(p, r)) < 0 || (rc = take_id(p, id)) < 0)
        return rc;
    put_both(p, CKA_TOKEN, &p->yes, sizeof(p->yes));
    put_both(p, CKA_ID, p->id.data, p->id.len);
    if (label != NULL)
        put_both(p, CKA_LABEL, label, strlen(label));
    put_public(p, CKA_PRIVATE, &p->no, sizeof(p->no));
    put_private(p, CKA_PRIVATE, &p->yes, sizeof(p->yes));
    put_private(p, CKA_SENSITIVE, &p->yes, sizeof(p->yes));
    put_private(p, CKA_EXTRACTABLE, &p->no, sizeof(p->no));
    put_uses(p, r);
    return 0;
}

/* A session of its own: the others are read-only. The login is the token's. */
static CK_RV open_writable(struct p11_slot *slot,
                           const struct p11_session *shared,
                           struct p11_session *out)
{
    *out = *shared;
    return shared->f->C_OpenSession(slot->id,
                                    CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL,
                                    NULL, &out->handle);
}

/* Before v3.0 tokens made Montgomery keys by the Edwards mechanism. */
static CK_RV make_pair(const struct p11_session *s, struct pair *p,
                       CK_OBJECT_HANDLE *public, CK_OBJECT_HANDLE *private)
{
    CK_RV rv;

    rv = s->f->C_GenerateKeyPair(s->handle, &p->mechanism, p->public,
                                 p->public_count, p->private,
                                 p->private_count, public, private);
    if (rv != CKR_MECHANISM_INVALID ||
        p->mechanism.mechanism != CKM_EC_MONTGOMERY_KEY_PAIR_GEN)
        return rv;
    p->mechanism.mechanism = CKM_EC_EDWARDS_KEY_PAIR_GEN;
    return s->f->C_GenerateKeyPair(s->handle, &p->mechanism, p->public,
                                   p->public_count, p->private,
                                   p->private_count, public, private);
}

int p11_generate(struct token *t, const struct card_key_request *request,
                 const char *label, const struct card_id *id,
                 token_found_fn *found, void *arg)
{
    struct p11_slot *slot = p11_slot_of(t);
    struct p11_session shared, own;
    CK_OBJECT_HANDLE public = 0, private = 0;
    struct pair pair;
    CK_RV rv;
    int rc;

    if ((rc = compose(&pair, request, label, id)) < 0 ||
        (rc = p11_session_take(slot, &shared)) < 0)
        return rc;
    if ((rv = open_writable(slot, &shared, &own)) == CKR_OK) {
        rv = make_pair(&own, &pair, &public, &private);
        own.f->C_CloseSession(own.handle);
    }
    rc = p11_error(rv, "C_GenerateKeyPair");
    if (rc == 0 &&
        (rc = p11_found_new(t, &shared, public, private, found, arg)) < 0)
        card_fail_in(rc, "a key was made, but");
    p11_session_give(slot, &shared, rv);
    return rc;
}
