#!/bin/bash
# In a program that has rights its user has not, no variable names a module, a
# PIN, a log or a transcript (threat T5). The same program without those rights
# knows them.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"
# shellcheck source=tests/e2e/softhsm.sh
. "$top/tests/e2e/softhsm.sh"

# Only root can make such a program for another, and no sanitizer runs in one.
if [ "$(id -u)" != 0 ] || [ -n "${TESSERA_PRELOAD:-}" ]; then
    exit 0
fi

hsm_start
hsm_key rsa 01 RSA:2048
# OpenSSL ignores OPENSSL_CONF there, so it is the system's file.
configure
# The tree may be where nobody else can read it.
install -m 755 "$build/ossl-modules/tessera.so" "$build/tests/p11-wrap.so" \
    "$work"
sed -i "\$a module = $work/tessera.so" "$OPENSSL_CONF"
mount --bind "$OPENSSL_CONF" /etc/ssl/openssl.cnf
chmod 755 "$work"
unset OPENSSL_CONF OPENSSL_MODULES OPENSSL_ENGINES
export P11_WRAP_MODULE=$hsm_module P11_WRAP_LOG=$work/out/calls

cp "$(type -P openssl)" "$work/plain"
cp "$work/plain" "$work/setid"
chmod 4755 "$work/setid"

# attempt PROGRAM VARIABLE VALUE: load a key as nobody.
attempt()
{
    rm -rf "$work/out"
    mkdir -m 1777 "$work/out"
    env "$2=$3" setpriv --reuid=65534 --clear-groups \
        timeout 60 "$1" pkey -in "$(hsm_uri rsa)" -pubout \
        >"$work/said" 2>&1 </dev/null || true
}

for variable in TESSERA_LOG TESSERA_TRACE PKCS11_PROVIDER_DEBUG \
    PKCS11_PROVIDER_MODULE PKCS11_MODULE_PATH; do
    case $variable in
    TESSERA_LOG | TESSERA_TRACE) value=$work/out/log ;;
    PKCS11_PROVIDER_DEBUG) value=file:$work/out/log ;;
    *) value=$work/p11-wrap.so ;;
    esac
    attempt "$work/plain" $variable "$value"
    [ -n "$(ls "$work/out")" ] || {
        cat "$work/said"
        fail "$variable has no effect"
    }
    attempt "$work/setid" $variable "$value"
    [ -z "$(ls "$work/out")" ] || fail "$variable in a set-id program"
done

# A PIN that is too long would be refused by name.
long=$(printf '9%.0s' {1..300})
attempt "$work/plain" PKCS11_PIN "$long"
says "$work/said" 'PKCS11_PIN'
attempt "$work/setid" PKCS11_PIN "$long"
! grep 'PKCS11_PIN' "$work/said" || fail 'PKCS11_PIN in a set-id program'
