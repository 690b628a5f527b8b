/*
 * Keys of simulated cards, computed by libcrypto.
 */
#include "tests/sim/keys.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "card/error.h"
#include "tests/sim/frame.h"
#include "tests/sim/pki.h"

enum { MAX_COORDINATE = 66, MAX_SIGNATURE = 1024 };

static int add_cert(struct sim_keys *k, const char *dir, const char *name)
{
    X509 *x = pki_load_cert(dir, name);
    struct buf *der = &k->cert[k->count];
    unsigned char *p;
    int len, rc;

    if (x == NULL)
        return CARD_E_CONFIG;
    len = i2d_X509(x, NULL);
    if ((rc = buf_new(der, len > 0 ? (size_t)len : 1)) == 0) {
        p = der->data;
        der->len = (size_t)i2d_X509(x, &p);
    }
    X509_free(x);
    return rc;
}

int sim_keys_add(struct sim_keys *k, const char *dir, const char *name)
{
    int rc;

    if (k->count == nitems(k->key))
        return card_fail(CARD_E_LIMIT, "too many keys on a simulated card");
    if ((rc = add_cert(k, dir, name)) < 0)
        return rc;
    k->key[k->count] = pki_load_key(dir, name);
    return k->key[k->count++] != NULL ? 0 : CARD_E_CONFIG;
}

static bool fill_small(X509 *x, EVP_PKEY *key, size_t comment)
{
    char text[4096] = "";
    ASN1_IA5STRING *note = ASN1_IA5STRING_new();
    X509_NAME *name = X509_get_subject_name(x);
    bool whole = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519, ok;

    memset(text, '.', comment < sizeof(text) ? comment : sizeof(text) - 1);
    ok = note != NULL && ASN1_STRING_set(note, text, -1) == 1 &&
         X509_set_version(x, X509_VERSION_3) == 1 &&
         ASN1_INTEGER_set(X509_get_serialNumber(x), 4711) == 1 &&
         ASN1_TIME_set_string(X509_getm_notBefore(x), "20260101000000Z") == 1 &&
         ASN1_TIME_set_string(X509_getm_notAfter(x), "20460101000000Z") == 1 &&
         X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                    (const unsigned char *)"TEST small", -1,
                                    -1, 0) == 1 &&
         X509_set_issuer_name(x, name) == 1 && X509_set_pubkey(x, key) == 1 &&
         X509_add1_ext_i2d(x, NID_netscape_comment, note, 0,
                           X509V3_ADD_DEFAULT) == 1 &&
         X509_sign(x, key, whole ? NULL : EVP_sha256()) > 0;
    ASN1_IA5STRING_free(note);
    return ok;
}

/* One the key signs for itself, so long; the same each time for RSA keys. */
int sim_keys_small(struct sim_keys *k, size_t index, size_t len)
{
    unsigned char *p;
    int got = 0, rc = CARD_E_CONFIG;

    for (size_t comment = 1; (size_t)got < len; comment++) {
        X509 *x = X509_new();

        if (x != NULL && fill_small(x, k->key[index], comment) &&
            (got = i2d_X509(x, NULL)) > 0 && (size_t)got >= len) {
            buf_free(&k->cert[index]);
            rc = buf_new(&k->cert[index], (size_t)got);
            p = k->cert[index].data;
            if (rc == 0)
                k->cert[index].len = (size_t)i2d_X509(x, &p);
        }
        X509_free(x);
        if (got <= 0)
            return card_fail(CARD_E_CONFIG, "no small certificate");
        if (len - (size_t)got > 8 && (size_t)got < len)
            comment += len - (size_t)got - 8;
    }
    return rc;
}

void sim_keys_clear(struct sim_keys *k)
{
    for (size_t i = 0; i < nitems(k->key); i++) {
        EVP_PKEY_free(k->key[i]);
        buf_free(&k->cert[i]);
    }
    memset(k, 0, sizeof(*k));
}

bool sim_keys_set(struct sim_keys *k, const char *name, const char *value)
{
    static const char *const wrongs[] = {"none", "flip", "previous", "other"};

    for (size_t i = 0; strcmp(name, "wrong") == 0 && i < nitems(wrongs); i++)
        if (strcmp(value, wrongs[i]) == 0) {
            k->wrong = (enum sim_wrong)i;
            return true;
        }
    return false;
}

bool sim_key_is_rsa(const EVP_PKEY *key)
{
    return EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;
}

size_t sim_key_len(const EVP_PKEY *key)
{
    return ((size_t)EVP_PKEY_get_bits(key) + 7) / 8;
}

/* ---- signatures ---------------------------------------------------------- */

/* Another key of the same kind, if there is one. */
static EVP_PKEY *other_key(const struct sim_keys *k, size_t index)
{
    for (size_t i = 0; i < k->count; i++)
        if (i != index && k->key[i] != NULL &&
            EVP_PKEY_get_base_id(k->key[i]) ==
                EVP_PKEY_get_base_id(k->key[index]) &&
            EVP_PKEY_get_bits(k->key[i]) == EVP_PKEY_get_bits(k->key[index]))
            return k->key[i];
    return k->key[index];
}

