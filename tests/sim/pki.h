/*
 * A test PKI in the layout of IGC-Sante (fact sheet cps3, section 8): CAs, a
 * holder's certificates for keys of every kind that a simulated card has, and
 * one for a server on localhost.
 */
#ifndef TESTS_SIM_PKI_H
#define TESTS_SIM_PKI_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "card/base/bytes.h"

struct pki_holder {
    const char *idnat;  /* national id, the CN: "899700245667" */
    const char *family; /* UTF-8 */
    const char *given;
    const char *title;  /* profession */
    size_t extra;       /* bytes of a private extension, to lengthen them */
};

/* Of the tests' usual holder. */
extern const struct pki_holder pki_holder_default;

/*
 * Make what is missing in `dir` (created 0700): root.pem, ca.pem, chain.pem,
 * ca-rgs.pem, ca-classe3.pem and their keys (.key); of the holder, each with
 * its key, auth, sign, decrypt (RSA-2048), rsa1024, rsa3072, ec-auth (P-256),
 * ec-sign (P-384), ec-decrypt (P-256), ed-auth (Ed25519), x-decrypt (X25519);
 * rgs, classe3 and expired (of one key, by the two other CAs); server. What is
 * there already is kept, so the slow part happens once.
 *
 *   ca_dir  folder whose CA issues, so that two cards share one; NULL: dir
 *
 * CARD_E_CONFIG with a sentence.
 */
int pki_make(const char *dir, const char *ca_dir,
             const struct pki_holder *holder);

/* dir/name.key and dir/name.pem; NULL with a sentence. Free them. */
EVP_PKEY *pki_load_key(const char *dir, const char *name);
X509 *pki_load_cert(const char *dir, const char *name);

#endif
