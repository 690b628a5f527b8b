/*
 * Public keys of ours that are made into a peer's, for keymgmt.
 */
#ifndef PROVIDER_PEER_H
#define PROVIDER_PEER_H

#include <openssl/core_dispatch.h>

/*
 * The point of a public key is replaced by another on its curve, and no card
 * knows of it then. CMS makes the sender's key in this way, from a copy of the
 * parameters of the recipient's: EVP_PKEY_set1_encoded_public_key.
 */
OSSL_FUNC_keymgmt_set_params_fn peer_set_params;
OSSL_FUNC_keymgmt_settable_params_fn peer_settable_params;

#endif
