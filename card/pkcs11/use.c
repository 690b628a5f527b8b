/*
 * Signing, decrypting, key agreement and decapsulation by a token: one session,
 * one Init, one operation, nothing asked before or after.
 */
#include "card/pkcs11/p11.h"

#include <string.h>

/* One operation under way. */
struct operation {
    struct token *token;
    const struct card_key_info *key;
    struct p11_session session;
    CK_OBJECT_HANDLE object;
};

static int begin(struct operation *op, struct token *t,
                 const struct card_key_info *key)
{
    struct p11_slot *slot = p11_slot_of(t);
    CK_RV rv;
    int rc;

    op->token = t;
    op->key = key;
    if ((rc = p11_session_take(slot, &op->session)) < 0)
        return rc;
    rc = p11_object_handle(&op->session, key, &op->object, &rv);
    if (rc < 0)
        p11_session_give(slot, &op->session, rv);
    return rc;
}

static int end(struct operation *op, CK_RV rv, const char *function)
{
    if (rv == CKR_KEY_HANDLE_INVALID || rv == CKR_OBJECT_HANDLE_INVALID)
        p11_object_forget(op->key);
    p11_session_give(p11_slot_of(op->token), &op->session, rv);
    return p11_error(rv, function);
}

/*
 * Where the token wants the PIN for each use. Without it the operation stays
 * under way: that session is closed.
 */
static int consent(struct operation *op)
{
    int rc;

    if (!op->key->user_consent ||
        (rc = p11_consent(op->token, &op->session)) == 0)
        return 0;
    p11_session_give(p11_slot_of(op->token), &op->session,
                     CKR_OPERATION_ACTIVE);
    return rc;
}

/* ---- mechanisms ---------------------------------------------------------- */

static const struct {
    CK_MECHANISM_TYPE hash, mgf;
} hashes[] = {
    [CARD_HASH_SHA1] = {CKM_SHA_1, CKG_MGF1_SHA1},
    [CARD_HASH_SHA224] = {CKM_SHA224, CKG_MGF1_SHA224},
    [CARD_HASH_SHA256] = {CKM_SHA256, CKG_MGF1_SHA256},
    [CARD_HASH_SHA384] = {CKM_SHA384, CKG_MGF1_SHA384},
    [CARD_HASH_SHA512] = {CKM_SHA512, CKG_MGF1_SHA512},
};

/* A mechanism with its parameters, to be used where it stands. */
struct mechanism {
    CK_MECHANISM ck;
    CK_RSA_PKCS_PSS_PARAMS pss;
    CK_RSA_PKCS_OAEP_PARAMS oaep;
};

static void set_pss(struct mechanism *m, const struct card_tbs *tbs)
{
    m->pss.hashAlg = hashes[tbs->hash].hash;
    m->pss.mgf = hashes[tbs->mgf_hash].mgf;
    m->pss.sLen = tbs->salt_len;
    m->ck = (CK_MECHANISM){CKM_RSA_PKCS_PSS, &m->pss, sizeof(m->pss)};
}

static void set_signing(struct mechanism *m, enum card_key_type type,
                        const struct card_tbs *tbs)
{
    static const CK_MECHANISM_TYPE paddings[] = {
        [CARD_PAD_PKCS1] = CKM_RSA_PKCS,
        [CARD_PAD_NONE] = CKM_RSA_X_509,
    };

    m->ck = (CK_MECHANISM){CKM_ECDSA, NULL, 0};
    if (type == CARD_KEY_RSA && tbs->padding == CARD_PAD_PSS)
        set_pss(m, tbs);
    else if (type == CARD_KEY_RSA)
        m->ck.mechanism = paddings[tbs->padding];
    else if (card_key_is_ml_dsa(type))
        m->ck.mechanism = CKM_ML_DSA;
    else if (type != CARD_KEY_EC)
        m->ck.mechanism = CKM_EDDSA;
}

static int set_decrypting(struct mechanism *m, const struct card_unpad *how)
{
    switch (how->padding) {
    case CARD_UNPAD_NONE:
        m->ck = (CK_MECHANISM){CKM_RSA_X_509, NULL, 0};
        return 0;
    case CARD_UNPAD_PKCS1:
        m->ck = (CK_MECHANISM){CKM_RSA_PKCS, NULL, 0};
        return 0;
    case CARD_UNPAD_OAEP:
        m->oaep.hashAlg = hashes[how->hash].hash;
        m->oaep.mgf = hashes[how->mgf_hash].mgf;
        m->oaep.source = CKZ_DATA_SPECIFIED;
        m->oaep.pSourceData = p11_unconst(how->label.data);
        m->oaep.ulSourceDataLen = how->label.len;
        m->ck = (CK_MECHANISM){CKM_RSA_PKCS_OAEP, &m->oaep, sizeof(m->oaep)};
        return 0;
    default:
        return card_fail(CARD_E_UNSUPPORTED, "no mechanism takes that padding "
                         "off");
    }
}

/* ---- signing ------------------------------------------------------------- */

