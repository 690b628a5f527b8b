/*
 * A chain as libcrypto sees it (RFC 5280 6), every fault noted. Nothing is
 * fetched: addresses in certificates are only shown.
 */
#include "card/tool/verify.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "card/base/text.h"

/* ---- in words ------------------------------------------------------------ */

/* The first caIssuers of Authority Information Access (RFC 5280 4.2.2.1). */
static void issuer_url(const X509 *x, char *out, size_t cap)
{
    AUTHORITY_INFO_ACCESS *all = X509_get_ext_d2i(x, NID_info_access, NULL,
                                                  NULL);

    for (int i = 0; out[0] == '\0' && i < sk_ACCESS_DESCRIPTION_num(all); i++) {
        const ACCESS_DESCRIPTION *one = sk_ACCESS_DESCRIPTION_value(all, i);
        int type;
        const ASN1_STRING *uri = GENERAL_NAME_get0_value(one->location, &type);

        if (OBJ_obj2nid(one->method) == NID_ad_ca_issuers && type == GEN_URI)
            text_copy(out, cap, bytes_from(ASN1_STRING_get0_data(uri),
                                           (size_t)ASN1_STRING_length(uri)));
    }
    AUTHORITY_INFO_ACCESS_free(all);
}

/* ---- findings ------------------------------------------------------------ */

static enum verify_kind kind_of(int error)
{
    switch (error) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return VERIFY_MISSING;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        return VERIFY_UNTRUSTED;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return VERIFY_EXPIRED;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return VERIFY_NOT_YET;
    case X509_V_ERR_CERT_REVOKED:
        return VERIFY_REVOKED;
    case X509_V_ERR_CRL_HAS_EXPIRED:
        return VERIFY_CRL_EXPIRED;
    case X509_V_ERR_CRL_NOT_YET_VALID:
        return VERIFY_CRL_NOT_YET;
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
        return VERIFY_CRL_WRONG;
    default:
        return VERIFY_OTHER;
    }
}

static void describe(struct verify_finding *f, int error, const X509 *x,
                     const X509_CRL *crl)
{
    f->words = X509_verify_cert_error_string(error);
    if (f->kind >= VERIFY_CRL_EXPIRED && f->kind <= VERIFY_CRL_WRONG &&
        crl != NULL) {
        cert_short_name(X509_CRL_get_issuer(crl), f->name, sizeof(f->name));
        cert_date(f->kind == VERIFY_CRL_EXPIRED
                      ? X509_CRL_get0_nextUpdate(crl)
                      : X509_CRL_get0_lastUpdate(crl),
                  f->date);
        return;
    }
    if (x == NULL)
        return;
    cert_short_name(f->kind == VERIFY_MISSING ? X509_get_issuer_name(x)
                                        : X509_get_subject_name(x),
              f->name, sizeof(f->name));
    if (f->kind == VERIFY_MISSING)
        issuer_url(x, f->url, sizeof(f->url));
    if (f->kind == VERIFY_EXPIRED)
        cert_date(X509_get0_notAfter(x), f->date);
    if (f->kind == VERIFY_NOT_YET)
        cert_date(X509_get0_notBefore(x), f->date);
}

/* libcrypto says of one missing issuer that it is, and what follows from it. */
static bool is_known(const struct verify_result *result,
                     const struct verify_finding *f)
{
    for (size_t i = 0; i < result->count; i++)
        if (result->findings[i].kind == f->kind &&
            (f->kind == VERIFY_MISSING ||
             (result->findings[i].depth == f->depth &&
              strcmp(result->findings[i].words, f->words) == 0)))
            return true;
    return false;
}

static int note(int ok, X509_STORE_CTX *ctx)
{
    struct verify_result *result = X509_STORE_CTX_get_app_data(ctx);
    X509 *x = X509_STORE_CTX_get_current_cert(ctx);
    const int error = X509_STORE_CTX_get_error(ctx);
    struct verify_finding f = {.kind = kind_of(error),
                               .depth = X509_STORE_CTX_get_error_depth(ctx)};

    if (ok)
        return 1;
    if (error == X509_V_ERR_UNABLE_TO_GET_CRL) {
        /* No list tells of a root: who would sign it? */
        result->unchecked += X509_self_signed(x, 0) == 0;
        return 1;
    }
    describe(&f, error, x, X509_STORE_CTX_get0_current_crl(ctx));
    if (is_known(result, &f))
        return 1;
    if (result->count == VERIFY_FINDINGS)
        return 0;
    result->findings[result->count++] = f;
    return 1;
}

/* What expires or is revoked at the lower end says nothing of the upper. */
static bool is_of_leaf(const struct verify_finding *f)
{
    return f->depth == 0 &&
           (f->kind == VERIFY_EXPIRED || f->kind == VERIFY_NOT_YET ||
            f->kind == VERIFY_REVOKED);
}

static bool is_sound(const struct verify_result *result)
{
    const int top = sk_X509_num(result->chain) - 1;

    for (size_t i = 0; i < result->count; i++)
        if (!is_of_leaf(&result->findings[i]))
            return false;
    return top > 0 &&
           X509_self_signed(sk_X509_value(result->chain, top), 1) == 1;
}

/* ---- the verification ---------------------------------------------------- */

static X509_STORE *store_of(const struct authorities *given)
{
    X509_STORE *store = X509_STORE_new();

    for (int i = 0; store != NULL && i < sk_X509_num(given->certs); i++)
        X509_STORE_add_cert(store, sk_X509_value(given->certs, i));
    for (int i = 0; store != NULL && i < sk_X509_CRL_num(given->crls); i++)
        X509_STORE_add_crl(store, sk_X509_CRL_value(given->crls, i));
    if (store != NULL && sk_X509_CRL_num(given->crls) > 0)
        X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK |
                                        X509_V_FLAG_CRL_CHECK_ALL);
    return store;
}

bool verify_chain(X509 *leaf, const struct authorities *given,
                  const struct authorities *on_card,
                  struct verify_result *result)
{
    X509_STORE *store = store_of(given);
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    bool ok = store != NULL && ctx != NULL &&
              X509_STORE_CTX_init(ctx, store, leaf, on_card->certs) == 1;

    memset(result, 0, sizeof(*result));
    if (ok) {
        X509_STORE_CTX_set_app_data(ctx, result);
        X509_STORE_CTX_set_verify_cb(ctx, note);
        if (X509_verify_cert(ctx) <= 0 && result->count == 0)
            note(0, ctx); /* it ended without a word */
        result->chain = X509_STORE_CTX_get1_chain(ctx);
        result->sound = is_sound(result);
    }
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    ERR_clear_error();
    return ok;
}

void verify_clear(struct verify_result *result)
{
    sk_X509_pop_free(result->chain, X509_free);
    result->chain = NULL;
}
