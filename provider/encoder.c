/*
 * Encoders of private keys on cards: a PEM file with the key's URI where a
 * program writes a private key, and a text for people. Public halves have no
 * encoder here: libcrypto exports them and writes them with its own.
 *
 * DER is refused: who asks for that asks for PKCS#8, and would take the URI for
 * it. Nothing is encrypted, for there is no secret in the URI.
 */
#include "provider/provider.h"

#include <openssl/bio.h>
#include <openssl/pem.h>

#include "card/wrapped_uri.h"
#include "provider/ml.h"

static OSSL_FUNC_encoder_newctx_fn encoder_newctx;
static OSSL_FUNC_encoder_freectx_fn encoder_freectx;
static OSSL_FUNC_encoder_does_selection_fn encoder_does_selection;
static OSSL_FUNC_encoder_encode_fn pem_encode;
static OSSL_FUNC_encoder_encode_fn text_encode;
static OSSL_FUNC_encoder_encode_fn der_refuse;

/* An encoder has no state of its own. */
static void *encoder_newctx(void *provctx)
{
    return provctx;
}

static void encoder_freectx(void *ctx)
{
    (void)ctx;
}

static int encoder_does_selection(void *provctx, int selection)
{
    (void)provctx;
    return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0;
}

/* A private key of ours to write, and where to; NULL with errors raised. */
static BIO *begin(struct prov_ctx *ctx, OSSL_CORE_BIO *out,
                  const struct prov_key *key)
{
    OSSL_LIB_CTX *libctx = prov_libctx(ctx);

    if (key == NULL || !key->private) {
        prov_refuse(ctx, CARD_E_ARGUMENT, "not a private key");
        return NULL;
    }
    return libctx == NULL ? NULL : BIO_new_from_core_bio(libctx, out);
}

static int key_uri(const struct prov_key *key, struct buf *uri)
{
    int rc = card_key_uri(key->card, true, uri);

    return rc < 0 ? card_fail_in(rc, "%s", prov_key_name(key)) : 0;
}

static int write_pem(BIO *bio, const struct prov_key *key)
{
    uint8_t text[CARD_URI_MAX], data[WRAPPED_URI_MAX];
    struct buf uri = BUF_ON(text), der = BUF_ON(data);
    int rc;

    if ((rc = key_uri(key, &uri)) < 0
        || (rc = wrapped_uri_encode(buf_view(&uri), &der)) < 0)
        return rc;
    if (PEM_write_bio(bio, WRAPPED_URI_LABEL, "", der.data, (long)der.len) <= 0)
        return card_fail(CARD_E_MEMORY, "the key's URI could not be written");
    return 0;
}

static int pem_encode(void *vctx, OSSL_CORE_BIO *out, const void *vkey,
                      const OSSL_PARAM abstract[], int selection,
                      OSSL_PASSPHRASE_CALLBACK *pw_cb, void *pw_arg)
{
    BIO *bio = begin(vctx, out, vkey);
    int rc;

    (void)abstract;
    (void)selection;
    (void)pw_cb;
    (void)pw_arg;
    if (bio == NULL)
        return 0;
    rc = write_pem(bio, vkey);
    BIO_free(bio);
    return prov_result(vctx, rc);
}

static int write_text(BIO *bio, const struct prov_key *key)
{
    uint8_t text[CARD_URI_MAX];
    struct buf uri = BUF_ON(text);
    int rc = key_uri(key, &uri);

    if (rc < 0)
        return rc;
    if (BIO_printf(bio, "%s Private-Key: (%d bit)\n"
                   "    %s\n    URI %.*s\n", prov_key_type(key),
                   EVP_PKEY_get_bits(key->public), prov_key_name(key),
                   (int)uri.len, (const char *)uri.data) <= 0
        || EVP_PKEY_print_public(bio, key->public, 0, NULL) <= 0)
        return card_fail(CARD_E_MEMORY, "the key could not be written");
    return 0;
}

static int text_encode(void *vctx, OSSL_CORE_BIO *out, const void *vkey,
                       const OSSL_PARAM abstract[], int selection,
                       OSSL_PASSPHRASE_CALLBACK *pw_cb, void *pw_arg)
{
    BIO *bio = begin(vctx, out, vkey);
    int rc;

    (void)abstract;
    (void)selection;
    (void)pw_cb;
    (void)pw_arg;
    if (bio == NULL)
        return 0;
    rc = write_text(bio, vkey);
    BIO_free(bio);
    return prov_result(vctx, rc);
}

