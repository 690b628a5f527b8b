/*
 * What needs no card: a key's public half as a stock EVP_PKEY in a library
 * context of our own, hashes, and the words for padding. Verification and
 * encryption are libcrypto's.
 */
#include "provider/provider.h"

#include <limits.h>
#include <string.h>
#include <strings.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/objects.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "provider/params.h"

/* A point that was stored compressed is handed out whole: all can read that. */
static bool uncompress(EVP_PKEY *public)
{
    return !EVP_PKEY_is_a(public, "EC")
           || EVP_PKEY_set_utf8_string_param(
               public, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
               OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_UNCOMPRESSED);
}

int software_public_key(struct prov_ctx *ctx, struct bytes spki, EVP_PKEY **out)
{
    const unsigned char *cursor = spki.data;
    OSSL_LIB_CTX *libctx = prov_libctx(ctx);
    EVP_PKEY *public = NULL;

    if (libctx == NULL)
        return card_fail(CARD_E_MEMORY, "no library context");
    if (spki.len == 0)
        return card_fail(CARD_E_NOT_FOUND, "the key's public half is not "
                         "known: it has no certificate, and the token holds no "
                         "public key");
    if (spki.len <= LONG_MAX)
        public = d2i_PUBKEY_ex(NULL, &cursor, (long)spki.len, libctx, NULL);
    if (public == NULL || cursor != spki.data + spki.len
        || !uncompress(public)) {
        EVP_PKEY_free(public);
        return card_fail(CARD_E_PROTOCOL, "the key's public half is malformed");
    }
    *out = public;
    return 0;
}

EVP_PKEY_CTX *software_public_operation(const struct prov_key *key,
                                        int (*init)(EVP_PKEY_CTX *))
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(prov_libctx(key->prov),
                                                   key->public, NULL);

    if (ctx != NULL && init(ctx) > 0)
        return ctx;
    EVP_PKEY_CTX_free(ctx);
    return NULL;
}

EVP_PKEY_CTX *software_encryptor(const struct prov_key *key)
{
    return software_public_operation(key, EVP_PKEY_encrypt_init);
}

/* --- Digests ------------------------------------------------------------- */

static const struct prov_digest *find_digest(struct prov_ctx *ctx,
                                             const char *name)
{
    const struct prov_digest *d = atomic_load(&ctx->digests);

    while (d != NULL && strcasecmp(d->name, name) != 0)
        d = d->next;
    return d;
}

static enum card_hash hash_of(const EVP_MD *md)
{
    for (int h = CARD_HASH_SHA1; h <= CARD_HASH_SHA512; h++)
        if (EVP_MD_is_a(md, hash_name((enum card_hash)h)))
            return (enum card_hash)h;
    return CARD_HASH_NONE;
}

/* Takes over `md`. */
static struct prov_digest *make_digest(EVP_MD *md, const char *name)
{
    struct prov_digest *d = OPENSSL_zalloc(sizeof(*d));

    if (d == NULL) {
        EVP_MD_free(md);
        return NULL;
    }
    d->md = md;
    d->size = (size_t)EVP_MD_get_size(md);
    d->hash = hash_of(md);
    d->is_tls = EVP_MD_is_a(md, "MD5-SHA1");
    memcpy(d->name, name, strlen(name) + 1);
    return d;
}

/*
 * Readers take no lock: a digest is whole before it is seen, and stays. One
 * that two threads add at once is there twice, which does no harm. After a
 * fork the parent's still hash; only fetching needs a context of the child's.
 */
static void add_digest(struct prov_ctx *ctx, struct prov_digest *d)
{
    struct prov_digest *first = atomic_load(&ctx->digests);

    do {
        d->next = first;
    } while (!atomic_compare_exchange_weak(&ctx->digests, &first, d));
}

