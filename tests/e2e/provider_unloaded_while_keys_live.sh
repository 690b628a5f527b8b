#!/bin/bash
# OSSL_PROVIDER_unload while a program still has keys: it may use and free them,
# and load the provider again.
# shellcheck source=tests/e2e/softhsm.sh
. "${0%/*}/story.sh"
. "${0%/*}/softhsm.sh"

hsm_start
hsm_key rsa 01 RSA:2048
hsm_key ec 02 EC:prime256v1
export OPENSSL_MODULES=$build/ossl-modules
export PKCS11_PROVIDER_MODULE=$hsm_module

for key in rsa ec; do
    timeout 60 "$build/tests/p11_life" unload 20 \
        "$(hsm_uri $key)?pin-value=$PIN" "$work/$key.pub"
done
