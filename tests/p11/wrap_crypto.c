/*
 * The operations of p11-wrap.so (wrap.h). PKCS #11 gives them few shapes: what
 * begins with a mechanism and a key, what takes data, what turns data into
 * other data, what ends with data.
 */
#include "tests/p11/wrap.h"

/*
 * We answered an operation with an error, and to the program it is over: end it
 * in the real module as well. Where it takes all data at once only that ends
 * it. (The session may be a lost one: no matter.)
 */
static void abandon(CK_SESSION_HANDLE session, CK_C_Sign all,
                    CK_C_SignFinal finish, CK_BYTE *in, CK_ULONG len)
{
    CK_BYTE scratch[2048];
    CK_ULONG room = sizeof(scratch);

    if (finish == NULL)
        return;
    if (all != NULL)
        all(session, in, len, scratch, &room);
    room = sizeof(scratch);
    finish(session, scratch, &room);
}

/* ---- What begins --------------------------------------------------------- */

static CK_RV begin(const char *name, CK_C_SignInit real, bool private_key,
                   CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                   CK_OBJECT_HANDLE key)
{
    struct call c = call_on_session(name, &session);

    if (c.rv == CKR_OK && mechanism != NULL
        && wrap_hidden(mechanism->mechanism))
        c.rv = CKR_MECHANISM_INVALID;
    if (c.rv == CKR_OK && private_key)
        c.rv = pin_operation_allowed();
    if (c.rv == CKR_OK)
        c.rv = real(session, mechanism, key);
    if (c.rv == CKR_OK && private_key)
        pin_operation_begins(session);
    return call_end(&c);
}

CK_RV C_EncryptInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                    CK_OBJECT_HANDLE key)
{
    return begin(__func__, wrap_real->C_EncryptInit, false, session, mechanism,
                 key);
}

CK_RV C_DecryptInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                    CK_OBJECT_HANDLE key)
{
    return begin(__func__, wrap_real->C_DecryptInit, true, session, mechanism,
                 key);
}

CK_RV C_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                 CK_OBJECT_HANDLE key)
{
    return begin(__func__, wrap_real->C_SignInit, true, session, mechanism,
                 key);
}

CK_RV C_SignRecoverInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                        CK_OBJECT_HANDLE key)
{
    return begin(__func__, wrap_real->C_SignRecoverInit, true, session,
                 mechanism, key);
}

CK_RV C_VerifyInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                   CK_OBJECT_HANDLE key)
{
    return begin(__func__, wrap_real->C_VerifyInit, false, session, mechanism,
                 key);
}

CK_RV C_VerifyRecoverInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                          CK_OBJECT_HANDLE key)
{
    return begin(__func__, wrap_real->C_VerifyRecoverInit, false, session,
                 mechanism, key);
}

CK_RV C_DigestInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism)
{
    struct call c = call_on_session(__func__, &session);

    if (c.rv == CKR_OK && mechanism != NULL
        && wrap_hidden(mechanism->mechanism))
        c.rv = CKR_MECHANISM_INVALID;
    if (c.rv == CKR_OK)
        c.rv = wrap_real->C_DigestInit(session, mechanism);
    return call_end(&c);
}

/* ---- What takes data ----------------------------------------------------- */

static CK_RV take(const char *name, CK_C_SignUpdate real, CK_C_SignFinal finish,
                  CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len)
{
    struct call c = call_on_session(name, &session);

    if (c.rv == CKR_OK && finish != NULL)
        c.rv = pin_operation_goes_on(session, data);
    if (c.rv == CKR_OK)
        c.rv = real(session, data, len);
    else
        abandon(session, NULL, finish, NULL, 0);
    return call_end(&c);
}

CK_RV C_DigestUpdate(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG len)
{
    return take(__func__, wrap_real->C_DigestUpdate, NULL, session, part, len);
}

CK_RV C_SignUpdate(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG len)
{
    return take(__func__, wrap_real->C_SignUpdate, wrap_real->C_SignFinal,
                session, part, len);
}

CK_RV C_VerifyUpdate(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG len)
{
    return take(__func__, wrap_real->C_VerifyUpdate, NULL, session, part, len);
}

CK_RV C_VerifyFinal(CK_SESSION_HANDLE session, CK_BYTE *signature, CK_ULONG len)
{
    return take(__func__, wrap_real->C_VerifyFinal, NULL, session, signature,
                len);
}

CK_RV C_SeedRandom(CK_SESSION_HANDLE session, CK_BYTE *seed, CK_ULONG len)
{
    return take(__func__, wrap_real->C_SeedRandom, NULL, session, seed, len);
}

CK_RV C_DigestKey(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    struct call c = call_on_session(__func__, &session);

    if (c.rv == CKR_OK)
        c.rv = wrap_real->C_DigestKey(session, key);
    return call_end(&c);
}

CK_RV C_Verify(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len,
               CK_BYTE *signature, CK_ULONG signature_len)
{
    struct call c = call_on_session(__func__, &session);

    if (c.rv == CKR_OK)
        c.rv =
            wrap_real->C_Verify(session, data, len, signature, signature_len);
    return call_end(&c);
}

CK_RV C_GenerateRandom(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len)
{
    struct call c = call_on_session(__func__, &session);

    if (c.rv == CKR_OK)
        c.rv = wrap_real->C_GenerateRandom(session, data, len);
    return call_end_object(&c, data, len);
}

