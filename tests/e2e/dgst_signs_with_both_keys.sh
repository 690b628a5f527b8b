#!/bin/bash
# Files signed with the authentication and the signature key, by provider and
# by engine, verified by stock OpenSSL.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

configure_with_pin
echo 'pin-for-signature = yes' >>"$OPENSSL_CONF"
card_start one 0
head -c 100000 /dev/urandom >"$work/file"

for usage in auth sign; do
    export_certificate "card://usage=$usage" "$work/$usage.pem"
    stock x509 -in "$work/$usage.pem" -noout -pubkey >"$work/$usage.pub"
    openssl dgst -sha256 -sign "card://usage=$usage" -out "$work/$usage.sig" \
        "$work/file"
    stock dgst -sha256 -verify "$work/$usage.pub" \
        -signature "$work/$usage.sig" "$work/file"
done

# What signed a file does not fit another one, nor another key.
refused stock dgst -sha256 -verify "$work/auth.pub" \
    -signature "$work/sign.sig" "$work/file"

for hash in sha1 sha384 sha512; do
    openssl dgst -$hash -sign 'card://usage=auth' -out "$work/sig" "$work/file"
    stock dgst -$hash -verify "$work/auth.pub" -signature "$work/sig" \
        "$work/file"
done
tries_are 3

has_engine || exit 0
configure_engine "PIN = $PIN"
openssl dgst -sha256 -engine tessera -keyform engine -sign 'card:usage=auth' \
    -out "$work/sig" "$work/file"
stock dgst -sha256 -verify "$work/auth.pub" -signature "$work/sig" \
    "$work/file"
tries_are 3
