/*
 * libcrypto behind a few functions: certificates and public keys, the check of
 * what a card signed, and what paddings are made of.
 */
#include "card/base/crypto.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "card/base/lock.h"
#include "card/error.h"
#include "card/object.h"

enum { SECRET_LEN = 32, HMAC_LEN = 32 };

struct crypto {
    struct lock lock;
    OSSL_LIB_CTX *libctx;
    uint8_t secret[SECRET_LEN]; /* of crypto_derive */
};

/*
 * In a child forked while another thread was in libcrypto, the context's locks
 * may be held by nobody: it is left behind, unfreed, for one of the child's
 * own.
 */
static OSSL_LIB_CTX *own_libctx(struct crypto *c)
{
    OSSL_LIB_CTX *libctx;

    if (lock_take(&c->lock))
        c->libctx = OSSL_LIB_CTX_new();
    libctx = c->libctx;
    lock_release(&c->lock);
    return libctx;
}

int crypto_new(struct crypto **out)
{
    struct crypto *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    if (lock_init(&c->lock) < 0)
        goto fail;
    if ((c->libctx = OSSL_LIB_CTX_new()) == NULL ||
        RAND_priv_bytes_ex(c->libctx, c->secret, sizeof(c->secret), 0) != 1) {
        crypto_free(c);
        return card_fail(CARD_E_MEMORY, "libcrypto: no library context");
    }
    *out = c;
    return 0;
fail:
    free(c);
    return card_fail(CARD_E_MEMORY, "out of memory");
}

void crypto_free(struct crypto *crypto)
{
    if (crypto == NULL)
        return;
    OSSL_LIB_CTX_free(own_libctx(crypto));
    lock_destroy(&crypto->lock);
    memory_wipe(crypto->secret, sizeof(crypto->secret));
    free(crypto);
}

static X509 *parse_cert(OSSL_LIB_CTX *libctx, struct bytes der)
{
    const unsigned char *p = der.data;
    X509 *x;

    if (der.len > CARD_MAX_FILE)
        return NULL;
    ERR_set_mark(); /* what fails here is said in our own words */
    if ((x = X509_new_ex(libctx, NULL)) != NULL)
        d2i_X509(&x, &p, (long)der.len); /* on error it frees it: NULL */
    ERR_pop_to_mark();
    return x;
}

/* The common name after number *at, -1 at first; *len is below 0 at the end. */
static unsigned char *next_common_name(const X509_NAME *name, int *at,
                                       int *len)
{
    unsigned char *utf8 = NULL;

    *len = -1;
    *at = X509_NAME_get_index_by_NID(name, NID_commonName, *at);
    if (*at >= 0)
        *len = ASN1_STRING_to_UTF8(
            &utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, *at)));
    return utf8;
}

static bool name_has_common_name(const X509_NAME *name, const char *text)
{
    int at = -1, len;

    do {
        unsigned char *utf8 = next_common_name(name, &at, &len);
        bool same = len >= 0 && (size_t)len == strlen(text) &&
                    memcmp(utf8, text, (size_t)len) == 0;

        OPENSSL_free(utf8);
        if (same)
            return true;
    } while (at >= 0);
    return false;
}

static const X509_NAME *name_of(const X509 *x, enum crypto_name which)
{
    return which == CRYPTO_SUBJECT ? X509_get_subject_name(x)
                                   : X509_get_issuer_name(x);
}

bool crypto_cert_has_common_name(struct bytes cert, enum crypto_name which,
                                 const char *text)
{
    X509 *x = parse_cert(NULL, cert);
    bool found;

    if (x == NULL)
        return false;
    found = name_has_common_name(name_of(x, which), text);
    X509_free(x);
    return found;
}

int crypto_cert_common_name(struct bytes cert, enum crypto_name which,
                            struct buf *out)
{
    X509 *x = parse_cert(NULL, cert);
    unsigned char *utf8 = NULL;
    int at = -1, len = -1, rc;

    if (x != NULL)
        utf8 = next_common_name(name_of(x, which), &at, &len);
    if (len <= 0 || memchr(utf8, '\0', (size_t)len) != NULL)
        rc = card_fail(CARD_E_NOT_FOUND, "no common name");
    else
        rc = buf_put(out, bytes_from(utf8, (size_t)len));
    OPENSSL_free(utf8);
    X509_free(x);
    return rc;
}

static bool seconds_of(const ASN1_TIME *time, int64_t *out)
{
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days, seconds;
    bool ok = epoch != NULL &&
              ASN1_TIME_diff(&days, &seconds, epoch, time) == 1;

    if (ok)
        *out = (int64_t)days * 86400 + seconds;
    ASN1_TIME_free(epoch);
    return ok;
}

