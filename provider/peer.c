/*
 * Public keys of ours that are made into a peer's: see the header.
 */
#include "provider/peer.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "provider/provider.h"

/* NULL, with errors raised, too when the point is not on the curve. */
static EVP_PKEY *with_point(EVP_PKEY *public, const void *point, size_t len)
{
    EVP_PKEY *copy = EVP_PKEY_dup(public);

    if (copy != NULL && EVP_PKEY_set1_encoded_public_key(copy, point, len) > 0)
        return copy;
    EVP_PKEY_free(copy);
    return NULL;
}

int peer_set_params(void *keydata, const OSSL_PARAM params[])
{
    struct prov_key *key = keydata;
    const void *point = NULL;
    size_t len;
    EVP_PKEY *public;
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(
        params, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY);

    if (p == NULL)
        return 1;
    if (key->private || key->public == NULL
        || !OSSL_PARAM_get_octet_string_ptr(p, &point, &len))
        return prov_refuse(key->prov, CARD_E_ARGUMENT, "only a public key can "
                           "be given another point");
    if ((public = with_point(key->public, point, len)) == NULL)
        return 0;
    EVP_PKEY_free(key->public);
    card_key_free(key->card);
    key->public = public;
    key->card = NULL;
    return 1;
}

const OSSL_PARAM *peer_settable_params(void *provctx)
{
    static const OSSL_PARAM settable[] = {
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
        OSSL_PARAM_END};

    (void)provctx;
    return settable;
}
