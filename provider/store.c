/*
 * OSSL_STORE loader: from a URI (card:, pkcs11:, store:) to keys and
 * certificates. There is no export_object: libcrypto would take the public half
 * it gives for the whole key, and the card would be lost.
 */
#include "provider/provider.h"

#include <stdio.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/store.h>
#include <openssl/x509.h>

#include "provider/params.h"

/* Our own parameter: a PIN for the keys found (the engine's control PIN). */
#define STORE_PARAM_PIN "tessera-pin"

/* What OSSL_STORE_find asks for; NULL: anything. */
struct store_filter {
    X509_NAME *subject, *issuer;
    BIGNUM *serial;
    char *alias;
};

struct store_ctx {
    struct prov_ctx *prov;
    struct card_context *cards;
    struct card_uri uri; /* moves into the search */
    bool private_uri;    /* it says type=private */
    int expect;          /* OSSL_STORE_INFO_..., 0: anything */
    struct store_filter filter;
    struct secret *pin;
    struct password_callback *password; /* lent while a load lasts, or NULL */
    struct card_search *search; /* NULL until the first object is wanted */
    struct card_object object;  /* found and not yet given, when `found` */
    bool found;
    bool seen;  /* the cards have something of that kind */
    bool given; /* an object was given */
    bool done;
    bool failed; /* the last load */
    int rc;      /* error for the next load to raise, with its sentence */
    char sentence[512];
};

static OSSL_FUNC_store_open_fn store_open;
static OSSL_FUNC_store_settable_ctx_params_fn store_settable_ctx_params;
static OSSL_FUNC_store_set_ctx_params_fn store_set_ctx_params;
static OSSL_FUNC_store_load_fn store_load;
static OSSL_FUNC_store_eof_fn store_eof;
static OSSL_FUNC_store_close_fn store_close;

/* --- Open and close ------------------------------------------------------ */

static int open_uri(struct prov_ctx *prov, const char *text,
                    struct store_ctx **out)
{
    struct store_ctx *s;
    struct card_context *cards;
    struct card_uri uri;
    int rc;

    if (!prov_name_is_safe(prov))
        return card_fail(CARD_E_CONFIG, "the provider is called \"%s\" in the "
                         "configuration: it needs a name that sorts after "
                         "\"default\", such as tessera", prov->name);
    if ((rc = prov_cards(prov, &cards)) < 0
        || (rc = card_uri_parse(text, &uri)) < 0)
        return rc;
    if ((s = OPENSSL_zalloc(sizeof(*s))) == NULL) {
        card_uri_clear(&uri);
        return card_fail(CARD_E_MEMORY, "out of memory");
    }
    s->prov = prov;
    s->cards = cards;
    s->uri = uri;
    s->private_uri = uri.type == CARD_URI_PRIVATE;
    *out = s;
    return 0;
}

static void *store_open(void *provctx, const char *uri)
{
    struct store_ctx *s = NULL;

    return prov_result(provctx, open_uri(provctx, uri, &s)) ? s : NULL;
}

static void drop_object(struct store_ctx *s)
{
    if (s->found)
        card_key_free(s->object.key);
    s->found = false;
}

static int store_close(void *vctx)
{
    struct store_ctx *s = vctx;

    if (s == NULL)
        return 1;
    drop_object(s);
    card_search_free(s->search);
    card_uri_clear(&s->uri);
    secret_free(s->pin);
    X509_NAME_free(s->filter.subject);
    X509_NAME_free(s->filter.issuer);
    BN_free(s->filter.serial);
    OPENSSL_free(s->filter.alias);
    OPENSSL_free(s);
    return 1;
}

/* --- What is looked for -------------------------------------------------- */

static const OSSL_PARAM *store_settable_ctx_params(void *provctx)
{
    static const OSSL_PARAM settable[] = {
        OSSL_PARAM_int(OSSL_STORE_PARAM_EXPECT, NULL),
        OSSL_PARAM_octet_string(OSSL_STORE_PARAM_SUBJECT, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_STORE_PARAM_ISSUER, NULL, 0),
        OSSL_PARAM_BN(OSSL_STORE_PARAM_SERIAL, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_STORE_PARAM_ALIAS, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_STORE_PARAM_PROPERTIES, NULL, 0),
        OSSL_PARAM_utf8_string(STORE_PARAM_PIN, NULL, 0), OSSL_PARAM_END};

    (void)provctx;
    return settable;
}

