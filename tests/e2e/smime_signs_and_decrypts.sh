#!/bin/bash
# S/MIME and CMS: signed by the card's signature key and verified without us;
# encrypted without us and decrypted by the card.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

configure_with_pin
echo 'pin-for-signature = yes' >>"$OPENSSL_CONF"
card_start one 0
export_certificate 'card://usage=sign' "$work/sign.pem"
export_certificate 'card://usage=decrypt' "$work/card.pem"
printf 'Content-Type: text/plain\r\n\r\nmeet me at noon\r\n' >"$work/mail"

for command in smime cms; do
    openssl $command -sign -in "$work/mail" -signer "$work/sign.pem" \
        -inkey 'card://usage=sign' -out "$work/signed"
    stock $command -verify -in "$work/signed" -CAfile "$card_ca" \
        -out "$work/read"
    cmp "$work/read" "$work/mail"

    stock $command -encrypt -aes256 -in "$work/mail" -out "$work/secret" \
        "$work/card.pem"
    openssl $command -decrypt -in "$work/secret" -recip "$work/card.pem" \
        -inkey 'card://usage=decrypt' -out "$work/read"
    cmp "$work/read" "$work/mail"
done

# The signer's certificate by URI as well.
openssl cms -sign -in "$work/mail" -signer 'card://usage=sign' \
    -inkey 'card://usage=sign' -out "$work/signed"
stock cms -verify -in "$work/signed" -CAfile "$card_ca" -out /dev/null

# A message somebody changed is refused, and so is one that the certificate for
# authentication signed.
sed 's/noon/nine/' "$work/signed" >"$work/changed"
refused stock cms -verify -in "$work/changed" -CAfile "$card_ca" -out /dev/null
openssl cms -sign -in "$work/mail" -signer 'card://usage=auth' \
    -inkey 'card://usage=auth' -out "$work/signed"
refused stock cms -verify -in "$work/signed" -CAfile "$card_ca" -out /dev/null
says "$work/said" 'purpose'
tries_are 3
