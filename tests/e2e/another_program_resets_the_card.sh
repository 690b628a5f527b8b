#!/bin/bash
# While another program keeps resetting the card and selecting other files,
# every signature is right or fails; none is wrong, and no try is spent.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

card_start one 0
configure_with_pin
export_certificate 'card://usage=auth' "$work/auth.pem"
stock x509 -in "$work/auth.pem" -noout -pubkey >"$work/auth.pub"

(
    while :; do
        opensc-tool --reader 0 --reset >/dev/null 2>&1
        opensc-tool --reader 0 -s 00:A4:00:00:02:3F:00 >/dev/null 2>&1
    done
) &
started+=($!)

good=0
for i in $(seq 20); do
    head -c 64 /dev/urandom >"$work/file"
    if openssl dgst -sha256 -sign 'card://usage=auth' -out "$work/sig" \
        "$work/file" 2>"$work/said"; then
        stock dgst -sha256 -verify "$work/auth.pub" -signature "$work/sig" \
            "$work/file" >/dev/null
        good=$((good + 1))
    else
        says "$work/said" 'reset|another program'
    fi
done
[ $good -ge 15 ] || fail "only $good of 20 signatures succeeded"
stop_started
tries_are 3
