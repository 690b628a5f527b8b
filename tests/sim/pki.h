/*
 * A test PKI in the layout of IGC-Sante (fact sheet cps3, section 8): two CAs,
 * a holder's two certificates and a certificate for a server on localhost.
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
 * Make what is missing in `dir` (created 0700): root.pem, ca.pem, chain.pem
 * and their keys; auth.pem, sign.pem, server.pem and theirs (.key). What is
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
