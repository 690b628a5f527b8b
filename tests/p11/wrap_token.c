/*
 * Slots, tokens and sessions of p11-wrap.so (wrap.h).
 */
#include "tests/p11/wrap.h"

CK_RV C_GetSlotList(CK_BBOOL token_present, CK_SLOT_ID *list, CK_ULONG *count)
{
    struct call c = call_start(__func__);

    wrap_slot_shift_read();
    if (c.rv == CKR_OK && token_present && !wrap_token_present())
        *count = 0;
    else if (c.rv == CKR_OK)
        c.rv = wrap_real->C_GetSlotList(token_present, list, count);
    for (CK_ULONG i = 0; c.rv == CKR_OK && list != NULL && i < *count; i++)
        list[i] = wrap_slot_out(list[i]);
    return call_end_array(&c, list, sizeof(*list), count);
}

CK_RV C_GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
    struct call c = call_start(__func__);

    if (c.rv == CKR_OK)
        c.rv = wrap_real->C_GetSlotInfo(slot - wrap_slot_out(0), info);
    if (c.rv == CKR_OK) {
        info->flags |= CKF_REMOVABLE_DEVICE;
        if (!wrap_token_present())
            info->flags &= ~CKF_TOKEN_PRESENT;
    }
    return call_end_object(&c, info, sizeof(*info));
}

CK_RV C_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID *slot, void *reserved)
{
    struct call c = call_start(__func__);

    if (c.rv == CKR_OK)
        c.rv = wrap_real->C_WaitForSlotEvent(flags, slot, reserved);
    if (c.rv == CKR_OK)
        *slot = wrap_slot_out(*slot);
    return call_end_object(&c, slot, sizeof(*slot));
}

CK_RV C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    struct call c = call_on_slot(__func__, &slot);

    if (c.rv == CKR_OK)
        c.rv = wrap_real->C_GetTokenInfo(slot, info);
    if (c.rv == CKR_OK)
        pin_token_flags(&info->flags);
    return call_end_object(&c, info, sizeof(*info));
}

CK_RV C_InitToken(CK_SLOT_ID slot, CK_BYTE *pin, CK_ULONG len, CK_BYTE *label)
{
    struct call c = call_on_slot(__func__, &slot);

    if (c.rv == CKR_OK)
        c.rv = wrap_real->C_InitToken(slot, pin, len, label);
    return call_end(&c);
}

CK_RV C_InitPIN(CK_SESSION_HANDLE session, CK_BYTE *pin, CK_ULONG len)
{
    struct call c = call_on_session(__func__, &session);

    if (c.rv == CKR_OK)
        c.rv = wrap_real->C_InitPIN(session, pin, len);
    return call_end(&c);
}

CK_RV C_SetPIN(CK_SESSION_HANDLE session, CK_BYTE *old, CK_ULONG old_len,
               CK_BYTE *new, CK_ULONG new_len)
{
    struct call c = call_on_session(__func__, &session);

    if (c.rv == CKR_OK)
        c.rv = wrap_real->C_SetPIN(session, old, old_len, new, new_len);
    return call_end(&c);
}

/* ---- Mechanisms ---------------------------------------------------------- */

static CK_RV mechanism_list(CK_SLOT_ID slot, CK_MECHANISM_TYPE *list,
                            CK_ULONG *count)
{
    CK_MECHANISM_TYPE all[1024];
    CK_ULONG all_count = sizeof(all) / sizeof(all[0]), n = 0;
    CK_ULONG room = list == NULL ? 0 : *count;
    CK_RV rv = wrap_real->C_GetMechanismList(slot, all, &all_count);

    if (rv != CKR_OK)
        return rv;
    for (CK_ULONG i = 0; i < all_count; i++) {
        if (wrap_hidden(all[i]))
            continue;
        if (n < room)
            list[n] = all[i];
        n++;
    }
    *count = n;
    return list != NULL && n > room ? CKR_BUFFER_TOO_SMALL : CKR_OK;
}