struct signing {
    int padding; /* RSA_*_PADDING; 0: not RSA */
    const EVP_MD *md;
    bool whole;  /* EdDSA: the message itself */
};

static bool run_signing(EVP_PKEY *key, const struct signing *how,
                        struct bytes in, uint8_t *out, size_t *len)
{
    EVP_MD_CTX *mctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool ok;

    if (how->whole)
        ok = EVP_DigestSignInit(mctx, NULL, NULL, NULL, key) == 1 &&
             EVP_DigestSign(mctx, out, len, in.data, in.len) == 1;
    else
        ok = EVP_PKEY_sign_init(ctx) == 1 &&
             (how->padding == 0 ||
              EVP_PKEY_CTX_set_rsa_padding(ctx, how->padding) == 1) &&
             (how->md == NULL ||
              EVP_PKEY_CTX_set_signature_md(ctx, how->md) == 1) &&
             (how->padding != RSA_PKCS1_PSS_PADDING ||
              EVP_PKEY_CTX_set_rsa_pss_saltlen(
                  ctx, RSA_PSS_SALTLEN_DIGEST) == 1) &&
             EVP_PKEY_sign(ctx, out, len, in.data, in.len) == 1;
    EVP_PKEY_CTX_free(ctx);
    EVP_MD_CTX_free(mctx);
    return ok;
}

/* Rightly, or as the switch says. */
static unsigned sign(struct sim_keys *k, size_t index,
                     const struct signing *how, struct bytes in, uint8_t *sig,
                     size_t *len)
{
    EVP_PKEY *key = k->key[index];
    struct bytes now = in;

    if (key == NULL || in.len > sizeof(k->last))
        return SIM_SW_DATA;
    if (k->wrong == SIM_SIGN_PREVIOUS && k->last_len > 0)
        now = bytes_from(k->last, k->last_len);
    if (k->wrong == SIM_SIGN_OTHER_KEY)
        key = other_key(k, index);
    if (!run_signing(key, how, now, sig, len))
        return SIM_SW_DATA;
    if (k->wrong == SIM_SIGN_FLIP_BIT)
        sig[*len / 2] ^= 0x01;
    if (in.len > 0)
        memcpy(k->last, in.data, in.len);
    k->last_len = in.len;
    return SIM_SW_OK;
}

static unsigned sign_to(struct sim_keys *k, size_t index,
                        const struct signing *how, struct bytes in,
                        struct buf *out)
{
    uint8_t sig[MAX_SIGNATURE];
    size_t len = sizeof(sig);
    unsigned sw = sign(k, index, how, in, sig, &len);

    if (sw != SIM_SW_OK)
        return sw;
    return buf_put(out, bytes_from(sig, len)) < 0 ? SIM_SW_ERROR : sw;
}

unsigned sim_sign_raw(struct sim_keys *k, size_t index, struct bytes block,
                      struct buf *out)
{
    const struct signing how = {.padding = RSA_NO_PADDING};

    return sign_to(k, index, &how, block, out);
}

unsigned sim_sign_pkcs1(struct sim_keys *k, size_t index, struct bytes input,
                        struct buf *out)
{
    const struct signing how = {.padding = RSA_PKCS1_PADDING};

    return sign_to(k, index, &how, input, out);
}

static const EVP_MD *md_of_len(size_t len)
{
    switch (len) {
    case 20:
        return EVP_sha1();
    case 28:
        return EVP_sha224();
    case 32:
        return EVP_sha256();
    case 48:
        return EVP_sha384();
    default:
        return EVP_sha512();
    }
}

unsigned sim_sign_pss(struct sim_keys *k, size_t index, struct bytes hash,
                      struct buf *out)
{
    const struct signing how = {.padding = RSA_PKCS1_PSS_PADDING,
                                .md = md_of_len(hash.len)};

    return sign_to(k, index, &how, hash, out);
}

/* r || s, each as long as the field. */
static bool put_rs(struct bytes der, size_t len, struct buf *out)
{
    const unsigned char *p = der.data;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)der.len);
    uint8_t rs[2 * MAX_COORDINATE];
    bool ok = sig != NULL &&
              BN_bn2binpad(ECDSA_SIG_get0_r(sig), rs, (int)len) > 0 &&
              BN_bn2binpad(ECDSA_SIG_get0_s(sig), rs + len, (int)len) > 0 &&
              buf_put(out, bytes_from(rs, 2 * len)) == 0;

    ECDSA_SIG_free(sig);
    return ok;
}

