/*
 * Objects of p11-wrap.so (wrap.h), and the making of keys.
 */
#include "tests/p11/wrap.h"

#include <string.h>

enum {
    TEMPLATE_MAX = 32,
    ML_DSA = 0x4A,            /* PKCS#11 v3.2: CKK_ML_DSA */
    PARAMETER_SET = 0x61D,    /* CKA_PARAMETER_SET */
    ML_DSA_65 = 2,            /* CKP_ML_DSA_65 */
    ML_DSA_65_PUBLIC = 1952   /* bytes: FIPS 204, table 2 */
};

CK_RV C_CreateObject(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template,
                     CK_ULONG count, CK_OBJECT_HANDLE *object)
{
    struct call c = call_on_session(__func__, &session);

    if (c.rv == CKR_OK)
        c.rv = wrap_real->C_CreateObject(session, template, count, object);
    return call_end_object(&c, object, sizeof(*object));
}

CK_RV C_CopyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                   CK_ATTRIBUTE *template, CK_ULONG count,
                   CK_OBJECT_HANDLE *copy)
{
    struct call c = call_on_session(__func__, &session);

    if (c.rv == CKR_OK)
        c.rv = wrap_real->C_CopyObject(session, object, template, count, copy);
    return call_end_object(&c, copy, sizeof(*copy));
}

CK_RV C_DestroyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
    struct call c = call_on_session(__func__, &session);

    if (c.rv == CKR_OK)
        c.rv = wrap_real->C_DestroyObject(session, object);
    return call_end(&c);
}

CK_RV C_GetObjectSize(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                      CK_ULONG *size)
{
    struct call c = call_on_session(__func__, &session);

    if (c.rv == CKR_OK)
        c.rv = wrap_real->C_GetObjectSize(session, object, size);
    return call_end_array(&c, NULL, 0, size);
}

/* Only private keys have CKA_ALWAYS_AUTHENTICATE, and only they answer it. */
static void always_authenticate(CK_ATTRIBUTE *template, CK_ULONG count)
{
    for (CK_ULONG i = 0; wrap_config.always_auth && i < count; i++) {
        CK_ATTRIBUTE *a = &template[i];

        if (a->type == CKA_ALWAYS_AUTHENTICATE && a->pValue != NULL
            && a->ulValueLen == sizeof(CK_BBOOL))
            *(CK_BBOOL *)a->pValue = CK_TRUE;
    }
}

static CK_ATTRIBUTE *find(CK_ATTRIBUTE *template, CK_ULONG count,
                          CK_ATTRIBUTE_TYPE type)
{
    for (CK_ULONG i = 0; i < count; i++) {
        if (template[i].type == type && template[i].pValue != NULL)
            return &template[i];
    }
    return NULL;
}

/* What the real module has not: `room` are the lengths it was given. */
static void put(CK_ATTRIBUTE *template, CK_ULONG count, const CK_ULONG *room,
                CK_ATTRIBUTE_TYPE type, const void *value, CK_ULONG len)
{
    CK_ATTRIBUTE *a = find(template, count, type);

    if (a == NULL || room[a - template] < len)
        return;
    memcpy(a->pValue, value, len);
    a->ulValueLen = len;
}

static void disguise_rsa(CK_ATTRIBUTE *template, CK_ULONG count,
                         const CK_ULONG *room)
{
    static const CK_BYTE public[ML_DSA_65_PUBLIC] = {1};
    const CK_ULONG set = ML_DSA_65;
    const CK_ATTRIBUTE *type = find(template, count, CKA_KEY_TYPE);

    if (type == NULL || type->ulValueLen != sizeof(CK_KEY_TYPE)
        || *(CK_KEY_TYPE *)type->pValue != CKK_RSA)
        return;
    *(CK_KEY_TYPE *)type->pValue = wrap_config.rsa_type;
    if (wrap_config.rsa_type != ML_DSA)
        return;
    put(template, count, room, PARAMETER_SET, &set, sizeof(set));
    put(template, count, room, CKA_VALUE, public, sizeof(public));
}

CK_RV C_GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                          CK_ATTRIBUTE *template, CK_ULONG count)
{
    struct call c = call_on_session(__func__, &session);
    CK_ULONG room[TEMPLATE_MAX];

    for (CK_ULONG i = 0; i < count && i < TEMPLATE_MAX; i++)
        room[i] = template[i].ulValueLen;
    if (c.rv == CKR_OK) {
        c.rv = wrap_real->C_GetAttributeValue(session, object, template, count);
        always_authenticate(template, count);
        if (wrap_config.rsa_type != CKK_RSA && count <= TEMPLATE_MAX)
            disguise_rsa(template, count, room);
    }
    return call_end_template(&c, template, count);
}

