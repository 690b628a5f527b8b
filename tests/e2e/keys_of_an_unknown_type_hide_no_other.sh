#!/bin/bash
# A token with keys of a type that is not known here, or that this libcrypto
# does not know (ML-DSA before OpenSSL 3.5): they are refused, with the reason,
# and the other keys work.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"
# shellcheck source=tests/e2e/softhsm.sh
. "$top/tests/e2e/softhsm.sh"

hsm_start
hsm_key new 01 RSA:2048
hsm_key old 02 EC:prime256v1
export P11_WRAP_MODULE=$hsm_module
hsm_module=$build/tests/p11-wrap.so
configure_module_with_pin
export TESSERA_LOG=$work/log

# lists COUNT: so many private keys, that of before among them, which signs.
lists()
{
    openssl storeutl -noout -text "pkcs11:token=$hsm_token;type=private" \
        >"$work/list" 2>&1
    says "$work/list" "Total found: $1"
    says "$work/list" 'EC Private-Key'
    openssl dgst -sha256 -sign "$(hsm_uri old)" -out "$work/sig" "$work/pin"
    stock dgst -sha256 -verify "$work/old.pub" -signature "$work/sig" \
        "$work/pin" >/dev/null
}

# refuses WORDS: the other, named by itself, and says why; so does the log.
refuses()
{
    refused openssl pkeyutl -sign -rawin -inkey "$(hsm_uri new)" \
        -in "$work/pin" -out "$work/sig"
    says "$work/said" "$1"
    says "$work/log" "$1"
}

lists 2
export P11_WRAP_RSA_TYPE=0x4B # CKK_SLH_DSA
lists 1
says "$work/log" 'type 0x4b'
refuses 'type 0x4b'

export P11_WRAP_RSA_TYPE=0x4A # CKK_ML_DSA
if stock list -key-managers | grep -q ML-DSA; then
    lists 2
    says "$work/list" 'ML-DSA-65 Private-Key'
    refuses 'does not sign' # the token has no such mechanism
else
    : >"$work/log"
    lists 1
    says "$work/log" 'unknown algorithm'
    refuses 'unknown algorithm'
fi
