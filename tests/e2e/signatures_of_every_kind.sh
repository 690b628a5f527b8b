#!/bin/bash
# Each padding, digest, salt and interface that OpenSSL has for a signature, with
# every type of key: on a token, and on the card that knows PKCS#1 v1.5 only.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"
# shellcheck source=tests/e2e/softhsm.sh
. "$top/tests/e2e/softhsm.sh"

matrix()
{
    with_runtime timeout 150 "$build/tests/sig_matrix" "$@"
}

# imported NAME ID ARGUMENT...: a key of any type, made by genpkey.
imported()
{
    stock genpkey -algorithm "${@:3}" -out "$work/$1.key" 2>/dev/null
    hsm_import "$1" "$2" "$work/$1.key"
}

hsm_start
hsm_key rsa 01 RSA:2048
hsm_key p256 02 EC:prime256v1
imported p384 03 EC -pkeyopt group:P-384
imported p521 04 EC -pkeyopt group:P-521
imported ed25519 05 ED25519
hsm_key pss 06 RSA:2048 \
    --allowed-mechanisms RSA-PKCS-PSS,SHA256-RSA-PKCS-PSS
configure_module_with_pin
matrix "$(hsm_uri rsa)" "$(hsm_uri p256)" "$(hsm_uri p384)" "$(hsm_uri p521)" \
    "$(hsm_uri ed25519)" "$(hsm_uri pss)"
refused openssl pkeyutl -decrypt -inkey "$(hsm_uri pss)" -in "$work/pss.pub"
says "$work/said" 'does not decrypt'

card_start one 0
configure_with_pin
matrix --pkcs1 'card://usage=auth'
tries_are 3