int software_digest(struct prov_ctx *ctx, const char *name,
                    const struct prov_digest **out)
{
    struct prov_digest *d;
    EVP_MD *md;

    if ((*out = find_digest(ctx, name)) != NULL)
        return 0;
    if (strlen(name) >= sizeof(d->name))
        return card_fail(CARD_E_UNSUPPORTED, "no digest has so long a name");
    ctx->core.set_error_mark(ctx->handle);
    md = EVP_MD_fetch(prov_libctx(ctx), name, NULL);
    ctx->core.pop_error_to_mark(ctx->handle);
    if (md == NULL)
        return card_fail(CARD_E_UNSUPPORTED, "no digest \"%s\"", name);
    if (EVP_MD_get_size(md) <= 0
        || (EVP_MD_get_flags(md) & EVP_MD_FLAG_XOF) != 0) {
        EVP_MD_free(md);
        return card_fail(CARD_E_UNSUPPORTED, "%s has no fixed length: it is no "
                         "digest for a signature or padding", name);
    }
    if ((d = make_digest(md, name)) == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    add_digest(ctx, d);
    *out = d;
    return 0;
}

void software_forget_digests(struct prov_ctx *ctx)
{
    struct prov_digest *d = atomic_exchange(&ctx->digests, NULL);

    while (d != NULL) {
        struct prov_digest *next = d->next;

        EVP_MD_free(d->md);
        OPENSSL_free(d);
        d = next;
    }
}

int software_digest_info(const struct prov_digest *digest, struct bytes value,
                         struct buf *out)
{
    int nid = EVP_MD_get_type(digest->md);
    X509_SIG *info = X509_SIG_new();
    X509_ALGOR *algorithm;
    ASN1_OCTET_STRING *octets;
    unsigned char *der = NULL;
    int len = -1, rc;

    if (info != NULL && nid != NID_undef) {
        X509_SIG_getm(info, &algorithm, &octets);
        if (X509_ALGOR_set0(algorithm, OBJ_nid2obj(nid), V_ASN1_NULL, NULL)
            && ASN1_OCTET_STRING_set(octets, value.data, (int)value.len))
            len = i2d_X509_SIG(info, &der);
    }
    if (len < 0)
        rc = card_fail(CARD_E_UNSUPPORTED, "%s has no identifier to sign",
                       digest->name);
    else
        rc = buf_put(out, bytes_from(der, (size_t)len));
    OPENSSL_free(der);
    X509_SIG_free(info);
    return rc;
}

/* --- Words for padding --------------------------------------------------- */

enum { PAD_WORD_MAX = 8 };

static const struct {
    const char *word;
    int mode;
} pad_modes[] = {{OSSL_PKEY_RSA_PAD_MODE_PKCSV15, RSA_PKCS1_PADDING},
                 {OSSL_PKEY_RSA_PAD_MODE_PSS, RSA_PKCS1_PSS_PADDING},
                 {OSSL_PKEY_RSA_PAD_MODE_OAEP, RSA_PKCS1_OAEP_PADDING},
                 {"oeap", RSA_PKCS1_OAEP_PADDING}, /* libcrypto's slip */
                 {OSSL_PKEY_RSA_PAD_MODE_NONE, RSA_NO_PADDING}};

int software_pad_mode(const OSSL_PARAM *param)
{
    char word[PAD_WORD_MAX];
    int mode = -1;

    if (param->data_type == OSSL_PARAM_INTEGER)
        return OSSL_PARAM_get_int(param, &mode) ? mode : -1;
    if (!param_text(param, word, sizeof(word)))
        return -1;
    for (size_t i = 0; i < nitems(pad_modes); i++)
        if (strcmp(word, pad_modes[i].word) == 0)
            return pad_modes[i].mode;
    return -1;
}

int software_tell_pad_mode(OSSL_PARAM *param, int mode)
{
    if (param->data_type == OSSL_PARAM_INTEGER)
        return OSSL_PARAM_set_int(param, mode);
    for (size_t i = 0; i < nitems(pad_modes); i++)
        if (pad_modes[i].mode == mode)
            return OSSL_PARAM_set_utf8_string(param, pad_modes[i].word);
    return 0;
}
