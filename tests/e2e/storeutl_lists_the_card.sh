#!/bin/bash
# What is on the card, by URI, without a PIN.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

configure
card_start one 0

openssl storeutl -noout card: >"$work/all" 2>&1
says "$work/all" 'Total found: [1-9]'
openssl storeutl -certs -noout card: >"$work/certs"
says "$work/certs" 'Certificate'

for usage in auth sign; do
    openssl storeutl -certs "card://usage=$usage" >"$work/$usage.pem"
    [ "$(grep -c 'BEGIN CERTIFICATE' "$work/$usage.pem")" = 1 ]
    stock x509 -in "$work/$usage.pem" -noout -subject
    openssl storeutl -keys -noout "card://usage=$usage;type=private" \
        >"$work/key"
    says "$work/key" 'Total found: 1'
done
if cmp -s "$work/auth.pem" "$work/sign.pem"; then fail "one certificate"; fi

# The same card by the PKCS#11 scheme, and by store:
openssl storeutl -certs 'pkcs11:type=cert' >"$work/pkcs11"
says "$work/pkcs11" 'BEGIN CERTIFICATE'
openssl storeutl -certs 'store:usage=auth' >"$work/store"
says "$work/store" 'BEGIN CERTIFICATE'

# The certificate's public half is the key's.
openssl pkey -in 'card://usage=auth' -pubout -out "$work/key.pub"
stock x509 -in "$work/auth.pem" -noout -pubkey >"$work/cert.pub"
cmp "$work/key.pub" "$work/cert.pub"

# What finds nothing fails.
for uri in 'card://object=nobody' 'card://serial=0000000000'; do
    refused_soon openssl storeutl -noout "$uri"
done
refused_soon openssl storeutl -noout -alias nobody card://
for command in x509 pkey; do
    refused_soon openssl $command -in 'card://object=nobody' -noout
done
refused_soon openssl cms -sign -signer 'card://object=nobody' -out /dev/null

tries_are 3