static bool get_name(const OSSL_PARAM *p, X509_NAME **out)
{
    const void *data = NULL;
    const unsigned char *cursor;
    size_t len;
    X509_NAME *name;

    if (!OSSL_PARAM_get_octet_string_ptr(p, &data, &len) || len > CARD_MAX_FILE)
        return false;
    cursor = data;
    if ((name = d2i_X509_NAME(NULL, &cursor, (long)len)) == NULL)
        return false;
    X509_NAME_free(*out);
    *out = name;
    return true;
}

static bool get_alias(const OSSL_PARAM *p, char **out)
{
    char *alias = NULL;

    if (!OSSL_PARAM_get_utf8_string(p, &alias, 0))
        return false;
    OPENSSL_free(*out);
    *out = alias;
    return true;
}

static bool get_pin(const OSSL_PARAM *p, struct secret **out)
{
    char text[256]; /* whether it is too long for a PIN is said later */
    struct secret *pin = NULL;

    if (param_text(p, text, sizeof(text)))
        pin = secret_new(bytes_of_string(text));
    memory_wipe(text, sizeof(text));
    if (pin == NULL)
        return false;
    secret_free(*out);
    *out = pin;
    return true;
}

static int store_set_ctx_params(void *vctx, const OSSL_PARAM params[])
{
    struct store_ctx *s = vctx;
    const OSSL_PARAM *p;

    if (params == NULL)
        return 1;
    if (OSSL_PARAM_locate_const(params, OSSL_STORE_PARAM_FINGERPRINT) != NULL)
        return prov_result(s->prov, card_fail(CARD_E_UNSUPPORTED, "objects are "
                           "not found by fingerprint: use subject or alias"));
    p = OSSL_PARAM_locate_const(params, OSSL_STORE_PARAM_EXPECT);
    if (p != NULL && !OSSL_PARAM_get_int(p, &s->expect))
        return 0;
    p = OSSL_PARAM_locate_const(params, OSSL_STORE_PARAM_SUBJECT);
    if (p != NULL && !get_name(p, &s->filter.subject))
        return 0;
    p = OSSL_PARAM_locate_const(params, OSSL_STORE_PARAM_ISSUER);
    if (p != NULL && !get_name(p, &s->filter.issuer))
        return 0;
    p = OSSL_PARAM_locate_const(params, OSSL_STORE_PARAM_SERIAL);
    if (p != NULL && !OSSL_PARAM_get_BN(p, &s->filter.serial))
        return 0;
    p = OSSL_PARAM_locate_const(params, OSSL_STORE_PARAM_ALIAS);
    if (p != NULL && !get_alias(p, &s->filter.alias))
        return 0;
    p = OSSL_PARAM_locate_const(params, STORE_PARAM_PIN);
    return p == NULL || get_pin(p, &s->pin);
}

static unsigned expected_kinds(int expect)
{
    switch (expect) {
    case 0:
        return CARD_KIND_CERT | CARD_KIND_PUBLIC | CARD_KIND_PRIVATE;
    case OSSL_STORE_INFO_CERT:
        return CARD_KIND_CERT;
    case OSSL_STORE_INFO_PUBKEY:
        return CARD_KIND_PUBLIC;
    case OSSL_STORE_INFO_PKEY:
        return CARD_KIND_PRIVATE;
    default:
        return 0;
    }
}

static bool names_match(const struct store_filter *f, const X509 *cert)
{
    return (f->subject == NULL
            || X509_NAME_cmp(f->subject, X509_get_subject_name(cert)) == 0)
           && (f->issuer == NULL
               || X509_NAME_cmp(f->issuer, X509_get_issuer_name(cert)) == 0);
}

static bool serial_matches(const struct store_filter *f, const X509 *cert)
{
    BIGNUM *serial;
    bool same;

    if (f->serial == NULL)
        return true;
    serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
    same = serial != NULL && BN_ucmp(f->serial, serial) == 0;
    BN_free(serial);
    return same;
}

/* NULL for what is no certificate, and that is no error. */
static X509 *parse_cert(struct bytes der)
{
    const unsigned char *cursor = der.data;
    X509 *cert;

    if (der.len == 0 || der.len > CARD_MAX_FILE)
        return NULL;
    ERR_set_mark();
    cert = d2i_X509(NULL, &cursor, (long)der.len);
    ERR_pop_to_mark();
    return cert;
}

