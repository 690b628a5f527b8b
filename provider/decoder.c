/*
 * Decoders of PEM files that hold the URI of a key. There is a row for each
 * type of key, because libcrypto goes by that, and one function behind them:
 * it looks for the key once and gives whatever type of key there is. What is
 * not ours is passed on in silence.
 */
#include "provider/provider.h"

#include <string.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/store.h>

#include "card/wrapped_uri.h"
#include "provider/ml.h"

#define STRUCTURE "pk11-uri"

enum { CARRY_ON = 1 }; /* not ours: the next decoder's turn */

static OSSL_FUNC_decoder_newctx_fn decoder_newctx;
static OSSL_FUNC_decoder_freectx_fn decoder_freectx;
static OSSL_FUNC_decoder_decode_fn pem_decode;
static OSSL_FUNC_decoder_does_selection_fn der_does_selection;
static OSSL_FUNC_decoder_decode_fn der_decode;
static OSSL_FUNC_decoder_export_object_fn der_export_object;

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

/* --- From PEM to DER ----------------------------------------------------- */

static int give_der(unsigned char *der, size_t len, OSSL_CALLBACK *cb,
                    void *arg)
{
    char structure[] = STRUCTURE;
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
        && strcmp(label, WRAPPED_URI_LABEL) == 0)
        ok = give_der(der, (size_t)len, cb, arg);
    OPENSSL_free(label);
    OPENSSL_free(header);
    OPENSSL_clear_free(der, len > 0 ? (size_t)len : 0); /* a PIN may be in it */
    BIO_free(bio);
    return ok;
}

/* --- From DER to a key --------------------------------------------------- */

static int der_does_selection(void *provctx, int selection)
{
    (void)provctx;
    return selection == 0 || (selection & OSSL_KEYMGMT_SELECT_KEYPAIR) != 0;
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
    uint8_t data[WRAPPED_URI_MAX];
    struct buf der = BUF_ON(data);
    char uri[CARD_URI_MAX + 1];
    int expect = OSSL_STORE_INFO_PKEY;
    int ok = CARRY_ON;

    if (selection != 0 && (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0)
        expect = OSSL_STORE_INFO_PUBKEY;
    if (read_all(ctx, in, &der) && wrapped_uri_decode(buf_view(&der), uri)
        && card_uri_is_ours(uri))
        ok = store_load_key(ctx, uri, expect, cb, arg, pw_cb, pw_arg);
    memory_wipe(data, sizeof(data));
    memory_wipe(uri, sizeof(uri));
    return ok;
}

/*
 * Called, without a look whether it is there, when the program asked for
 * another type of key than the URI has: it gets none.
 */
static int der_export_object(void *vctx, const void *reference, size_t size,
                             OSSL_CALLBACK *cb, void *arg)
{
    (void)reference;
    (void)size;
    (void)cb;
    (void)arg;
    return prov_refuse(vctx, CARD_E_ARGUMENT,
                       "the URI names a key of another type than asked for");
}

/* --- What is offered ----------------------------------------------------- */

static const OSSL_DISPATCH pem_functions[] = {
    {OSSL_FUNC_DECODER_NEWCTX, (void (*)(void))decoder_newctx},
    {OSSL_FUNC_DECODER_FREECTX, (void (*)(void))decoder_freectx},
    {OSSL_FUNC_DECODER_DECODE, (void (*)(void))pem_decode},
    {0, NULL}};

static const OSSL_DISPATCH der_functions[] = {
    {OSSL_FUNC_DECODER_NEWCTX, (void (*)(void))decoder_newctx},
    {OSSL_FUNC_DECODER_FREECTX, (void (*)(void))decoder_freectx},
    {OSSL_FUNC_DECODER_DOES_SELECTION, (void (*)(void))der_does_selection},
    {OSSL_FUNC_DECODER_DECODE, (void (*)(void))der_decode},
    {OSSL_FUNC_DECODER_EXPORT_OBJECT, (void (*)(void))der_export_object},
    {0, NULL}};

#define DER_URI ",input=der,structure=" STRUCTURE

const struct prov_algorithm prov_decoders[] = {
    {"DER", ",input=pem", pem_functions, "PEM file with the URI of a key"},
    {PROV_NAMES_RSA, DER_URI, der_functions, "URI of a key"},
    {PROV_NAMES_RSA_PSS, DER_URI, der_functions, "URI of a key"},
    {PROV_NAMES_EC, DER_URI, der_functions, "URI of a key"},
    {PROV_NAMES_ED25519, DER_URI, der_functions, "URI of a key"},
    {PROV_NAMES_ED448, DER_URI, der_functions, "URI of a key"},
    {PROV_NAMES_X25519, DER_URI, der_functions, "URI of a key"},
    {PROV_NAMES_X448, DER_URI, der_functions, "URI of a key"},
    ML_ROWS(DER_URI, der_functions, "URI of a key")
    {NULL, NULL, NULL, NULL}};