CK_RV C_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE *list,
                         CK_ULONG *count)
{
    struct call c = call_on_slot(__func__, &slot);

    if (c.rv == CKR_OK)
        c.rv = mechanism_list(slot, list, count);
    return call_end_array(&c, list, sizeof(*list), count);
}

CK_RV C_GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type,
                         CK_MECHANISM_INFO *info)
{
    struct call c = call_on_slot(__func__, &slot);

    if (c.rv == CKR_OK && wrap_hidden(type))
        c.rv = CKR_MECHANISM_INVALID;
    if (c.rv == CKR_OK)
        c.rv = wrap_real->C_GetMechanismInfo(slot, type, info);
    return call_end_object(&c, info, sizeof(*info));
}

/* ---- Sessions ------------------------------------------------------------ */

CK_RV C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void *application,
                    CK_NOTIFY notify, CK_SESSION_HANDLE *session)
{
    struct call c = call_on_slot(__func__, &slot);

    if (c.rv == CKR_OK)
        c.rv =
            wrap_real->C_OpenSession(slot, flags, application, notify, session);
    if (c.rv == CKR_OK) {
        pin_log_in_unasked(*session);
        *session = wrap_session_out(*session);
    }
    return call_end_object(&c, session, sizeof(*session));
}

CK_RV C_CloseSession(CK_SESSION_HANDLE session)
{
    struct call c = call_on_session(__func__, &session);

    if (c.rv == CKR_OK)
        c.rv = wrap_real->C_CloseSession(session);
    if (c.rv == CKR_OK)
        pin_session_closed(session);
    return call_end(&c);
}

CK_RV C_CloseAllSessions(CK_SLOT_ID slot)
{
    struct call c = call_on_slot(__func__, &slot);

    if (c.rv == CKR_OK)
        c.rv = wrap_real->C_CloseAllSessions(slot);
    if (c.rv == CKR_OK)
        pin_forget();
    return call_end(&c);
}

CK_RV C_GetSessionInfo(CK_SESSION_HANDLE session, CK_SESSION_INFO *info)
{
    struct call c = call_on_session(__func__, &session);

    if (c.rv == CKR_OK)
        c.rv = wrap_real->C_GetSessionInfo(session, info);
    if (c.rv == CKR_OK) {
        info->slotID = wrap_slot_out(info->slotID);
        pin_session_state(&info->state);
    }
    return call_end_object(&c, info, sizeof(*info));
}

CK_RV C_GetOperationState(CK_SESSION_HANDLE session, CK_BYTE *state,
                          CK_ULONG *len)
{
    struct call c = call_on_session(__func__, &session);

    if (c.rv == CKR_OK)
        c.rv = wrap_real->C_GetOperationState(session, state, len);
    return call_end_array(&c, state, 1, len);
}

CK_RV C_SetOperationState(CK_SESSION_HANDLE session, CK_BYTE *state,
                          CK_ULONG len, CK_OBJECT_HANDLE encryption,
                          CK_OBJECT_HANDLE authentication)
{
    struct call c = call_on_session(__func__, &session);

    if (c.rv == CKR_OK)
        c.rv = wrap_real->C_SetOperationState(session, state, len, encryption,
                                              authentication);
    return call_end(&c);
}

CK_RV C_GetFunctionStatus(CK_SESSION_HANDLE session)
{
    struct call c = call_on_session(__func__, &session);

    if (c.rv == CKR_OK)
        c.rv = wrap_real->C_GetFunctionStatus(session);
    return call_end(&c);
}

CK_RV C_CancelFunction(CK_SESSION_HANDLE session)
{
    struct call c = call_on_session(__func__, &session);

    if (c.rv == CKR_OK)
        c.rv = wrap_real->C_CancelFunction(session);
    return call_end(&c);
}