CK_RV C_SetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                          CK_ATTRIBUTE *template, CK_ULONG count)
{
    struct call c = call_on_session(__func__, &session);

    if (c.rv == CKR_OK)
        c.rv = wrap_real->C_SetAttributeValue(session, object, template, count);
    return call_end(&c);
}

CK_RV C_FindObjectsInit(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template,
                        CK_ULONG count)
{
    struct call c = call_on_session(__func__, &session);

    if (c.rv == CKR_OK)
        c.rv = wrap_real->C_FindObjectsInit(session, template, count);
    return call_end(&c);
}

CK_RV C_FindObjects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *object,
                    CK_ULONG max, CK_ULONG *count)
{
    struct call c = call_on_session(__func__, &session);

    if (c.rv == CKR_OK)
        c.rv = wrap_real->C_FindObjects(session, object, max, count);
    return call_end_array(&c, object, sizeof(*object), count);
}

/* Passed on even if we say it failed: the search is over for the program. */
CK_RV C_FindObjectsFinal(CK_SESSION_HANDLE session)
{
    struct call c = call_on_session(__func__, &session);
    CK_RV rv = wrap_real->C_FindObjectsFinal(session);

    if (c.rv == CKR_OK)
        c.rv = rv;
    return call_end(&c);
}

/* ---- Keys ---------------------------------------------------------------- */

/* The beginning of an operation of the token with a mechanism. */
static struct call call_with(const char *name, CK_SESSION_HANDLE *session,
                             const CK_MECHANISM *mechanism)
{
    struct call c = call_on_session(name, session);

    if (c.rv == CKR_OK && mechanism != NULL
        && wrap_hidden(mechanism->mechanism))
        c.rv = CKR_MECHANISM_INVALID;
    return c;
}

CK_RV C_GenerateKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                    CK_ATTRIBUTE *template, CK_ULONG count,
                    CK_OBJECT_HANDLE *key)
{
    struct call c = call_with(__func__, &session, mechanism);

    if (c.rv == CKR_OK)
        c.rv =
            wrap_real->C_GenerateKey(session, mechanism, template, count, key);
    return call_end_object(&c, key, sizeof(*key));
}

CK_RV C_GenerateKeyPair(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                        CK_ATTRIBUTE *public_template, CK_ULONG public_count,
                        CK_ATTRIBUTE *private_template, CK_ULONG private_count,
                        CK_OBJECT_HANDLE *public_key,
                        CK_OBJECT_HANDLE *private_key)
{
    struct call c = call_with(__func__, &session, mechanism);

    if (c.rv == CKR_OK)
        c.rv = wrap_real->C_GenerateKeyPair(
            session, mechanism, public_template, public_count, private_template,
            private_count, public_key, private_key);
    call_end_object(&c, public_key, sizeof(*public_key));
    return call_end_object(&c, private_key, sizeof(*private_key));
}

CK_RV C_WrapKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                CK_OBJECT_HANDLE wrapping, CK_OBJECT_HANDLE key, CK_BYTE *out,
                CK_ULONG *out_len)
{
    struct call c = call_with(__func__, &session, mechanism);

    if (c.rv == CKR_OK)
        c.rv = wrap_real->C_WrapKey(session, mechanism, wrapping, key, out,
                                    out_len);
    return call_end_array(&c, out, 1, out_len);
}

CK_RV C_UnwrapKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                  CK_OBJECT_HANDLE unwrapping, CK_BYTE *in, CK_ULONG len,
                  CK_ATTRIBUTE *template, CK_ULONG count, CK_OBJECT_HANDLE *key)
{
    struct call c = call_with(__func__, &session, mechanism);

    if (c.rv == CKR_OK)
        c.rv = wrap_real->C_UnwrapKey(session, mechanism, unwrapping, in, len,
                                      template, count, key);
    return call_end_object(&c, key, sizeof(*key));
}

CK_RV C_DeriveKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                  CK_OBJECT_HANDLE base, CK_ATTRIBUTE *template, CK_ULONG count,
                  CK_OBJECT_HANDLE *key)
{
    struct call c = call_with(__func__, &session, mechanism);

    if (c.rv == CKR_OK)
        c.rv = pin_operation_allowed();
    if (c.rv == CKR_OK)
        c.rv = wrap_real->C_DeriveKey(session, mechanism, base, template, count,
                                      key);
    return call_end_object(&c, key, sizeof(*key));
}
