#!/bin/bash
# A configuration written for libp11's provider works when its line `module`
# names our file: its keys, its variables, its name.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"
# shellcheck source=tests/e2e/softhsm.sh
. "$top/tests/e2e/softhsm.sh"

hsm_start
hsm_key rsa 01 RSA:2048
seq 100 >"$work/file"

# theirs LINE...: openssl.cnf as in libp11's README, with these lines.
theirs()
{
    {
        cat /etc/ssl/openssl.cnf
        printf '%s\n' '[openssl_init]' 'providers = provider_sect' \
            '[provider_sect]' 'default = default_sect' 'pkcs11 = pkcs11_sect' \
            '[default_sect]' 'activate = 1' '[pkcs11_sect]' \
            'identity = pkcs11prov' \
            "module = $build/ossl-modules/tessera.so" "$@" 'activate = 1'
    } >"$work/openssl.cnf"
    export OPENSSL_CONF=$work/openssl.cnf OPENSSL_MODULES=$build/nowhere
}

signs()
{
    rm -f "$work/sig"
    openssl dgst -sha256 -sign "$(hsm_uri rsa)" -out "$work/sig" \
        "$work/file" 2>"$work/said"
    stock dgst -sha256 -verify "$work/rsa.pub" -signature "$work/sig" \
        "$work/file"
}

sign="openssl dgst -sign $(hsm_uri rsa) -out /dev/null /dev/null"

theirs "pkcs11_module = $hsm_module" "pin = $PIN" 'force_login = 1'
signs
[ ! -s "$work/said" ]
theirs "pkcs11_module = $hsm_module" "pin = $PIN" 'debug_level = 7' \
    'pkcs11-module-quirks = no-deinit'
signs
says "$work/said" 'tessera\[.*pkcs11-module-quirks has no meaning here'

theirs
refused $sign
PKCS11_MODULE_PATH=$hsm_module PKCS11_PIN=$PIN PKCS11_FORCE_LOGIN=1 signs
# The configuration goes before them.
theirs "pkcs11_module = $hsm_module" "pin = $PIN"
PKCS11_MODULE_PATH=$work/absent.so PKCS11_PIN=9999 signs

# One thing is said once.
theirs "pkcs11_module = $hsm_module" "pkcs11-module-path = $hsm_module"
refused $sign
says "$work/said" 'pkcs11-module-path and pkcs11_module are both'
theirs "pin = $PIN" "pkcs11-module-token-pin = $PIN"
refused $sign
says "$work/said" 'pin and pkcs11-module-token-pin are both'
theirs 'pkcs11_modul = x'
refused $sign
says "$work/said" 'unknown key "pkcs11_modul"'