bool crypto_cert_dates(struct bytes cert, struct crypto_dates *out)
{
    X509 *x = parse_cert(NULL, cert);
    bool ok;

    ERR_set_mark();
    ok = x != NULL && seconds_of(X509_get0_notBefore(x), &out->not_before) &&
         seconds_of(X509_get0_notAfter(x), &out->not_after);
    ERR_pop_to_mark();
    X509_free(x);
    return ok;
}

int crypto_derive(struct crypto *crypto, struct bytes input,
                  struct buf *out)
{
    uint8_t counter[4] = {0}, mac[HMAC_LEN], seed[HMAC_LEN];
    OSSL_LIB_CTX *libctx = own_libctx(crypto);
    int rc = CARD_E_MEMORY;

    /* One pass over the input, then short blocks: seed = HMAC(secret, in). */
    if (EVP_Q_mac(libctx, "HMAC", NULL, "SHA256", NULL, crypto->secret,
                  sizeof(crypto->secret), input.data, input.len, seed,
                  sizeof(seed), NULL) == NULL)
        goto out;
    for (out->len = 0; out->len < out->cap; counter[3]++) {
        size_t n = out->cap - out->len;

        if (EVP_Q_mac(libctx, "HMAC", NULL, "SHA256", NULL, seed,
                      sizeof(seed), counter, sizeof(counter), mac, sizeof(mac),
                      NULL) == NULL)
            goto out;
        n = n < sizeof(mac) ? n : sizeof(mac);
        memcpy(out->data + out->len, mac, n);
        out->len += n;
    }
    rc = 0;
out:
    memory_wipe(seed, sizeof(seed));
    memory_wipe(mac, sizeof(mac));
    return rc == 0 ? 0 : card_fail(rc, "libcrypto: HMAC failed");
}

int crypto_hash(struct crypto *crypto, enum card_hash hash, struct bytes data,
                struct buf *out)
{
    uint8_t value[CARD_MAX_HASH];
    int rc;

    if (hash == CARD_HASH_NONE)
        return card_fail(CARD_E_ARGUMENT, "no hash is named");
    if (EVP_Q_digest(own_libctx(crypto), hash_name(hash), NULL, data.data,
                     data.len, value, NULL) != 1)
        return card_fail(CARD_E_MEMORY, "libcrypto: %s failed",
                         hash_name(hash));
    rc = buf_put(out, bytes_from(value, hash_len(hash)));
    memory_wipe(value, sizeof(value));
    return rc;
}

static bool update_repeated(EVP_MD_CTX *ctx, struct bytes data, size_t count)
{
    bool ok = EVP_DigestUpdate(ctx, data.data, data.len) == 1;

    for (size_t done = data.len; ok && done < count; done += data.len) {
        if (data.len > count - done)
            data.len = count - done;
        ok = EVP_DigestUpdate(ctx, data.data, data.len) == 1;
    }
    return ok;
}

int crypto_hash_repeated(struct crypto *crypto, enum card_hash hash,
                         struct bytes data, size_t count, struct buf *out)
{
    uint8_t value[CARD_MAX_HASH];
    EVP_MD *md;
    EVP_MD_CTX *ctx;
    int rc;

    if (hash == CARD_HASH_NONE || data.len == 0)
        return card_fail(CARD_E_ARGUMENT, "no hash is named, or no data");
    md = EVP_MD_fetch(own_libctx(crypto), hash_name(hash), NULL);
    ctx = EVP_MD_CTX_new();
    if (md == NULL || ctx == NULL ||
        EVP_DigestInit_ex2(ctx, md, NULL) != 1 ||
        !update_repeated(ctx, data, count) ||
        EVP_DigestFinal_ex(ctx, value, NULL) != 1)
        rc = card_fail(CARD_E_MEMORY, "libcrypto: %s failed",
                       hash_name(hash));
    else
        rc = buf_put(out, bytes_from(value, hash_len(hash)));
    EVP_MD_CTX_free(ctx);
    EVP_MD_free(md);
    memory_wipe(value, sizeof(value));
    return rc;
}

static int mgf1_block(struct crypto *crypto, enum card_hash hash,
                      struct bytes seed, uint16_t counter, struct buf *mask)
{
    uint8_t space[CARD_MAX_SIGNATURE + 4];
    struct buf input = BUF_ON(space);
    int rc;

    mask->len = 0;
    if ((rc = buf_put(&input, seed)) == 0 &&
        (rc = buf_put_u16(&input, 0)) == 0 &&
        (rc = buf_put_u16(&input, counter)) == 0)
        rc = crypto_hash(crypto, hash, buf_view(&input), mask);
    buf_wipe(&input);
    return rc;
}

