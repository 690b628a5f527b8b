#!/bin/bash
# S/MIME and CMS: signed by the card and verified without us; encrypted
# without us and decrypted by the card.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

configure_with_pin
card_start one 0
export_certificate 'card://usage=auth' "$work/auth.pem"
printf 'Content-Type: text/plain\r\n\r\nmeet me at noon\r\n' >"$work/mail"

for command in smime cms; do
    openssl $command -sign -in "$work/mail" -signer "$work/auth.pem" \
        -inkey 'card://usage=auth' -out "$work/signed"
    stock $command -verify -in "$work/signed" -CAfile "$card_ca" \
        -purpose any -out "$work/read"
    cmp "$work/read" "$work/mail"

    stock $command -encrypt -aes256 -in "$work/mail" -out "$work/secret" \
        "$work/auth.pem"
    openssl $command -decrypt -in "$work/secret" -recip "$work/auth.pem" \
        -inkey 'card://usage=auth' -out "$work/read"
    cmp "$work/read" "$work/mail"
done

# The signer's certificate by URI as well.
openssl cms -sign -in "$work/mail" -signer 'card://usage=auth' \
    -inkey 'card://usage=auth' -out "$work/signed"
stock cms -verify -in "$work/signed" -CAfile "$card_ca" -purpose any \
    -out /dev/null

# A message somebody changed is refused.
sed 's/noon/nine/' "$work/signed" >"$work/changed"
refused stock cms -verify -in "$work/changed" -CAfile "$card_ca" \
    -purpose any -out /dev/null
tries_are 3
