#!/bin/bash
# A CPS4, on its logical channel: signatures by both keys, also PSS; mail; TLS
# 1.3 by s_client and behind nginx; all verified by stock OpenSSL.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

configure_with_pin
echo 'pin-for-signature = yes' >>"$OPENSSL_CONF"
card_start_family one cps4 0
cd "$work"
head -c 100000 /dev/urandom >file

openssl storeutl -noout 'card:token=CPS4v1-2300081199' >list 2>&1
says list 'Total found: 6'

for key in auth sign; do
    export_certificate "card://usage=$key" $key.pem
    stock x509 -in $key.pem -outform DER | cmp - <(
        stock x509 -in "$cards/one/$key.pem" -outform DER)
    stock x509 -in $key.pem -noout -pubkey >$key.pub
    openssl dgst -sha256 -sign "card://usage=$key" -out signature file
    stock dgst -sha256 -verify $key.pub -signature signature file
    openssl dgst -sha256 -sigopt rsa_padding_mode:pss \
        -sigopt rsa_pss_saltlen:digest -sign "card://usage=$key" \
        -out signature file
    stock dgst -sha256 -sigopt rsa_padding_mode:pss -verify $key.pub \
        -signature signature file
done

# The card itself hashes nothing for this key, so any hash will do.
openssl dgst -sha512 -sign 'card://usage=auth' -out signature file
stock dgst -sha512 -verify auth.pub -signature signature file
# And it writes two DigestInfos alone for the other.
refused openssl dgst -sha512 -sign 'card://usage=sign' -out signature file
says said 'SHA-256 \(or SHA-1\) hashes only'

printf 'meet me at noon\r\n' >mail
openssl cms -sign -in mail -signer sign.pem -inkey 'card://usage=sign' \
    -out signed
stock cms -verify -in signed -CAfile "$card_ca" -purpose any -out read
cmp read mail
for padding in pkcs1 oaep; do
    stock cms -encrypt -aes256 -in mail -out secret -recip auth.pem \
        -keyopt rsa_padding_mode:$padding
    openssl cms -decrypt -in secret -recip auth.pem \
        -inkey 'card://usage=decrypt' -out read
    cmp read mail
done
tries_are 3

door_start 's/TLSv1.2/TLSv1.3/'
printf 'GET / HTTP/1.0\r\n\r\n' |
    openssl s_client -connect 127.0.0.1:8443 -CAfile server-ca.pem \
        -verify_return_error -ign_eof -cert 'card://usage=auth' \
        -key 'card://usage=auth' >said 2>&1
says said 'New, TLSv1.3'
says said '^welcome '
stop_last

bash "$conf/uri2pem.sh" 'card://usage=auth' >key.pem
cp auth.pem server.pem
nginx_with_key "$work/key.pem" 2
sed -i 's/TLSv1.2/TLSv1.3/' nginx-server.conf
nginx_start 8443
for _ in 1 2 3 4 5; do
    visit https://127.0.0.1:8443/ >said
    says said '^welcome'
done
stop_last
tries_are 3

# A wrong PIN in the configuration costs one try, however often it is tried.
configure_with_pin 9999
for _ in 1 2 3; do
    refused openssl dgst -sha256 -sign 'card://usage=auth' -out signature file
done
tries_are 2
