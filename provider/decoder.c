/*
 * A PEM file that holds the URI of a key, for programs that read key files:
 * label "PKCS#11 PROVIDER URI" around SEQUENCE { VisibleString, UTF8String },
 * the format of pkcs11-provider. Whatever is not that is passed on in silence.
 */
#include "provider/provider.h"

#include <string.h>

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/store.h>

#define PEM_LABEL "PKCS#11 PROVIDER URI"
#define DESCRIPTION "PKCS#11 Provider URI v1.0"

enum {
    CARRY_ON = 1,                      /* not ours: the next decoder's turn */
    WRAPPED_MAX = CARD_URI_MAX + 64    /* DER around the longest URI */
};

static OSSL_FUNC_decoder_newctx_fn decoder_newctx;
static OSSL_FUNC_decoder_freectx_fn decoder_freectx;
static OSSL_FUNC_decoder_decode_fn pem_decode;
static OSSL_FUNC_decoder_does_selection_fn der_does_selection;
static OSSL_FUNC_decoder_decode_fn der_decode;

static BIO *open_bio(struct prov_ctx *ctx, OSSL_CORE_BIO *in)
{
    OSSL_LIB_CTX *libctx = prov_libctx(ctx);

    return libctx == NULL ? NULL : BIO_new_from_core_bio(libctx, in);
}

/* A decoder has no state of its own. */
static void *decoder_newctx(void *provctx)
{
    return provctx;
}

static void decoder_freectx(void *ctx)
{
    (void)ctx;
}

static int give_der(unsigned char *der, size_t len, OSSL_CALLBACK *cb,
                    void *arg)
{
    char structure[] = "pk11-uri";
    OSSL_PARAM params[3];

    params[0] = OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_DATA, der,
                                                  len);
    params[1] = OSSL_PARAM_construct_utf8_string(
        OSSL_OBJECT_PARAM_DATA_STRUCTURE, structure, 0);
    params[2] = OSSL_PARAM_construct_end();
    return cb(params, arg);
}

static int pem_decode(void *vctx, OSSL_CORE_BIO *in, int selection,
                      OSSL_CALLBACK *cb, void *arg,
                      OSSL_PASSPHRASE_CALLBACK *pw_cb, void *pw_arg)
{
    BIO *bio = open_bio(vctx, in);
    char *label = NULL, *header = NULL;
    unsigned char *der = NULL;
    long len = 0;
    int ok = CARRY_ON;

    (void)selection;
    (void)pw_cb;
    (void)pw_arg;
    if (bio == NULL)
        return CARRY_ON;
    if (PEM_read_bio(bio, &label, &header, &der, &len) && len > 0
        && strcmp(label, PEM_LABEL) == 0)
        ok = give_der(der, (size_t)len, cb, arg);
    OPENSSL_free(label);
    OPENSSL_free(header);
    OPENSSL_clear_free(der, len > 0 ? (size_t)len : 0); /* a PIN may be in it */
    BIO_free(bio);
    return ok;
}

static int der_does_selection(void *provctx, int selection)
{
    (void)provctx;
    return selection == 0 || (selection & OSSL_KEYMGMT_SELECT_KEYPAIR) != 0;
}

static bool is_text(const ASN1_TYPE *value, int type, struct bytes *out)
{
    const ASN1_STRING *string;

    if (value == NULL || ASN1_TYPE_get(value) != type)
        return false;
    string = type == V_ASN1_UTF8STRING ? value->value.utf8string
                                       : value->value.visiblestring;
    *out = bytes_from(ASN1_STRING_get0_data(string),
                      (size_t)ASN1_STRING_length(string));
    return true;
}

/* Whether DER is a wrapped URI, and then the URI as a string. */
static bool unwrap(struct bytes der, char uri[CARD_URI_MAX + 1])
{
    const unsigned char *cursor = der.data;
    ASN1_SEQUENCE_ANY *fields = d2i_ASN1_SEQUENCE_ANY(NULL, &cursor,
                                                      (long)der.len);
    struct bytes description, text;
    bool ours = cursor == der.data + der.len && sk_ASN1_TYPE_num(fields) == 2
                && is_text(sk_ASN1_TYPE_value(fields, 0), V_ASN1_VISIBLESTRING,
                           &description)
                && is_text(sk_ASN1_TYPE_value(fields, 1), V_ASN1_UTF8STRING,
                           &text)
                && bytes_equal(description, bytes_of_string(DESCRIPTION))
                && text.len > 0 && text.len <= CARD_URI_MAX
                && memchr(text.data, '\0', text.len) == NULL;

    if (ours) {
        memcpy(uri, text.data, text.len);
        uri[text.len] = '\0';
    }
    sk_ASN1_TYPE_pop_free(fields, ASN1_TYPE_free);
    return ours;
}

/* All of it; nothing when it is too much to be a wrapped URI. */
static bool read_all(struct prov_ctx *ctx, OSSL_CORE_BIO *in, struct buf *out)
{
    BIO *bio = open_bio(ctx, in);
    size_t n;

    while (bio != NULL && out->len < out->cap
           && BIO_read_ex(bio, out->data + out->len, out->cap - out->len, &n))
        out->len += n;
    BIO_free(bio);
    return out->len > 0 && out->len < out->cap;
}

static int der_decode(void *vctx, OSSL_CORE_BIO *in, int selection,
                      OSSL_CALLBACK *cb, void *arg,
                      OSSL_PASSPHRASE_CALLBACK *pw_cb, void *pw_arg)
{
    struct prov_ctx *ctx = vctx;
    uint8_t data[WRAPPED_MAX];
    struct buf der = BUF_ON(data);
    char uri[CARD_URI_MAX + 1];
    int expect = OSSL_STORE_INFO_PKEY;
    int ok = CARRY_ON;

    if (selection != 0 && (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0)
        expect = OSSL_STORE_INFO_PUBKEY;
    if (read_all(ctx, in, &der) && unwrap(buf_view(&der), uri)
        && card_uri_is_ours(uri))
        ok = store_load_key(ctx, uri, expect, cb, arg, pw_cb, pw_arg);
    memory_wipe(data, sizeof(data));
    memory_wipe(uri, sizeof(uri));
    return ok;
}

const OSSL_DISPATCH prov_decoder_pem_functions[] = {
    {OSSL_FUNC_DECODER_NEWCTX, (void (*)(void))decoder_newctx},
    {OSSL_FUNC_DECODER_FREECTX, (void (*)(void))decoder_freectx},
    {OSSL_FUNC_DECODER_DECODE, (void (*)(void))pem_decode},
    {0, NULL}};

const OSSL_DISPATCH prov_decoder_der_functions[] = {
    {OSSL_FUNC_DECODER_NEWCTX, (void (*)(void))decoder_newctx},
    {OSSL_FUNC_DECODER_FREECTX, (void (*)(void))decoder_freectx},
    {OSSL_FUNC_DECODER_DOES_SELECTION, (void (*)(void))der_does_selection},
    {OSSL_FUNC_DECODER_DECODE, (void (*)(void))der_decode},
    {0, NULL}};