/* Here for its words: without it libcrypto fails and says nothing. */
static int der_refuse(void *vctx, OSSL_CORE_BIO *out, const void *vkey,
                      const OSSL_PARAM abstract[], int selection,
                      OSSL_PASSPHRASE_CALLBACK *pw_cb, void *pw_arg)
{
    const struct prov_key *key = vkey;

    (void)out;
    (void)abstract;
    (void)selection;
    (void)pw_cb;
    (void)pw_arg;
    return prov_refuse(vctx, CARD_E_UNSUPPORTED, "%s does not leave the card: "
                       "it cannot be written as PKCS#8 or PKCS#12",
                       key == NULL ? "a private key" : prov_key_name(key));
}

static const OSSL_DISPATCH pem_functions[] = {
    {OSSL_FUNC_ENCODER_NEWCTX, (void (*)(void))encoder_newctx},
    {OSSL_FUNC_ENCODER_FREECTX, (void (*)(void))encoder_freectx},
    {OSSL_FUNC_ENCODER_DOES_SELECTION, (void (*)(void))encoder_does_selection},
    {OSSL_FUNC_ENCODER_ENCODE, (void (*)(void))pem_encode},
    {0, NULL}};

static const OSSL_DISPATCH text_functions[] = {
    {OSSL_FUNC_ENCODER_NEWCTX, (void (*)(void))encoder_newctx},
    {OSSL_FUNC_ENCODER_FREECTX, (void (*)(void))encoder_freectx},
    {OSSL_FUNC_ENCODER_DOES_SELECTION, (void (*)(void))encoder_does_selection},
    {OSSL_FUNC_ENCODER_ENCODE, (void (*)(void))text_encode},
    {0, NULL}};

static const OSSL_DISPATCH der_functions[] = {
    {OSSL_FUNC_ENCODER_NEWCTX, (void (*)(void))encoder_newctx},
    {OSSL_FUNC_ENCODER_FREECTX, (void (*)(void))encoder_freectx},
    {OSSL_FUNC_ENCODER_DOES_SELECTION, (void (*)(void))encoder_does_selection},
    {OSSL_FUNC_ENCODER_ENCODE, (void (*)(void))der_refuse},
    {0, NULL}};

/* What PEM_write_bio_PrivateKey asks for; `openssl ec` asks for the other. */
#define PEM_PKCS8 ",output=pem,structure=PrivateKeyInfo"
#define PEM_OF_TYPE ",output=pem,structure=type-specific"
#define DER_PKCS8 ",output=der,structure=PrivateKeyInfo"
#define TEXT ",output=text"

const struct prov_algorithm prov_encoders[] = {
    {PROV_NAMES_RSA, PEM_PKCS8, pem_functions, "URI of a key"},
    {PROV_NAMES_RSA_PSS, PEM_PKCS8, pem_functions, "URI of a key"},
    {PROV_NAMES_EC, PEM_PKCS8, pem_functions, "URI of a key"},
    {PROV_NAMES_EC, PEM_OF_TYPE, pem_functions, "URI of a key"},
    {PROV_NAMES_ED25519, PEM_PKCS8, pem_functions, "URI of a key"},
    {PROV_NAMES_ED448, PEM_PKCS8, pem_functions, "URI of a key"},
    {PROV_NAMES_X25519, PEM_PKCS8, pem_functions, "URI of a key"},
    {PROV_NAMES_X448, PEM_PKCS8, pem_functions, "URI of a key"},
    ML_ROWS(PEM_PKCS8, pem_functions, "URI of a key")
    {PROV_NAMES_RSA, DER_PKCS8, der_functions, "refusal"},
    {PROV_NAMES_RSA_PSS, DER_PKCS8, der_functions, "refusal"},
    {PROV_NAMES_EC, DER_PKCS8, der_functions, "refusal"},
    {PROV_NAMES_ED25519, DER_PKCS8, der_functions, "refusal"},
    {PROV_NAMES_ED448, DER_PKCS8, der_functions, "refusal"},
    {PROV_NAMES_X25519, DER_PKCS8, der_functions, "refusal"},
    {PROV_NAMES_X448, DER_PKCS8, der_functions, "refusal"},
    ML_ROWS(DER_PKCS8, der_functions, "refusal")
    {PROV_NAMES_RSA, TEXT, text_functions, "key on a card, for people"},
    {PROV_NAMES_RSA_PSS, TEXT, text_functions, "key on a card, for people"},
    {PROV_NAMES_EC, TEXT, text_functions, "key on a card, for people"},
    {PROV_NAMES_ED25519, TEXT, text_functions, "key on a card, for people"},
    {PROV_NAMES_ED448, TEXT, text_functions, "key on a card, for people"},
    {PROV_NAMES_X25519, TEXT, text_functions, "key on a card, for people"},
    {PROV_NAMES_X448, TEXT, text_functions, "key on a card, for people"},
    ML_ROWS(TEXT, text_functions, "key on a card, for people")
    {NULL, NULL, NULL, NULL}};
