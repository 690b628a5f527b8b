/*
 * Certificates of certification authorities: reading them, and who issued whom.
 */
#include "card/tool/authorities.h"

#include <errno.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

enum { CHAIN_MAX = 8 };

bool authorities_init(struct authorities *a)
{
    a->certs = sk_X509_new_null();
    a->crls = sk_X509_CRL_new_null();
    return a->certs != NULL && a->crls != NULL;
}

void authorities_clear(struct authorities *a)
{
    sk_X509_pop_free(a->certs, X509_free);
    sk_X509_CRL_pop_free(a->crls, X509_CRL_free);
    a->certs = NULL;
    a->crls = NULL;
}

/* ---- reading ------------------------------------------------------------- */

static void push_cert(struct authorities *a, X509 *x)
{
    if (x != NULL && sk_X509_push(a->certs, x) <= 0)
        X509_free(x);
}

static void push_crl(struct authorities *a, X509_CRL *crl)
{
    if (crl != NULL && sk_X509_CRL_push(a->crls, crl) <= 0)
        X509_CRL_free(crl);
}

/* A file that says that it is encrypted is not to make libcrypto ask. */
static int no_pass_phrase(char *out, int size, int writing, void *arg)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

static void add_pem(struct authorities *a, BIO *in)
{
    STACK_OF(X509_INFO) *all =
        PEM_X509_INFO_read_bio(in, NULL, no_pass_phrase, NULL);

    for (int i = 0; i < sk_X509_INFO_num(all); i++) {
        X509_INFO *one = sk_X509_INFO_value(all, i);

        push_cert(a, one->x509);
        push_crl(a, one->crl);
        one->x509 = NULL; /* they are the stacks' */
        one->crl = NULL;
    }
    sk_X509_INFO_pop_free(all, X509_INFO_free);
    ERR_clear_error();
}

static int count(const struct authorities *a)
{
    return sk_X509_num(a->certs) + sk_X509_CRL_num(a->crls);
}

static void add_der(struct authorities *a, BIO *in)
{
    X509_CRL *crl = NULL;
    X509 *x;

    if (BIO_reset(in) == 0 && (x = d2i_X509_bio(in, NULL)) != NULL)
        push_cert(a, x);
    else if (BIO_reset(in) == 0 && (crl = d2i_X509_CRL_bio(in, NULL)) != NULL)
        push_crl(a, crl);
    ERR_clear_error();
}

int authorities_add_file(struct tool *t, struct authorities *a,
                         const char *path)
{
    BIO *in = BIO_new_file(path, "rb");
    int before = count(a);

    if (in == NULL) {
        tool_error(t, _("%s cannot be opened: %s"), path, strerror(errno));
        ERR_clear_error();
        return TOOL_FAILED;
    }
    add_pem(a, in);
    if (count(a) == before)
        add_der(a, in);
    BIO_free(in);
    if (count(a) > before)
        return TOOL_DONE;
    tool_error(t, _("%s has no certificate and no revocation list, neither as "
                    "PEM nor as DER"), path);
    return TOOL_FAILED;
}

void authorities_add_pem(struct authorities *a, struct bytes pem)
{
    BIO *in = BIO_new_mem_buf(pem.data, (int)pem.len);

    if (in != NULL)
        add_pem(a, in);
    BIO_free(in);
}

void authorities_add_card(struct authorities *a, const struct card *c)
{
    struct bytes der;
    X509 *x;

    for (size_t i = 0; card_cert_at(c, i, &der) != NULL; i++) {
        if ((x = cert_parse(der)) == NULL)
            continue;
        if (X509_check_ca(x) > 0)
            push_cert(a, x);
        else
            X509_free(x);
    }
}

/* ---- who issued whom ----------------------------------------------------- */

static bool is_current(const X509 *x)
{
    return X509_cmp_current_time(X509_get0_notBefore(x)) < 0 &&
           X509_cmp_current_time(X509_get0_notAfter(x)) > 0;
}

static bool issued(X509 *authority, X509 *x)
{
    return X509_check_issued(authority, x) == X509_V_OK &&
           X509_verify(x, X509_get0_pubkey(authority)) == 1;
}

/* One that is valid now, rather than an old one of the same key. */
static X509 *issuer_of(const struct authorities *a, X509 *x)
{
    X509 *found = NULL;

    for (int i = 0; i < sk_X509_num(a->certs); i++) {
        X509 *authority = sk_X509_value(a->certs, i);

        if ((found == NULL || (!is_current(found) && is_current(authority))) &&
            issued(authority, x))
            found = authority;
    }
    ERR_clear_error();
    return found;
}

bool authorities_put_chain(const struct authorities *a, struct bytes der,
                           BIO *out)
{
    X509 *leaf = cert_parse(der), *x = leaf;
    bool ok = true;

    for (int depth = 0; ok && x != NULL && depth < CHAIN_MAX; depth++) {
        x = issuer_of(a, x);
        if (x == NULL || X509_self_signed(x, 0) == 1)
            break;
        ok = PEM_write_bio_X509(out, x) == 1;
    }
    X509_free(leaf);
    return ok;
}
