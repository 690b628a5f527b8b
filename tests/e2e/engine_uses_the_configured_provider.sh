#!/bin/bash
# The engine uses the provider that openssl.cnf activates, with its settings,
# under whatever name; it brings its own only when there is none.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

card_start one 0
configure_with_pin
export_certificate 'card://usage=auth' "$work/auth.pem"
stock x509 -in "$work/auth.pem" -noout -pubkey >"$work/auth.pub"
sign="openssl dgst -sha256 -engine tessera -keyform engine
    -sign card:usage=auth -out $work/sig $conf/key.pem"

for name in tessera pkcs11; do
    configure_with_pin
    sed -i "s/^tessera = tessera_sect/$name = tessera_sect/" "$OPENSSL_CONF"
    echo "module = $build/ossl-modules/tessera.so" >>"$OPENSSL_CONF"
    rm -f "$work/sig"
    $sign
    stock dgst -sha256 -verify "$work/auth.pub" -signature "$work/sig" \
        "$conf/key.pem"
    # Only settings of that very provider can name a wrong key.
    echo "pim = $PIN" >>"$OPENSSL_CONF"
    refused $sign
    says "$work/said" 'pim'
done

# Without one, the built-in has no PIN.
configure_engine
refused $sign
says "$work/said" 'PIN'
tries_are 3
