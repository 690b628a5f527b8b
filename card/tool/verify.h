/*
 * What is to be said of a certificate's chain: a verification that goes on
 * after every fault, and notes it.
 */
#ifndef CARD_TOOL_VERIFY_H
#define CARD_TOOL_VERIFY_H

#include "card/tool/authorities.h"

enum verify_kind {
    VERIFY_MISSING,     /* the issuer's certificate is not among the files */
    VERIFY_UNTRUSTED,   /* the root is on the card only, or self-signed */
    VERIFY_EXPIRED,
    VERIFY_NOT_YET,
    VERIFY_REVOKED,
    VERIFY_CRL_EXPIRED,
    VERIFY_CRL_NOT_YET,
    VERIFY_CRL_WRONG,   /* its signature */
    VERIFY_OTHER
};

enum { VERIFY_FINDINGS = 16, VERIFY_URL_MAX = 512 };

struct verify_finding {
    enum verify_kind kind;
    int depth;                /* 0: the card's own certificate */
    char name[CERT_NAME_MAX]; /* whose certificate or CRL; of what is missing */
    char date[CERT_DATE_MAX]; /* since when, or from when on */
    char url[VERIFY_URL_MAX]; /* where what is missing is said to be */
    const char *words;        /* of VERIFY_OTHER: libcrypto's */
};

/*
 *   chain      from the certificate upwards, as far as it could be built
 *   unchecked  certificates that no CRL tells of, where some were given
 *   sound      the authorities in it lead to a root that was given, and nothing
 *              was found of them
 */
struct verify_result {
    struct verify_finding findings[VERIFY_FINDINGS];
    size_t count, unchecked;
    STACK_OF(X509) *chain;
    bool sound;
};

/*
 * Verify by what was `given`, and the authorities on the card on the way to it.
 * False: no memory. Free with verify_clear.
 */
bool verify_chain(X509 *leaf, const struct authorities *given,
                  const struct authorities *on_card,
                  struct verify_result *result);
void verify_clear(struct verify_result *result);

#endif