int crypto_mgf1_xor(struct crypto *crypto, enum card_hash hash,
                    struct bytes seed, struct buf *data)
{
    uint8_t space[CARD_MAX_HASH];
    struct buf mask = BUF_ON(space);
    size_t done = 0;
    int rc = 0;

    for (uint16_t counter = 0; rc == 0 && done < data->len; counter++) {
        rc = mgf1_block(crypto, hash, seed, counter, &mask);
        for (size_t i = 0; i < mask.len && done < data->len; i++)
            data->data[done++] ^= mask.data[i];
    }
    buf_wipe(&mask);
    return rc;
}

int crypto_random(struct crypto *crypto, struct buf *out)
{
    out->len = 0;
    if (RAND_priv_bytes_ex(own_libctx(crypto), out->data, out->cap, 0) != 1)
        return card_fail(CARD_E_MEMORY, "libcrypto: no random bytes");
    out->len = out->cap;
    return 0;
}

int crypto_cert_spki(struct crypto *crypto, struct bytes cert,
                     struct buf *spki)
{
    X509 *x = parse_cert(own_libctx(crypto), cert);
    unsigned char *der = NULL;
    int len, rc;

    if (x == NULL)
        return card_fail(CARD_E_PROTOCOL, "what the card holds as a "
                                          "certificate is none");
    len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
    rc = len < 0 ? card_fail(CARD_E_MEMORY, "out of memory")
                 : buf_put(spki, bytes_from(der, (size_t)len));
    OPENSSL_free(der);
    X509_free(x);
    return rc;
}

static const struct key_kind {
    const char *name; /* libcrypto's */
    enum card_key_type type;
} key_kinds[] = {
    {"RSA", CARD_KEY_RSA},         {"RSA-PSS", CARD_KEY_RSA},
    {"EC", CARD_KEY_EC},           {"ED25519", CARD_KEY_ED25519},
    {"ED448", CARD_KEY_ED448},     {"X25519", CARD_KEY_X25519},
    {"X448", CARD_KEY_X448},
    {"ML-DSA-44", CARD_KEY_ML_DSA_44},
    {"ML-DSA-65", CARD_KEY_ML_DSA_65},
    {"ML-DSA-87", CARD_KEY_ML_DSA_87},
    {"ML-KEM-512", CARD_KEY_ML_KEM_512},
    {"ML-KEM-768", CARD_KEY_ML_KEM_768},
    {"ML-KEM-1024", CARD_KEY_ML_KEM_1024}};

static bool kind_of_key(const EVP_PKEY *key, enum card_key_type *type)
{
    for (size_t i = 0; i < nitems(key_kinds); i++)
        if (EVP_PKEY_is_a(key, key_kinds[i].name)) {
            *type = key_kinds[i].type;
            return true;
        }
    return false;
}

/* On success *out is the caller's. */
static int parse_spki(OSSL_LIB_CTX *libctx, struct bytes spki, EVP_PKEY **out,
                      enum card_key_type *type)
{
    const unsigned char *p = spki.data;
    EVP_PKEY *key = NULL;
    int rc = 0;

    ERR_set_mark();
    if (spki.len <= CARD_MAX_FILE)
        key = d2i_PUBKEY_ex(NULL, &p, (long)spki.len, libctx, NULL);
    ERR_pop_to_mark();
    if (key == NULL || p != spki.data + spki.len)
        rc = card_fail(CARD_E_PROTOCOL, "the public key is malformed, or of "
                                        "an unknown algorithm");
    else if (!kind_of_key(key, type))
        rc = card_fail(CARD_E_UNSUPPORTED, "keys of this algorithm (%s) are "
                                           "not supported",
                       EVP_PKEY_get0_type_name(key));
    if (rc < 0) {
        EVP_PKEY_free(key);
        return rc;
    }
    *out = key;
    return 0;
}

static bool curve_is_known(const EVP_PKEY *key)
{
    static const char *const curves[] = {"prime256v1", "secp384r1",
                                         "secp521r1"};
    char name[32] = "";

    if (EVP_PKEY_get_group_name(key, name, sizeof(name), NULL) != 1)
        return false;
    for (size_t i = 0; i < nitems(curves); i++)
        if (strcmp(name, curves[i]) == 0)
            return true;
    return false;
}

static int describe(const EVP_PKEY *key, struct crypto_key *out)
{
    bool signs = out->type != CARD_KEY_X25519 && out->type != CARD_KEY_X448 &&
                 !card_key_is_ml_kem(out->type);

    out->bits = (unsigned)EVP_PKEY_get_bits(key);
    out->sig_max = signs ? (size_t)EVP_PKEY_get_size(key) : 0;
    if (out->type == CARD_KEY_RSA && (out->bits < 512 || out->bits > 8192))
        return card_fail(CARD_E_UNSUPPORTED, "RSA keys of %u bits are not "
                                             "supported", out->bits);
    if (out->type == CARD_KEY_EC && !curve_is_known(key))
        return card_fail(CARD_E_UNSUPPORTED, "EC keys on another curve than "
                                             "P-256, P-384 and P-521 are not "
                                             "supported");
    return 0;
}

