/*
 * Certificates in the words of people.
 */
#ifndef CARD_TOOL_CERT_TEXT_H
#define CARD_TOOL_CERT_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "card/base/bytes.h"

enum {
    CERT_NAME_MAX = 256, /* bytes of a name for people, with the NUL */
    CERT_DATE_MAX = 32
};

/* What people want to know of a certificate. All UTF-8, cleaned. */
struct cert_text {
    char holder[CERT_NAME_MAX];  /* surname and given name, or commonName */
    char subject[CERT_NAME_MAX]; /* RFC 4514, the most specific first */
    char issuer[CERT_NAME_MAX];  /* its commonName, or the whole name */
    char from[CERT_DATE_MAX], until[CERT_DATE_MAX]; /* YYYY-MM-DD */
    int64_t not_before, not_after; /* seconds since 1970 */
    char number[128];            /* serialNumber, hex */
    unsigned key_usage;          /* X509_get_key_usage; UINT32_MAX: not said */
    bool client, server, mail, logon, authority; /* what it may be used for */
    char address[CERT_NAME_MAX]; /* rfc822Name */
};

/* False: it is no certificate. */
bool cert_describe(struct bytes der, struct cert_text *out);
/* "authentication, signature, decryption, TLS server" by key usage and EKU. */
void cert_purposes(const struct cert_text *cert, char *out, size_t cap);
enum cert_validity { CERT_VALID, CERT_NOT_YET, CERT_EXPIRED };
enum cert_validity cert_validity(const struct cert_text *cert);

/* ---- parts of them ------------------------------------------------------- */

/* NULL: it is none. Free it. */
X509 *cert_parse(struct bytes der);
/* The last of its kind in a name, the most specific one; false, "": none. */
bool cert_name_entry(const X509_NAME *name, int nid, char *out, size_t cap);
/* The commonName, or what there is last of the name; "?": there is nothing. */
void cert_short_name(const X509_NAME *name, char *out, size_t cap);
/* YYYY-MM-DD, and seconds since 1970; "?" and 0: there is no such time. */
int64_t cert_date(const ASN1_TIME *time, char out[CERT_DATE_MAX]);

#endif
