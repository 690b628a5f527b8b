/*
 * The attributes of one object on a token. Included by card/pkcs11/ *.c only.
 */
#ifndef CARD_PKCS11_ATTRIBUTES_H
#define CARD_PKCS11_ATTRIBUTES_H

#include "card/pkcs11/p11.h"

enum {
    P11_SPKI_MAX = CARD_MAX_ML_PUBLIC + 64,
    P11_POINT_MAX = 160, /* of P-521, wrapped */
    P11_PARAMS_MAX = 64,
    P11_MAX_ALLOWED = 64
};

/* All we ask of any object; what it has not is empty or false. */
struct attributes {
    CK_KEY_TYPE type;
    CK_BBOOL sign, decrypt, derive, decapsulate, always_auth;
    CK_ULONG parameter_set; /* of ML-DSA and ML-KEM: CKP_... */
    CK_ULONG category; /* of certificates: 2 is an authority */
    struct buf id, label, modulus, exponent, params, point;
    struct buf allowed; /* of CK_MECHANISM_TYPE */
    struct buf value; /* of certificates, ML-DSA, ML-KEM; on the heap */
    CK_MECHANISM_TYPE allowed_space[P11_MAX_ALLOWED];
    uint8_t id_space[CARD_ID_MAX], label_space[CARD_LABEL_MAX - 1];
    uint8_t modulus_space[CARD_MAX_SIGNATURE];
    uint8_t exponent_space[CARD_MAX_SIGNATURE];
    uint8_t params_space[P11_PARAMS_MAX], point_space[P11_POINT_MAX];
};

/* The keys of v3.2 that a parameter set tells apart. */
struct p11_ml_set {
    enum card_key_type type;
    CK_KEY_TYPE key_type;
    CK_ULONG parameter_set;
    CK_MECHANISM_TYPE generate;
};
extern const struct p11_ml_set p11_ml_sets[];
extern const size_t p11_ml_set_count;

/* CARD_E_MEMORY, *out NULL. Free with attributes_free, NULL allowed. */
int attributes_new(enum card_kind kind, struct attributes **out);
void attributes_free(struct attributes *a);
/*
 * Read what is wanted of an object of that kind. Returns what is for
 * p11_session_give; *rc is CARD_E_PROTOCOL for an answer that cannot be.
 */
CK_RV attributes_read(const struct p11_session *s, CK_OBJECT_HANDLE object,
                      enum card_kind kind, struct attributes *a, int *rc);
/* SubjectPublicKeyInfo, if they hold it; else nothing is appended. */
int attributes_public_half(const struct attributes *a, struct buf *spki);
/* All but `object`. CARD_E_UNSUPPORTED: another kind of key. */
int attributes_key(const struct token *t, const struct attributes *a,
                   struct card_key_info *out);
/* Enum card_can of a private key: what it may, of what the token can. */
unsigned attributes_can(const struct p11_token *priv,
                        const struct attributes *a, enum card_key_type type);
/* Enum card_can for a list of mechanisms. */
unsigned attributes_mechanisms_can(const CK_MECHANISM_TYPE *list,
                                   size_t count);
/* An RSA key that may sign PSS alone: what OpenSSL calls an RSA-PSS key. */
bool attributes_pss_only(const struct attributes *a);
void attributes_cert(const struct attributes *a, struct card_cert_info *out);

#endif