unsigned sim_sign_ecdsa(struct sim_keys *k, size_t index, struct bytes hash,
                        bool der, struct buf *out)
{
    const struct signing how = {.padding = 0};
    uint8_t sig[MAX_SIGNATURE];
    size_t len = sizeof(sig);
    struct bytes made;
    unsigned sw;

    /* A flipped bit would break the DER: it goes into s instead. */
    sw = sign(k, index, &how, hash, sig, &len);
    if (sw != SIM_SW_OK)
        return sw;
    if (k->wrong == SIM_SIGN_FLIP_BIT) {
        sig[len / 2] ^= 0x01;
        sig[len - 1] ^= 0x01;
    }
    made = bytes_from(sig, len);
    if (der)
        return buf_put(out, made) < 0 ? SIM_SW_ERROR : SIM_SW_OK;
    return put_rs(made, sim_key_len(k->key[index]), out) ? SIM_SW_OK
                                                         : SIM_SW_ERROR;
}

unsigned sim_sign_eddsa(struct sim_keys *k, size_t index, struct bytes message,
                        struct buf *out)
{
    const struct signing how = {.whole = true};

    return sign_to(k, index, &how, message, out);
}

/* ---- decryption ---------------------------------------------------------- */

unsigned sim_decrypt_raw(struct sim_keys *k, size_t index,
                         struct bytes cryptogram, struct buf *out)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(k->key[index], NULL);
    uint8_t block[MAX_SIGNATURE];
    size_t len = sizeof(block);
    bool ok = ctx != NULL && EVP_PKEY_decrypt_init(ctx) == 1 &&
              EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1 &&
              EVP_PKEY_decrypt(ctx, block, &len, cryptogram.data,
                               cryptogram.len) == 1 &&
              buf_put(out, bytes_from(block, len)) == 0;

    EVP_PKEY_CTX_free(ctx);
    return ok ? SIM_SW_OK : SIM_SW_DATA;
}

/* RFC 8017, 7.2.2: 00 02 PS 00 M with at least eight bytes of PS. */
static bool unpad(struct bytes block, struct bytes *message)
{
    size_t i = 2;

    if (block.len < 11 || block.data[0] != 0x00 || block.data[1] != 0x02)
        return false;
    while (i < block.len && block.data[i] != 0x00)
        i++;
    if (i < 10 || i == block.len)
        return false;
    *message = bytes_from(block.data + i + 1, block.len - i - 1);
    return true;
}

unsigned sim_decrypt_pkcs1(struct sim_keys *k, size_t index,
                           struct bytes cryptogram, struct buf *out)
{
    uint8_t space[MAX_SIGNATURE];
    struct buf block = BUF_ON(space);
    struct bytes message;
    unsigned sw = sim_decrypt_raw(k, index, cryptogram, &block);

    if (sw != SIM_SW_OK)
        return sw;
    if (!unpad(buf_view(&block), &message))
        return SIM_SW_DATA;
    return buf_put(out, message) < 0 ? SIM_SW_ERROR : SIM_SW_OK;
}

/* A public key of the same parameters as ours, of that point. */
static EVP_PKEY *peer_of(EVP_PKEY *key, struct bytes point)
{
    EVP_PKEY *peer;

    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_X25519)
        return EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, point.data,
                                           point.len);
    peer = EVP_PKEY_new();
    if (peer != NULL && EVP_PKEY_copy_parameters(peer, key) == 1 &&
        EVP_PKEY_set1_encoded_public_key(peer, point.data, point.len) == 1)
        return peer;
    EVP_PKEY_free(peer);
    return NULL;
}

unsigned sim_derive(struct sim_keys *k, size_t index, struct bytes point,
                    struct buf *out)
{
    EVP_PKEY *key = k->key[index], *peer = peer_of(key, point);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    uint8_t secret[MAX_COORDINATE];
    size_t len = sizeof(secret);
    bool ok = peer != NULL && ctx != NULL &&
              EVP_PKEY_derive_init(ctx) == 1 &&
              EVP_PKEY_derive_set_peer(ctx, peer) == 1 &&
              EVP_PKEY_derive(ctx, secret, &len) == 1 &&
              buf_put(out, bytes_from(secret, len)) == 0;

    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(peer);
    return ok ? SIM_SW_OK : SIM_SW_DATA;
}

/* ---- public halves ------------------------------------------------------- */

static int put_number(const EVP_PKEY *key, const char *name, struct buf *out)
{
    BIGNUM *n = NULL;
    int len, rc = CARD_E_CONFIG;

    if (EVP_PKEY_get_bn_param(key, name, &n) == 1) {
        len = BN_num_bytes(n);
        if ((size_t)len <= out->cap - out->len) {
            BN_bn2bin(n, out->data + out->len);
            out->len += (size_t)len;
            rc = 0;
        }
    }
    BN_free(n);
    return rc;
}

int sim_public_rsa(const EVP_PKEY *key, struct buf *n, struct buf *e)
{
    int rc = put_number(key, OSSL_PKEY_PARAM_RSA_N, n);

    return rc < 0 ? rc : put_number(key, OSSL_PKEY_PARAM_RSA_E, e);
}

int sim_public_point(const EVP_PKEY *key, struct buf *out)
{
    uint8_t point[1 + 2 * MAX_COORDINATE];
    size_t len = 0;

    if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point,
                                        sizeof(point), &len) != 1)
        return card_fail(CARD_E_CONFIG, "a key without a point");
    return buf_put(out, bytes_from(point, len));
}
