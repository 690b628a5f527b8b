#!/bin/bash
# IsoApplet, as OpenSC personalises it (a serial number of zeros): what is on
# it, signatures, CMS both ways, TLS 1.3 logins by s_client, curl and nginx.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

PIN=123456
configure_with_pin
printf '%s\n' 'pin-for-signature = yes' "trace = $work/apdu" >>"$OPENSSL_CONF"
card_start_family one iso15 0 kind=isoapplet serial=0000
cd "$work"

openssl storeutl -noout card: >all 2>&1
says all 'Total found: 12'
export_certificate 'card:object=auth' auth.pem
export_certificate 'card://usage=sign' sign.pem
export_certificate 'card:object=ec-auth' ec-auth.pem
export_certificate 'card://usage=decrypt' decrypt.pem
for name in auth sign ec-auth decrypt; do
    stock x509 -in "$cards/one/$name.pem" | cmp - $name.pem
    stock x509 -in $name.pem -noout -pubkey >$name.pub
done

echo 'a message' >message
for name in auth sign ec-auth; do
    openssl dgst -sha384 -sign "card:object=$name" -out signature message
    stock dgst -sha384 -verify $name.pub -signature signature message
done
openssl dgst -sha256 -sign card:object=auth -sigopt rsa_padding_mode:pss \
    -sigopt rsa_pss_saltlen:digest -out signature message
stock dgst -sha256 -verify auth.pub -sigopt rsa_padding_mode:pss \
    -signature signature message

# A new process knows the card: the directories are not read again.
: >apdu
openssl dgst -sha256 -sign card:object=auth -out signature message
stock dgst -sha256 -verify auth.pub -signature signature message
[ "$(grep -c '^>' apdu)" -le 10 ] || { cat apdu; fail 'too many commands'; }

openssl cms -sign -in message -signer sign.pem -inkey card:object=sign \
    -out signed
stock cms -verify -in signed -CAfile "$card_ca" -out plain
stock cms -encrypt -aes256 -in message -out secret decrypt.pem
openssl cms -decrypt -in secret -recip decrypt.pem \
    -inkey 'card://usage=decrypt' -out plain
tr -d '\r' <plain | cmp - message

# --- TLS ----------------------------------------------------------------------

door_start 's/TLSv1.2/TLSv1.3/'
for name in auth ec-auth; do
    printf 'GET / HTTP/1.0\r\n\r\n' |
        openssl s_client -connect 127.0.0.1:8443 -CAfile server-ca.pem \
            -verify_return_error -ign_eof -cert $name.pem \
            -key "card:object=$name" >said 2>&1
    says said '^welcome '
    bash "$conf/uri2pem.sh" "card:object=$name" >key.pem
    curl_logs_in $name.pem key.pem --tlsv1.3
done

cp ec-auth.pem card.pem
nginx_sample nginx-proxy.conf
sed -i s/TLSv1.2/TLSv1.3/ nginx-proxy.conf
nginx_config 2 "$work/nginx-proxy.conf"
nginx_start 8080
for _ in 1 2 3; do
    visit http://127.0.0.1:8080/ >said
    says said '^welcome '
done
tries_are 3

# A wrong PIN costs one try, ever.
configure_with_pin 654321
for _ in 1 2 3; do
    refused openssl dgst -sha256 -sign card:object=auth -out signature message
done
tries_are 2