/* What the mechanism wants: DigestInfo, hash, padded block or message. */
static int signing_input(const struct card_key_info *key,
                         const struct card_tbs *tbs, struct buf *space,
                         struct bytes *out)
{
    struct bytes value = bytes_from(tbs->value, tbs->len);
    enum card_key_type type = key->type;
    size_t field = (key->bits + 7) / 8;
    int rc;

    /* FIPS 186-5, 6.4.1: the leftmost bits. Some tokens refuse more. */
    if (type == CARD_KEY_EC && value.len > field)
        value.len = field;
    *out = type == CARD_KEY_RSA || type == CARD_KEY_EC ? value : tbs->message;
    if (type != CARD_KEY_RSA || tbs->padding != CARD_PAD_PKCS1 ||
        tbs->hash == CARD_HASH_NONE)
        return 0;
    rc = hash_digest_info(tbs->hash, value, space);
    *out = buf_view(space);
    return rc;
}

/* CKR_OK with an impossible length is no success. */
static int take_output(struct buf *out, CK_ULONG len, const char *function)
{
    if (len > out->cap)
        return card_fail(CARD_E_PROTOCOL, "%s: %lu bytes where %zu fit",
                         function, len, out->cap);
    out->len = len;
    return 0;
}

static int sign_with(struct operation *op, struct mechanism *m,
                     struct bytes in, struct buf *sig)
{
    const struct p11_session *s = &op->session;
    CK_ULONG len = sig->cap;
    CK_RV rv = s->f->C_SignInit(s->handle, &m->ck, op->object);
    int rc;

    if (rv != CKR_OK)
        return end(op, rv, "C_SignInit");
    if ((rc = consent(op)) < 0)
        return rc;
    rv = s->f->C_Sign(s->handle, p11_unconst(in.data), in.len, sig->data,
                      &len);
    rc = end(op, rv, "C_Sign");
    return rc < 0 ? rc : take_output(sig, len, "C_Sign");
}

int p11_sign(struct token *t, const struct card_key_info *key,
             const struct card_tbs *tbs, struct buf *sig)
{
    uint8_t space[CARD_MAX_HASH + 32];
    struct buf info = BUF_ON(space);
    struct operation op;
    struct mechanism m;
    struct bytes in;
    int rc;

    set_signing(&m, key->type, tbs);
    if ((rc = signing_input(key, tbs, &info, &in)) < 0 ||
        (rc = begin(&op, t, key)) < 0)
        return rc;
    return sign_with(&op, &m, in, sig);
}

/* ---- decrypting ---------------------------------------------------------- */

/*
 * What a token may say of bad padding. SoftHSM, and others on libcrypto, know
 * CKR_GENERAL_ERROR only, and a vendor may have a word of its own; where the
 * block itself is asked for, padding is no matter.
 */
static CK_RV padding_error(const struct card_unpad *how, CK_RV rv)
{
    if (how->padding == CARD_UNPAD_NONE)
        return rv;
    if ((rv & CKR_VENDOR_DEFINED) != 0)
        return CKR_ENCRYPTED_DATA_INVALID;
    switch (rv) {
    case CKR_DEVICE_ERROR:
    case CKR_GENERAL_ERROR:
    case CKR_FUNCTION_FAILED:
    case CKR_DATA_INVALID:
    case CKR_DATA_LEN_RANGE:
        return CKR_ENCRYPTED_DATA_INVALID;
    default:
        return rv;
    }
}

/* CARD_E_STATUS would say that the padding is bad: it was not looked at. */
static int before_padding(int rc)
{
    return rc == CARD_E_STATUS ? CARD_E_PROTOCOL : rc;
}

static int decrypt_with(struct operation *op, struct mechanism *m,
                        const struct card_unpad *how, struct bytes in,
                        struct buf *plain)
{
    const struct p11_session *s = &op->session;
    CK_ULONG len = plain->cap;
    CK_RV rv = s->f->C_DecryptInit(s->handle, &m->ck, op->object);
    int rc;

    if (rv != CKR_OK)
        return before_padding(end(op, rv, "C_DecryptInit"));
    if ((rc = consent(op)) < 0)
        return before_padding(rc);
    rv = s->f->C_Decrypt(s->handle, p11_unconst(in.data), in.len, plain->data,
                         &len);
    rc = end(op, padding_error(how, rv), "C_Decrypt");
    return rc < 0 ? rc : take_output(plain, len, "C_Decrypt");
}

int p11_decrypt(struct token *t, const struct card_key_info *key,
                const struct card_unpad *how, struct bytes cryptogram,
                struct buf *plain)
{
    struct operation op;
    struct mechanism m;
    int rc;

    if ((rc = set_decrypting(&m, how)) < 0 || (rc = begin(&op, t, key)) < 0)
        return before_padding(rc);
    return decrypt_with(&op, &m, how, cryptogram, plain);
}

/* ---- secrets shared with a peer ------------------------------------------ */

/*
 * As an object of this session that may be read, and is then destroyed. Its
 * length is last: of a decapsulated one it is not asked for.
 */
struct secret_template {
    CK_OBJECT_CLASS class;
    CK_KEY_TYPE type;
    CK_BBOOL yes, no;
    CK_ULONG len;
    CK_ATTRIBUTE list[6];
};