/* ---- What turns data into other data ------------------------------------- */

static CK_RV turn(const char *name, CK_C_Sign real, CK_C_SignFinal finish,
                  CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG len,
                  CK_BYTE *out, CK_ULONG *out_len)
{
    struct call c = call_on_session(name, &session);

    if (c.rv == CKR_OK && finish != NULL)
        c.rv = pin_operation_goes_on(session, out);
    if (c.rv == CKR_OK)
        c.rv = real(session, in, len, out, out_len);
    else if (c.rv != CKR_BUFFER_TOO_SMALL)
        abandon(session, real, finish, in, len);
    return call_end_array(&c, out, 1, out_len);
}

CK_RV C_Encrypt(CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG len,
                CK_BYTE *out, CK_ULONG *out_len)
{
    return turn(__func__, wrap_real->C_Encrypt, NULL, session, in, len, out,
                out_len);
}

CK_RV C_EncryptUpdate(CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG len,
                      CK_BYTE *out, CK_ULONG *out_len)
{
    return turn(__func__, wrap_real->C_EncryptUpdate, NULL, session, in, len,
                out, out_len);
}

CK_RV C_Decrypt(CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG len,
                CK_BYTE *out, CK_ULONG *out_len)
{
    return turn(__func__, wrap_real->C_Decrypt, wrap_real->C_DecryptFinal,
                session, in, len, out, out_len);
}

CK_RV C_DecryptUpdate(CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG len,
                      CK_BYTE *out, CK_ULONG *out_len)
{
    return turn(__func__, wrap_real->C_DecryptUpdate, wrap_real->C_DecryptFinal,
                session, in, len, out, out_len);
}

CK_RV C_Digest(CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG len,
               CK_BYTE *out, CK_ULONG *out_len)
{
    return turn(__func__, wrap_real->C_Digest, NULL, session, in, len, out,
                out_len);
}

CK_RV C_Sign(CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG len, CK_BYTE *out,
             CK_ULONG *out_len)
{
    return turn(__func__, wrap_real->C_Sign, wrap_real->C_SignFinal, session,
                in, len, out, out_len);
}

CK_RV C_SignRecover(CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG len,
                    CK_BYTE *out, CK_ULONG *out_len)
{
    return turn(__func__, wrap_real->C_SignRecover, wrap_real->C_SignFinal,
                session, in, len, out, out_len);
}

CK_RV C_VerifyRecover(CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG len,
                      CK_BYTE *out, CK_ULONG *out_len)
{
    return turn(__func__, wrap_real->C_VerifyRecover, NULL, session, in, len,
                out, out_len);
}

CK_RV C_DigestEncryptUpdate(CK_SESSION_HANDLE session, CK_BYTE *in,
                            CK_ULONG len, CK_BYTE *out, CK_ULONG *out_len)
{
    return turn(__func__, wrap_real->C_DigestEncryptUpdate, NULL, session, in,
                len, out, out_len);
}

CK_RV C_DecryptDigestUpdate(CK_SESSION_HANDLE session, CK_BYTE *in,
                            CK_ULONG len, CK_BYTE *out, CK_ULONG *out_len)
{
    return turn(__func__, wrap_real->C_DecryptDigestUpdate, NULL, session, in,
                len, out, out_len);
}

CK_RV C_SignEncryptUpdate(CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG len,
                          CK_BYTE *out, CK_ULONG *out_len)
{
    return turn(__func__, wrap_real->C_SignEncryptUpdate, NULL, session, in,
                len, out, out_len);
}

CK_RV C_DecryptVerifyUpdate(CK_SESSION_HANDLE session, CK_BYTE *in,
                            CK_ULONG len, CK_BYTE *out, CK_ULONG *out_len)
{
    return turn(__func__, wrap_real->C_DecryptVerifyUpdate, NULL, session, in,
                len, out, out_len);
}

/* ---- What ends with data ------------------------------------------------- */

static CK_RV end(const char *name, CK_C_SignFinal real, bool private_key,
                 CK_SESSION_HANDLE session, CK_BYTE *out, CK_ULONG *out_len)
{
    struct call c = call_on_session(name, &session);

    if (c.rv == CKR_OK && private_key)
        c.rv = pin_operation_goes_on(session, out);
    if (c.rv == CKR_OK)
        c.rv = real(session, out, out_len);
    else if (c.rv != CKR_BUFFER_TOO_SMALL)
        abandon(session, NULL, real, NULL, 0);
    return call_end_array(&c, out, 1, out_len);
}

CK_RV C_EncryptFinal(CK_SESSION_HANDLE session, CK_BYTE *out, CK_ULONG *out_len)
{
    return end(__func__, wrap_real->C_EncryptFinal, false, session, out,
               out_len);
}

CK_RV C_DecryptFinal(CK_SESSION_HANDLE session, CK_BYTE *out, CK_ULONG *out_len)
{
    return end(__func__, wrap_real->C_DecryptFinal, true, session, out,
               out_len);
}

CK_RV C_DigestFinal(CK_SESSION_HANDLE session, CK_BYTE *out, CK_ULONG *out_len)
{
    return end(__func__, wrap_real->C_DigestFinal, false, session, out,
               out_len);
}

CK_RV C_SignFinal(CK_SESSION_HANDLE session, CK_BYTE *out, CK_ULONG *out_len)
{
    return end(__func__, wrap_real->C_SignFinal, true, session, out, out_len);
}
