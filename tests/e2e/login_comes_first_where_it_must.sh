#!/bin/bash
# Certificates and public keys never cost a login, unless the configuration says
# that tokens show them after login only: pkcs11-module-login-behavior,
# force_login, the engine's FORCE_LOGIN.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"
# shellcheck source=tests/e2e/softhsm.sh
. "$top/tests/e2e/softhsm.sh"

hsm_start
hsm_key shown 01 RSA:2048
hsm_key hidden 02 RSA:2048
hsm_forget_public hidden
stock pkey -pubin -in "$work/hidden.pub" -outform DER -out "$work/hidden.der"
hsm_tool --write-object "$work/hidden.der" --type pubkey --label hidden \
    --id 02 --private >/dev/null 2>&1

real_module=$hsm_module
hsm_module=$build/tests/p11-wrap.so
export P11_WRAP_LOG=$work/calls P11_WRAP_MODULE=$real_module

# sees NAME OPTION...: the public key is found; the calls are in $work/calls.
sees()
{
    rm -f "$work/calls"
    openssl pkey -pubin -in "pkcs11:token=$hsm_token;object=$1;type=public" \
        "${@:2}" -pubout -out "$work/seen" 2>"$work/said" &&
        cmp "$work/seen" "$work/$1.pub"
}

logged_in()
{
    grep -q '^C_Login$' "$work/calls"
}

for behavior in auto never; do
    configure_module_with_pin
    echo "pkcs11-module-login-behavior = $behavior" >>"$OPENSSL_CONF"
    sees shown
    ! logged_in || fail "login for a public key: $behavior"
    ! sees hidden || fail "a private object was seen: $behavior"
    ! logged_in || fail "login for what is public: $behavior"
    # Private keys are another matter.
    openssl dgst -sign "$(hsm_uri shown)" -out /dev/null /dev/null
done

for line in 'pkcs11-module-login-behavior = always' 'force_login = 1'; do
    configure_module_with_pin
    echo "$line" >>"$OPENSSL_CONF"
    sees hidden
    logged_in
    sees shown
done

[ -e "$build/engines/tessera.so" ] || exit 0
configure_module_engine "PIN = $PIN"
sees shown -engine tessera -inform engine
! sees hidden -engine tessera -inform engine || fail 'seen by the engine'
configure_module_engine "PIN = $PIN" 'FORCE_LOGIN = EMPTY'
sees hidden -engine tessera -inform engine
logged_in