static bool wants_names(const struct store_filter *f)
{
    return f->subject != NULL || f->issuer != NULL || f->serial != NULL;
}

/* A key on a card is found by its certificate too. */
static bool object_matches(const struct store_ctx *s,
                           const struct card_object *object)
{
    const struct store_filter *f = &s->filter;
    X509 *cert;
    bool matches;

    if (f->alias != NULL
        && (object->label == NULL || strcmp(f->alias, object->label) != 0))
        return false;
    if (!wants_names(f))
        return true;
    cert = parse_cert(object->cert);
    matches = cert != NULL && names_match(f, cert) && serial_matches(f, cert);
    X509_free(cert);
    return matches;
}

/* --- Finding ------------------------------------------------------------- */

static int begin_search(struct store_ctx *s)
{
    int rc = card_search_new(s->cards, &s->uri, expected_kinds(s->expect),
                             &s->search);

    if (rc == 0 && wants_names(&s->filter))
        card_search_want_certs(s->search);
    if (rc == 0 && s->pin != NULL)
        rc = card_search_set_pin(s->search, secret_view(s->pin));
    return rc;
}

struct password_callback {
    OSSL_PASSPHRASE_CALLBACK *cb;
    void *arg;
};

/* A callback that gives nothing is no failure: the first use asks. */
static int ask_application(void *arg, const struct card_pin_question *question,
                           struct buf *pin)
{
    const struct password_callback *password = arg;
    char info[256], text[CARD_MAX_PIN + 1]; /* more is seen as too much */
    OSSL_PARAM params[] = {OSSL_PARAM_END, OSSL_PARAM_END};
    size_t len = 0;
    int rc;

    prompt_describe(question, info, sizeof(info));
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PASSPHRASE_PARAM_INFO,
                                                 info, 0);
    if (password->cb != NULL
        && password->cb(text, sizeof(text), &len, params, password->arg)
        && len > 0 && len <= CARD_MAX_PIN)
        rc = buf_put(pin, bytes_from(text, len));
    else
        rc = card_fail(CARD_E_PIN_NEEDED, "the program gave no PIN");
    memory_wipe(text, sizeof(text));
    return rc;
}

static int next_object(struct store_ctx *s)
{
    int rc;

    if (s->search == NULL && (rc = begin_search(s)) < 0)
        return rc;
    card_search_set_ask(s->search, s->password != NULL ? ask_application : NULL,
                        s->password);
    while ((rc = card_search_next(s->search, &s->object)) == 0) {
        s->seen = s->found = true;
        if (object_matches(s, &s->object))
            return 0;
        drop_object(s);
    }
    if (rc == CARD_E_NOT_FOUND && s->seen && !s->given)
        rc = card_fail(rc, "the cards hold nothing with that subject, issuer, "
                       "serial number or alias");
    return rc;
}

/*
 * Have the next object at hand, or the error there is instead. Looking ahead
 * lets eof tell the truth, and some programs stop at the first failed load.
 */
static void look_ahead(struct store_ctx *s)
{
    int rc;

    if (s->found || s->done)
        return;
    if (expected_kinds(s->expect) == 0) {
        s->done = true;
        return;
    }
    prov_enter(s->prov);
    rc = next_object(s);
    prov_leave(s->prov);
    if (rc == 0)
        return;
    /* What a token hides is for a load, which has somebody to ask. */
    if (rc == CARD_E_NOT_FOUND && s->password == NULL
        && card_search_may_ask(s->search))
        return;
    s->done = true;
    if (rc == CARD_E_NOT_FOUND && s->given)
        return;
    s->rc = rc;
    snprintf(s->sentence, sizeof(s->sentence), "%s", card_error_sentence());
}

/*
 * Not right after a failed load: libcrypto and storeutl would take it for the
 * end. One more load gives nothing, and then it is.
 */
static int store_eof(void *vctx)
{
    struct store_ctx *s = vctx;

    look_ahead(s);
    return s->done && s->rc == 0 && !s->failed;
}

/* --- Giving -------------------------------------------------------------- */

/* Nothing asks for a card's PIN unless the program wants a private key. */
static int fetch_pin(struct store_ctx *s)
{
    int rc;

    if (s->password->cb == NULL || s->object.kind != CARD_KIND_PRIVATE
        || (s->expect != OSSL_STORE_INFO_PKEY && !s->private_uri))
        return 0;
    prov_enter(s->prov);
    rc = card_key_fetch_pin(s->object.key, ask_application, s->password);
    prov_leave(s->prov);
    return rc;
}

