#!/bin/bash
# A configuration written for pkcs11-provider works when its line `module` names
# our file: every key of its manual, its variables, and its name.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"
# shellcheck source=tests/e2e/softhsm.sh
. "$top/tests/e2e/softhsm.sh"

hsm_start
hsm_key rsa 01 RSA:2048
hsm_key ec 02 EC:prime256v1
printf '%s\n' "$PIN" >"$work/pin"
chmod 600 "$work/pin"
seq 100 >"$work/file"

# theirs LINE...: openssl.cnf as in their manual, with these lines.
theirs()
{
    {
        cat /etc/ssl/openssl.cnf
        printf '%s\n' '[openssl_init]' 'providers = provider_sect' \
            '[provider_sect]' 'default = default_sect' 'pkcs11 = pkcs11_sect' \
            '[default_sect]' 'activate = 1' \
            '[pkcs11_sect]' "module = $build/ossl-modules/tessera.so" "$@" \
            'activate = 1'
    } >"$work/openssl.cnf"
    export OPENSSL_CONF=$work/openssl.cnf OPENSSL_MODULES=$build/nowhere
}

# signs NAME OPTION...
signs()
{
    rm -f "$work/sig"
    openssl dgst -sha256 "${@:2}" -sign "$(hsm_uri "$1")" -out "$work/sig" \
        "$work/file"
    stock dgst -sha256 -verify "$work/$1.pub" -signature "$work/sig" \
        "$work/file"
}

path="pkcs11-module-path = $hsm_module"
pin="pkcs11-module-token-pin = file:$work/pin"
sign="openssl dgst -sign $(hsm_uri rsa) -out /dev/null /dev/null"

theirs "$path" "$pin"
signs rsa
signs ec
theirs "$path" "pkcs11-module-token-pin = $PIN"
signs ec

# The sample, as it is.
{
    cat /etc/ssl/openssl.cnf
    sed "s|^pkcs11-module-path = .*|$path|" "$conf/openssl-pkcs11.cnf"
    echo "$pin"
} >"$work/openssl.cnf"
OPENSSL_MODULES=$build/ossl-modules signs ec

# Every other key, with the values of the manual.
theirs "$path" "$pin" 'pkcs11-module-allow-export = 1' \
    'pkcs11-module-cache-keys = false' 'pkcs11-module-cache-pins = cache' \
    'pkcs11-module-cache-sessions = 0' 'pkcs11-module-load-behavior = early' \
    'pkcs11-module-login-behavior = always' \
    'pkcs11-module-quirks = no-deinit no-operation-state' \
    'pkcs11-module-block-operations = digest rand' \
    'pkcs11-module-assume-fips = true' \
    'pkcs11-module-encode-provider-uri-to-pem = true'
export PKCS11_PROVIDER_DEBUG=file:$work/debug,level:2
signs rsa
signs ec
unset PKCS11_PROVIDER_DEBUG
for key in allow-export cache-keys cache-pins cache-sessions load-behavior \
    quirks assume-fips encode-provider-uri-to-pem; do
    # Once in each of the two programs.
    [ "$(grep -c "pkcs11-module-$key has no meaning here" "$work/debug")" = 2 ]
done
! grep 'block-operations' "$work/debug" || fail 'digest is an operation'

for behavior in auto never; do
    theirs "$path" "$pin" "pkcs11-module-login-behavior = $behavior"
    signs rsa
done
theirs "$path" "$pin" 'pkcs11-module-login-behavior = sometimes'
refused $sign
says "$work/said" 'login-behavior.*"auto", "always" or "never"'

# What is blocked is not offered. (One word would be taken for the section of
# that name, which OpenSSL's own file has.)
theirs "$path" "$pin" 'pkcs11-module-block-operations = signature digest'
refused $sign
theirs "$path" "$pin" 'pkcs11-module-block-operations = store'
refused $sign

# The variable goes before the key.
theirs "pkcs11-module-path = $work/absent.so" "$pin"
refused $sign
says "$work/said" 'absent.so'
PKCS11_PROVIDER_MODULE=$hsm_module signs rsa

# No configuration at all, as in curl's library context: the variable suffices.
mkdir "$work/modules"
ln -s "$build/ossl-modules/tessera.so" "$work/modules/pkcs11.so"
export OPENSSL_CONF=/dev/null OPENSSL_MODULES=$work/modules
export PKCS11_PROVIDER_MODULE=$hsm_module
uri="$(hsm_uri ec)?pin-source=file:$work/pin"
openssl dgst -sha256 -provider pkcs11 -provider default -sign "$uri" \
    -out "$work/sig" "$work/file"
stock dgst -sha256 -verify "$work/ec.pub" -signature "$work/sig" "$work/file"
