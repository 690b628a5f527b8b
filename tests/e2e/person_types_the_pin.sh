#!/bin/bash
# No PIN is configured: it is asked at the terminal, for each use of the
# signature key, and what was typed is not shown.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

card_start one 0
configure
export_certificate 'card://usage=sign' "$work/sign.pem"
stock x509 -in "$work/sign.pem" -noout -pubkey >"$work/sign.pub"

for usage in auth sign; do
    type_at_prompt "$PIN" \
        "openssl dgst -sign card://usage=$usage -out $work/sig $conf/key.pem"
    ! grep -q "$PIN" "$work/said" || fail "the PIN was shown"
done
stock dgst -verify "$work/sign.pub" -signature "$work/sig" "$conf/key.pem"

# A wrong one costs its try; nobody to ask costs none.
type_at_prompt 9999 \
    "openssl dgst -sign card://usage=auth -out $work/sig $conf/key.pem" &&
    fail "a wrong PIN was accepted"
tries_are 2
refused openssl dgst -sign 'card://usage=auth' -out /dev/null /dev/null
tries_are 2

# With a try lost, the person is told how many are left.
type_at_prompt "$PIN" \
    "openssl dgst -sign card://usage=auth -out $work/sig $conf/key.pem"
says "$work/said" '2 '
tries_are 3