static int give_key(struct store_ctx *s, OSSL_CALLBACK *cb, void *arg)
{
    struct prov_reference ref = {prov_reference_magic, NULL};
    int type = OSSL_OBJECT_PKEY;
    OSSL_PARAM params[4];
    int ok;
    int rc = prov_key_new(s->prov, s->object.key,
                          s->object.kind == CARD_KIND_PRIVATE, &ref.key);

    if (rc < 0)
        return prov_result(s->prov, rc);
    params[0] = OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &type);
    params[1] = OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE,
                                                 prov_unconst(
                                                     prov_key_type(ref.key)),
                                                 0);
    params[2] = OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_REFERENCE,
                                                  &ref, sizeof(ref));
    params[3] = OSSL_PARAM_construct_end();
    ok = cb(params, arg);
    prov_key_free(ref.key);
    return ok;
}

static int give_cert(const struct store_ctx *s, OSSL_CALLBACK *cb, void *arg)
{
    int type = OSSL_OBJECT_CERT;
    char name[] = "CERTIFICATE";
    OSSL_PARAM params[4];

    params[0] = OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &type);
    params[1] = OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE,
                                                 name, 0);
    params[2] = OSSL_PARAM_construct_octet_string(
        OSSL_OBJECT_PARAM_DATA, prov_unconst(s->object.cert.data),
        s->object.cert.len);
    params[3] = OSSL_PARAM_construct_end();
    return cb(params, arg);
}

static int give_object(struct store_ctx *s, OSSL_CALLBACK *cb, void *arg)
{
    int rc = fetch_pin(s);

    if (rc < 0) {
        s->done = true;
        return prov_result(s->prov, rc);
    }
    return s->object.kind == CARD_KIND_CERT ? give_cert(s, cb, arg)
                                            : give_key(s, cb, arg);
}

static int store_load(void *vctx, OSSL_CALLBACK *cb, void *arg,
                      OSSL_PASSPHRASE_CALLBACK *pw_cb, void *pw_arg)
{
    struct store_ctx *s = vctx;
    struct password_callback password = {pw_cb, pw_arg};
    int ok = 0;
    int rc;

    s->password = &password;
    look_ahead(s);
    rc = s->rc;
    s->rc = 0; /* raised once */
    s->failed = false;
    if (rc < 0) {
        prov_result(s->prov, card_fail(rc, "%s", s->sentence));
        s->failed = true;
    } else if (s->found) {
        ok = give_object(s, cb, arg);
        s->failed = ok == 0;
        s->given = true;
        drop_object(s);
    }
    s->password = NULL;
    return ok;
}

int store_load_key(struct prov_ctx *ctx, const char *uri, int expect,
                   OSSL_CALLBACK *cb, void *cb_arg,
                   OSSL_PASSPHRASE_CALLBACK *pw_cb, void *pw_arg)
{
    struct store_ctx *s;
    int rc = open_uri(ctx, uri, &s);
    int ok;

    if (rc < 0)
        return prov_result(ctx, rc);
    s->expect = expect;
    ok = store_load(s, cb, cb_arg, pw_cb, pw_arg);
    store_close(s);
    return ok;
}

static const OSSL_DISPATCH store_functions[] = {
    {OSSL_FUNC_STORE_OPEN, (void (*)(void))store_open},
    {OSSL_FUNC_STORE_SETTABLE_CTX_PARAMS,
     (void (*)(void))store_settable_ctx_params},
    {OSSL_FUNC_STORE_SET_CTX_PARAMS, (void (*)(void))store_set_ctx_params},
    {OSSL_FUNC_STORE_LOAD, (void (*)(void))store_load},
    {OSSL_FUNC_STORE_EOF, (void (*)(void))store_eof},
    {OSSL_FUNC_STORE_CLOSE, (void (*)(void))store_close},
    {0, NULL}};

const struct prov_algorithm prov_stores[] = {
    {"card", "", store_functions, "keys and certificates on cards"},
    {"pkcs11", "", store_functions, "keys and certificates on tokens"},
    {"store", "", store_functions, "keys and certificates on cards"},
    {NULL, NULL, NULL, NULL}};
