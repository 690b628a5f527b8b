#!/bin/bash
# An OpenPGP card that knows short APDUs only and has no room for certificates,
# as Gnuk is: its public keys are read from it, it requests a certificate, and
# logs in with that from a file; at T=1 and at T=0.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

PIN=123456
configure_with_pin
cd "$work"
echo 'a message' >message
key='card:driver=openpgp;usage=auth'

use()
{
    openssl storeutl -noout card: >all 2>&1
    says all 'Total found: 6'
    openssl pkey -in "$key" -pubout -out auth.pub
    stock pkey -in "$cards/one/$1.key" -pubout | cmp - auth.pub
    openssl req -new -key "$key" -subj '/CN=a person' -out request.pem
    stock req -in request.pem -verify -noout
    stock x509 -req -in request.pem -CA "$cards/one/ca.pem" \
        -CAkey "$cards/one/ca.key" -CAcreateserial -days 2 -out auth.pem \
        -extfile <(echo 'extendedKeyUsage = clientAuth') 2>/dev/null
    printf 'GET / HTTP/1.0\r\n\r\n' |
        openssl s_client -connect 127.0.0.1:8443 -CAfile server-ca.pem \
            -verify_return_error -ign_eof -cert auth.pem -key "$key" \
            >said 2>&1
    says said '^welcome CN=a person'
}

door_start
card_start_family one openpgp 0 card=gnuk
use auth
openssl pkey -in 'card:usage=decrypt' -pubout -out decrypt.pub
stock pkeyutl -encrypt -pubin -inkey decrypt.pub -in message -out secret
openssl pkeyutl -decrypt -inkey 'card:usage=decrypt' -in secret -out plain
cmp plain message
tries_are 3
card_pull one

card_start_family third openpgp 1 card=gnuk t1=no keys=nist serial=00000003
use ec-auth
