#!/bin/bash
# openssl genpkey makes keys of every type on a token, with the parameters of
# pkcs11-provider and with ours; without a token's name it makes no key in a
# file, and who does not ask for us gets a key in a file as ever.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"
# shellcheck source=tests/e2e/softhsm.sh
. "$top/tests/e2e/softhsm.sh"

# make NAME ARGUMENT...: a key pair of that label.
make()
{
    openssl genpkey -propquery '?provider=tessera' "${@:2}" \
        -pkeyopt "pkcs11_uri:pkcs11:token=$hsm_token;object=$1" \
        -out "$work/$1.key" 2>"$work/said" || {
        cat "$work/said"
        fail "no key $1"
    }
    grep -q 'PKCS#11 PROVIDER URI' "$work/$1.key" || fail "$1 is in a file"
    openssl pkey -in "$(hsm_uri "$1")" -pubout -out "$work/$1.pub"
    stock pkey -pubin -in "$work/$1.pub" -noout -text >"$work/$1.text"
}

# signs NAME [ARGUMENT...]
signs()
{
    openssl pkeyutl -sign -rawin -inkey "$work/$1.key" -in "$work/message" \
        -out "$work/sig" "${@:2}"
    stock pkeyutl -verify -rawin -pubin -inkey "$work/$1.pub" \
        -in "$work/message" -sigfile "$work/sig" "${@:2}" >/dev/null
}

hsm_start
configure_module_with_pin
echo 'a message' >"$work/message"

make rsa -algorithm RSA -pkeyopt bits:3072 -pkeyopt rsa_keygen_pubexp:65537 \
    -pkeyopt 'pkcs11_key_usage:digitalSignature keyEncipherment'
says "$work/rsa.text" '3072 bit'
signs rsa -digest sha256
make p256 -algorithm EC -pkeyopt group:P-256 -pkeyopt usage:auth
says "$work/p256.text" prime256v1
signs p256 -digest sha256
make p384 -algorithm EC -pkeyopt ec_paramgen_curve:secp384r1
says "$work/p384.text" secp384r1
signs p384 -digest sha384
make ed25519 -algorithm ED25519
signs ed25519
hsm_tool --list-objects --type privkey >"$work/objects" 2>/dev/null
[ "$(grep -c 'Private Key Object' "$work/objects")" = 4 ] ||
    fail "not four keys: $(cat "$work/objects")"
says "$work/objects" 'never extractable'

# A token that is not there makes none, nor does a curve none has.
refused openssl genpkey -propquery '?provider=tessera' -algorithm EC \
    -pkeyopt group:P-256 -pkeyopt 'uri:pkcs11:token=nowhere;object=x'
refused openssl genpkey -propquery '?provider=tessera' -algorithm EC \
    -pkeyopt group:brainpoolP256r1
says "$work/said" P-384
refused openssl genpkey -propquery '?provider=tessera' -algorithm RSA
says "$work/said" pkcs11_uri

# The default provider stays who makes keys in files.
for algorithm in RSA ED25519 X25519 'EC -pkeyopt group:P-256'; do
    # shellcheck disable=SC2086
    openssl genpkey -algorithm $algorithm -out "$work/file.key" 2>/dev/null
    stock pkey -in "$work/file.key" -noout
done
