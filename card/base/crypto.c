/*
 * libcrypto behind five functions: certificates, the check of what a card
 * signed, and the derivation that implicit rejection needs.
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

static bool name_has_common_name(const X509_NAME *name, const char *text)
{
    int i = -1;

    while ((i = X509_NAME_get_index_by_NID(name, NID_commonName, i)) >= 0) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
        unsigned char *utf8 = NULL;
        int len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
        bool same = len >= 0 && (size_t)len == strlen(text) &&
                    memcmp(utf8, text, (size_t)len) == 0;

        OPENSSL_free(utf8);
        if (same)
            return true;
    }
    return false;
}

bool crypto_cert_has_common_name(struct bytes cert, enum crypto_name which,
                                 const char *text)
{
    X509 *x = parse_cert(NULL, cert);
    bool found;

    if (x == NULL)
        return false;
    found = name_has_common_name(which == CRYPTO_SUBJECT
                                     ? X509_get_subject_name(x)
                                     : X509_get_issuer_name(x),
                                 text);
    X509_free(x);
    return found;
}

/* The RSA key of a certificate; *out is the caller's. */
static int cert_rsa_key(OSSL_LIB_CTX *libctx, struct bytes cert,
                        EVP_PKEY **out)
{
    X509 *x = parse_cert(libctx, cert);
    EVP_PKEY *key = x != NULL ? X509_get_pubkey(x) : NULL;

    X509_free(x);
    if (x == NULL)
        return card_fail(CARD_E_PROTOCOL, "what the card holds as a "
                                          "certificate is none");
    if (key == NULL || !EVP_PKEY_is_a(key, "RSA")) {
        EVP_PKEY_free(key);
        return card_fail(CARD_E_UNSUPPORTED, "the certificate's key is no RSA "
                                             "key");
    }
    *out = key;
    return 0;
}

int crypto_cert_rsa_bits(struct crypto *crypto, struct bytes cert,
                         unsigned *bits)
{
    EVP_PKEY *key = NULL;
    int rc = cert_rsa_key(own_libctx(crypto), cert, &key);

    if (rc == 0)
        *bits = (unsigned)EVP_PKEY_get_bits(key);
    EVP_PKEY_free(key);
    return rc;
}

/* Undo the signature and the padding: what had been signed. */
static bool recover_block(OSSL_LIB_CTX *libctx, EVP_PKEY *key, struct bytes sig,
                          struct buf *block)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, key, NULL);
    size_t len = block->cap;
    bool ok;

    ERR_set_mark();
    ok = ctx != NULL && EVP_PKEY_verify_recover_init(ctx) == 1 &&
         EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
         EVP_PKEY_verify_recover(ctx, block->data, &len, sig.data,
                                 sig.len) == 1;
    ERR_pop_to_mark();
    EVP_PKEY_CTX_free(ctx);
    block->len = ok ? len : 0;
    return ok;
}

int crypto_cert_check_pkcs1(struct crypto *crypto, struct bytes cert,
                            struct bytes block, struct bytes sig)
{
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf signed_block = BUF_ON(space);
    OSSL_LIB_CTX *libctx = own_libctx(crypto);
    EVP_PKEY *key = NULL;
    int rc = cert_rsa_key(libctx, cert, &key);

    if (rc == 0 && (!recover_block(libctx, key, sig, &signed_block) ||
                    !bytes_equal(buf_view(&signed_block), block)))
        rc = card_fail(CARD_E_SELF_CHECK,
                       "the signature the card gave does not verify with the "
                       "certificate of its key and was discarded");
    EVP_PKEY_free(key);
    return rc;
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
