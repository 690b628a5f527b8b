#!/bin/bash
# Where the PIN is typed at the reader, nobody is asked for it: a person at a
# terminal is told, the log always is, and no stored PIN is presented.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"
# shellcheck source=tests/e2e/softhsm.sh
. "$top/tests/e2e/softhsm.sh"

hsm_start
hsm_key rsa 01 RSA:2048
export P11_WRAP_MODULE=$hsm_module P11_WRAP_KEYPAD=1 P11_WRAP_PIN=$PIN
export P11_WRAP_LOG=$work/calls TESSERA_LOG=$work/log
hsm_module=$build/tests/p11-wrap.so
seq 100 >"$work/file"
sign="openssl dgst -sha256 -sign '$(hsm_uri rsa)' -out $work/sig $work/file"

is_signed()
{
    stock dgst -sha256 -verify "$work/rsa.pub" -signature "$work/sig" \
        "$work/file"
    rm "$work/sig"
    ! grep '^!' "$work/calls" || fail 'the module was misused'
}

configure_module tessera
eval "$sign" </dev/null
is_signed
says "$work/log" 'PIN of .*: enter it at the keypad of .*, for '

type_at_prompt ignored "$sign"
is_signed
says "$work/said" 'enter it at the keypad'
! grep -q 'Enter it for' "$work/said" || fail 'a PIN was asked for'

# A pass phrase that a program has is not asked for, nor shown to the token.
openssl dgst -sha256 -passin pass:9999 -sign "$(hsm_uri rsa)" \
    -out "$work/sig" "$work/file"
is_signed
