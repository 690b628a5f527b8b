#!/bin/bash
# An OpenPGP card with RSA keys and certificates: what is on it, signatures,
# CMS both ways, TLS 1.2 logins by s_client, curl and nginx.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

PIN=123456
configure_with_pin
echo 'pin-for-signature = yes' >>"$OPENSSL_CONF"
card_start_family one openpgp 0 serial=12345678
cd "$work"

openssl storeutl -noout card: >all 2>&1
says all 'Total found: 9'
for name in auth sign decrypt; do
    export_certificate "card://usage=$name" $name.pem
    stock x509 -in "$cards/one/$name.pem" | cmp - $name.pem
    stock x509 -in $name.pem -noout -pubkey >$name.pub
done

echo 'a message' >message
for name in auth sign; do
    openssl dgst -sha512 -sign "card:serial=000012345678;usage=$name" \
        -out signature message
    stock dgst -sha512 -verify $name.pub -signature signature message
done

openssl cms -sign -in message -signer sign.pem -inkey 'card://usage=sign' \
    -out signed
stock cms -verify -in signed -CAfile "$card_ca" -out plain
stock cms -encrypt -aes256 -in message -out secret decrypt.pem
openssl cms -decrypt -in secret -recip decrypt.pem \
    -inkey 'card://usage=decrypt' -out plain
tr -d '\r' <plain | cmp - message

# --- TLS ----------------------------------------------------------------------

door_start
bash "$conf/uri2pem.sh" 'card://usage=auth' >key.pem
printf 'GET / HTTP/1.0\r\n\r\n' |
    openssl s_client -connect 127.0.0.1:8443 -CAfile server-ca.pem \
        -verify_return_error -ign_eof -cert auth.pem \
        -key 'card://usage=auth' >said 2>&1
says said '^welcome '
curl_logs_in auth.pem key.pem

cp auth.pem card.pem
nginx_sample nginx-proxy.conf
nginx_config 2 "$work/nginx-proxy.conf"
nginx_start 8080
for _ in 1 2 3; do
    visit http://127.0.0.1:8080/ >said
    says said '^welcome '
done
tries_are 3

# A wrong PIN costs one try, under whichever reference it is wanted next.
configure_with_pin 654321
echo 'pin-for-signature = yes' >>"$OPENSSL_CONF"
for name in auth sign decrypt; do
    refused openssl dgst -sha256 -sign "card://usage=$name" -out signature \
        message
done
tries_are 2
