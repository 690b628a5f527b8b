/*
 * A certificate in the words of people. Everything in it was written by
 * somebody else: names are cleaned, and nothing is assumed to be there.
 */
#define _GNU_SOURCE /* timegm */
#include "card/tool/cert_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "card/base/text.h"
#include "card/tool/tool.h"

X509 *cert_parse(struct bytes der)
{
    const unsigned char *at = der.data;
    X509 *x = d2i_X509(NULL, &at, (long)der.len);

    ERR_clear_error();
    return x;
}

/* ---- names --------------------------------------------------------------- */

static bool entry_text(const X509_NAME_ENTRY *entry, char *out, size_t cap)
{
    unsigned char *utf8 = NULL;
    int len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));

    if (len < 0) {
        ERR_clear_error();
        return false;
    }
    text_copy(out, cap, bytes_from(utf8, (size_t)len));
    OPENSSL_free(utf8);
    return out[0] != '\0';
}

bool cert_name_entry(const X509_NAME *name, int nid, char *out, size_t cap)
{
    int at = -1, next;

    out[0] = '\0';
    while ((next = X509_NAME_get_index_by_NID(name, nid, at)) >= 0)
        at = next;
    return at >= 0 && entry_text(X509_NAME_get_entry(name, at), out, cap);
}

void cert_short_name(const X509_NAME *name, char *out, size_t cap)
{
    const int last = X509_NAME_entry_count(name) - 1;

    if (!cert_name_entry(name, NID_commonName, out, cap) &&
        (last < 0 || !entry_text(X509_NAME_get_entry(name, last), out, cap)))
        snprintf(out, cap, "?");
}

static void name_text(const X509_NAME *name, char *out, size_t cap)
{
    BIO *memory = BIO_new(BIO_s_mem());
    char *data = NULL;
    long len = 0;

    out[0] = '\0';
    if (memory != NULL &&
        X509_NAME_print_ex(memory, name, 0,
                           XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0)
        len = BIO_get_mem_data(memory, &data);
    if (len > 0)
        text_copy(out, cap, bytes_from(data, (size_t)len));
    BIO_free(memory);
}

static void holder_text(const X509_NAME *name, char *out, size_t cap)
{
    char given[CERT_NAME_MAX / 2], family[CERT_NAME_MAX / 2];

    if (cert_name_entry(name, NID_surname, family, sizeof(family))) {
        cert_name_entry(name, NID_givenName, given, sizeof(given));
        snprintf(out, cap, "%s%s%s", family, given[0] != '\0' ? " " : "",
                 given);
    } else if (!cert_name_entry(name, NID_commonName, out, cap)) {
        name_text(name, out, cap);
    }
}

/* ---- the rest ------------------------------------------------------------ */

int64_t cert_date(const ASN1_TIME *time, char out[CERT_DATE_MAX])
{
    struct tm tm;

    if (time == NULL || ASN1_TIME_to_tm(time, &tm) != 1) {
        snprintf(out, CERT_DATE_MAX, "?");
        return 0;
    }
    snprintf(out, CERT_DATE_MAX, "%04d-%02d-%02d", tm.tm_year + 1900,
             tm.tm_mon + 1, tm.tm_mday);
    return (int64_t)timegm(&tm);
}

static void serial_text(const X509 *x, char *out, size_t cap)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
    char *hex = number != NULL ? BN_bn2hex(number) : NULL;

    snprintf(out, cap, "%s", hex != NULL ? hex : "");
    OPENSSL_free(hex);
    BN_free(number);
}

static void mail_text(X509 *x, char *out, size_t cap)
{
    STACK_OF(OPENSSL_STRING) *all = X509_get1_email(x);

    out[0] = '\0';
    if (sk_OPENSSL_STRING_num(all) > 0)
        text_copy(out, cap, bytes_of_string(sk_OPENSSL_STRING_value(all, 0)));
    X509_email_free(all);
}

static void uses_of(X509 *x, struct cert_text *out)
{
    uint32_t extended = X509_get_extended_key_usage(x); /* UINT32_MAX: none */

    out->key_usage = X509_get_key_usage(x);
    out->authority = X509_check_ca(x) > 0;
    if (extended == UINT32_MAX)
        return;
    out->client = (extended & XKU_SSL_CLIENT) != 0;
    out->server = (extended & XKU_SSL_SERVER) != 0;
    out->mail = (extended & XKU_SMIME) != 0;
}

static void logon_of(X509 *x, struct cert_text *out)
{
    EXTENDED_KEY_USAGE *all =
        X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);

    for (int i = 0; i < sk_ASN1_OBJECT_num(all); i++)
        if (OBJ_obj2nid(sk_ASN1_OBJECT_value(all, i)) == NID_ms_smartcard_login)
            out->logon = true;
    EXTENDED_KEY_USAGE_free(all);
}

bool cert_describe(struct bytes der, struct cert_text *out)
{
    X509 *x = cert_parse(der);
    const X509_NAME *subject, *issuer;

    memset(out, 0, sizeof(*out));
    if (x == NULL)
        return false;
    subject = X509_get_subject_name(x);
    issuer = X509_get_issuer_name(x);
    holder_text(subject, out->holder, sizeof(out->holder));
    name_text(subject, out->subject, sizeof(out->subject));
    if (!cert_name_entry(issuer, NID_commonName, out->issuer,
                         sizeof(out->issuer)))
        name_text(issuer, out->issuer, sizeof(out->issuer));
    out->not_before = cert_date(X509_get0_notBefore(x), out->from);
    out->not_after = cert_date(X509_get0_notAfter(x), out->until);
    serial_text(x, out->number, sizeof(out->number));
    mail_text(x, out->address, sizeof(out->address));
    uses_of(x, out);
    logon_of(x, out);
    X509_free(x);
    ERR_clear_error();
    return true;
}

enum cert_validity cert_validity(const struct cert_text *cert)
{
    int64_t now = (int64_t)time(NULL);

    return now < cert->not_before  ? CERT_NOT_YET
           : now > cert->not_after ? CERT_EXPIRED
                                   : CERT_VALID;
}

static void append(char *out, size_t cap, const char *word)
{
    size_t used = strlen(out);

    snprintf(out + used, cap - used, "%s%s", used > 0 ? ", " : "", word);
}

/*
 * RFC 5280 4.2.1.3 and 4.2.1.12. nonRepudiation beside digitalSignature is how
 * certificates for documents are marked; without key usage nothing is ruled
 * out, and nothing is said.
 */
void cert_purposes(const struct cert_text *cert, char *out, size_t cap)
{
    const unsigned usage = cert->key_usage == UINT32_MAX ? 0 : cert->key_usage;
    bool signs_documents = (usage & KU_NON_REPUDIATION) != 0;

    out[0] = '\0';
    if (cert->authority)
        append(out, cap, _("certification authority"));
    if (cert->client ||
        ((usage & KU_DIGITAL_SIGNATURE) != 0 && !signs_documents &&
         !cert->authority))
        append(out, cap, _("authentication"));
    if (signs_documents)
        append(out, cap, _("signature"));
    if ((usage & (KU_KEY_ENCIPHERMENT | KU_DATA_ENCIPHERMENT |
                  KU_KEY_AGREEMENT)) != 0)
        append(out, cap, _("decryption"));
    if (cert->server)
        append(out, cap, _("TLS server"));
    if (cert->mail)
        append(out, cap, _("e-mail"));
    if (cert->logon)
        append(out, cap, _("smart card logon"));
}