int crypto_key_describe(struct crypto *crypto, struct bytes spki,
                        struct crypto_key *out)
{
    EVP_PKEY *key = NULL;
    int rc = parse_spki(own_libctx(crypto), spki, &key, &out->type);

    if (rc == 0)
        rc = describe(key, out);
    EVP_PKEY_free(key);
    return rc;
}

static bool set_hash(EVP_PKEY_CTX *ctx, OSSL_LIB_CTX *libctx,
                     enum card_hash hash)
{
    EVP_MD *md = EVP_MD_fetch(libctx, hash_name(hash), NULL);
    bool ok = md != NULL && EVP_PKEY_CTX_set_signature_md(ctx, md) == 1;

    EVP_MD_free(md);
    return ok;
}

/* A salt over CARD_MAX_SIGNATURE must not become an int with a meaning. */
static bool set_rsa_padding(EVP_PKEY_CTX *ctx, OSSL_LIB_CTX *libctx,
                            const struct card_tbs *tbs)
{
    static const int paddings[] = {[CARD_PAD_PKCS1] = RSA_PKCS1_PADDING,
                                   [CARD_PAD_PSS] = RSA_PKCS1_PSS_PADDING,
                                   [CARD_PAD_NONE] = RSA_NO_PADDING};

    if (EVP_PKEY_CTX_set_rsa_padding(ctx, paddings[tbs->padding]) != 1 ||
        (tbs->hash != CARD_HASH_NONE && !set_hash(ctx, libctx, tbs->hash)))
        return false;
    return tbs->padding != CARD_PAD_PSS ||
           (tbs->mgf_hash != CARD_HASH_NONE &&
            tbs->salt_len <= CARD_MAX_SIGNATURE &&
            EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, hash_name(tbs->mgf_hash),
                                              NULL) == 1 &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)tbs->salt_len) == 1);
}

/* libcrypto takes an RSA signature without its leading zeros; peers do not. */
static bool verify_value(OSSL_LIB_CTX *libctx, EVP_PKEY *key, bool rsa,
                         const struct card_tbs *tbs, struct bytes sig)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, key, NULL);
    bool ok = ctx != NULL && EVP_PKEY_verify_init(ctx) == 1 &&
              (!rsa || (sig.len == (size_t)EVP_PKEY_get_size(key) &&
                        set_rsa_padding(ctx, libctx, tbs))) &&
              EVP_PKEY_verify(ctx, sig.data, sig.len, tbs->value,
                              tbs->len) == 1;

    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static bool verify_message(OSSL_LIB_CTX *libctx, EVP_PKEY *key,
                           struct bytes message, struct bytes sig)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx != NULL &&
              EVP_DigestVerifyInit_ex(ctx, NULL, NULL, libctx, NULL, key,
                                      NULL) == 1 &&
              EVP_DigestVerify(ctx, sig.data, sig.len, message.data,
                               message.len) == 1;

    EVP_MD_CTX_free(ctx);
    return ok;
}

static bool verify(OSSL_LIB_CTX *libctx, EVP_PKEY *key, enum card_key_type type,
                   const struct card_tbs *tbs, struct bytes sig)
{
    switch (type) {
    case CARD_KEY_RSA:
    case CARD_KEY_EC:
        return verify_value(libctx, key, type == CARD_KEY_RSA, tbs, sig);
    case CARD_KEY_ED25519:
    case CARD_KEY_ED448:
    case CARD_KEY_ML_DSA_44:
    case CARD_KEY_ML_DSA_65:
    case CARD_KEY_ML_DSA_87:
        return verify_message(libctx, key, tbs->message, sig);
    default:
        return false;
    }
}

static int self_check_failed(void)
{
    return card_fail(CARD_E_SELF_CHECK,
                     "the signature the card gave does not verify with the "
                     "certificate of its key and was discarded");
}

int crypto_check_signature(struct crypto *crypto, struct bytes spki,
                           const struct card_tbs *tbs, struct bytes sig)
{
    OSSL_LIB_CTX *libctx = own_libctx(crypto);
    enum card_key_type type;
    EVP_PKEY *key = NULL;
    int rc = parse_spki(libctx, spki, &key, &type);

    ERR_set_mark();
    if (rc == 0 && !verify(libctx, key, type, tbs, sig))
        rc = self_check_failed();
    ERR_pop_to_mark();
    EVP_PKEY_free(key);
    return rc;
}