static void set_template(struct secret_template *t, CK_ULONG len)
{
    t->class = CKO_SECRET_KEY;
    t->type = CKK_GENERIC_SECRET;
    t->yes = CK_TRUE;
    t->no = CK_FALSE;
    t->len = len;
    t->list[0] = (CK_ATTRIBUTE){CKA_CLASS, &t->class, sizeof(t->class)};
    t->list[1] = (CK_ATTRIBUTE){CKA_KEY_TYPE, &t->type, sizeof(t->type)};
    t->list[2] = (CK_ATTRIBUTE){CKA_TOKEN, &t->no, sizeof(t->no)};
    t->list[3] = (CK_ATTRIBUTE){CKA_SENSITIVE, &t->no, sizeof(t->no)};
    t->list[4] = (CK_ATTRIBUTE){CKA_EXTRACTABLE, &t->yes, sizeof(t->yes)};
    t->list[5] = (CK_ATTRIBUTE){CKA_VALUE_LEN, &t->len, sizeof(t->len)};
}

static CK_RV derive_secret(const struct operation *op, struct bytes point,
                           CK_ULONG len, CK_OBJECT_HANDLE *out)
{
    CK_ECDH1_DERIVE_PARAMS params = {.kdf = CKD_NULL};
    CK_MECHANISM m = {CKM_ECDH1_DERIVE, &params, sizeof(params)};
    struct secret_template t;

    set_template(&t, len);
    params.pPublicData = p11_unconst(point.data);
    params.ulPublicDataLen = point.len;
    return op->session.f->C_DeriveKey(op->session.handle, &m, op->object,
                                      t.list, nitems(t.list), out);
}

/* The peer's point bare, or, for tokens that want it so, an OCTET STRING. */
static CK_RV derive_from(const struct operation *op, struct bytes peer,
                         CK_ULONG len, CK_OBJECT_HANDLE *out)
{
    uint8_t space[160];
    struct buf wrapped = BUF_ON(space);
    CK_RV rv = derive_secret(op, peer, len, out);

    if (rv == CKR_OK || peer.len > 0xFF)
        return rv;
    if (buf_put_u8(&wrapped, 0x04) < 0 ||
        (peer.len > 0x7F && buf_put_u8(&wrapped, 0x81) < 0) ||
        buf_put_u8(&wrapped, (uint8_t)peer.len) < 0 ||
        buf_put(&wrapped, peer) < 0)
        return rv;
    return derive_secret(op, buf_view(&wrapped), len, out) == CKR_OK ? CKR_OK
                                                                     : rv;
}

static CK_RV read_secret(const struct operation *op, CK_OBJECT_HANDLE object,
                         struct buf *secret, int *rc)
{
    const struct p11_session *s = &op->session;
    CK_ATTRIBUTE value = {CKA_VALUE, secret->data, secret->cap};
    CK_RV rv = s->f->C_GetAttributeValue(s->handle, object, &value, 1);

    if (rv == CKR_OK)
        *rc = take_output(secret, value.ulValueLen, "C_GetAttributeValue");
    s->f->C_DestroyObject(s->handle, object);
    return rv;
}

int p11_derive(struct token *t, const struct card_key_info *key,
               struct bytes peer, struct buf *secret)
{
    CK_OBJECT_HANDLE object = 0;
    struct operation op;
    CK_RV rv;
    int rc, checked = 0;

    if ((rc = begin(&op, t, key)) < 0)
        return rc;
    rv = derive_from(&op, peer, (key->bits + 7) / 8, &object);
    if (rv != CKR_OK)
        return end(&op, rv, "C_DeriveKey");
    rv = read_secret(&op, object, secret, &checked);
    rc = end(&op, rv, "C_GetAttributeValue");
    return rc < 0 ? rc : checked;
}

static CK_RV decapsulate(const struct operation *op, struct bytes ciphertext,
                         CK_OBJECT_HANDLE *out)
{
    p11_decapsulate_fn *function =
        p11_module_decapsulate(p11_slot_of(op->token)->module);
    CK_MECHANISM m = {CKM_ML_KEM, NULL, 0};
    struct secret_template t;

    if (function == NULL)
        return CKR_FUNCTION_NOT_SUPPORTED;
    set_template(&t, 0);
    return function(op->session.handle, &m, op->object, t.list,
                    nitems(t.list) - 1, p11_unconst(ciphertext.data),
                    ciphertext.len, out);
}

int p11_decapsulate(struct token *t, const struct card_key_info *key,
                    struct bytes ciphertext, struct buf *secret)
{
    CK_OBJECT_HANDLE object = 0;
    struct operation op;
    CK_RV rv;
    int rc, checked = 0;

    if ((rc = begin(&op, t, key)) < 0)
        return rc;
    if ((rv = decapsulate(&op, ciphertext, &object)) != CKR_OK)
        return end(&op, rv, "C_DecapsulateKey");
    rv = read_secret(&op, object, secret, &checked);
    rc = end(&op, rv, "C_GetAttributeValue");
    return rc < 0 ? rc : checked;
}
