#!/bin/bash
# A PIV card as a YubiKey or PivApplet is one: signatures by each key, also
# PSS; mail; TLS 1.3 by s_client, curl and behind nginx; all verified by stock
# OpenSSL.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

PIN=123456
configure_with_pin
echo 'pin-for-signature = yes' >>"$OPENSSL_CONF"
card_start_family one piv 0
cd "$work"
head -c 100000 /dev/urandom >file

openssl storeutl -noout card: >list 2>&1
says list 'Total found: 12'

# sign_and_verify NAME URI OPTION...
sign_and_verify()
{
    local name=$1 uri=$2

    shift 2
    export_certificate "$uri" "$name.pem"
    stock x509 -in "$name.pem" -outform DER | cmp - <(
        stock x509 -in "$cards/one/$name.pem" -outform DER)
    stock x509 -in "$name.pem" -noout -pubkey >"$name.pub"
    openssl dgst "$@" -sign "$uri" -out signature file
    stock dgst "$@" -verify "$name.pub" -signature signature file
}

sign_and_verify auth 'card://usage=auth' -sha256
sign_and_verify auth 'card://usage=auth' -sha384 \
    -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest
sign_and_verify ec-sign 'card://usage=sign' -sha256
sign_and_verify ec-sign 'card://usage=sign' -sha512
sign_and_verify ec-auth 'card://id=%04' -sha256
export_certificate 'card://usage=decrypt' decrypt.pem

# Mail: signed with P-384, decrypted with RSA by both paddings.
printf 'meet me at noon\r\n' >mail
openssl cms -sign -in mail -signer ec-sign.pem -inkey 'card://usage=sign' \
    -out signed
stock cms -verify -in signed -CAfile "$card_ca" -out read
cmp read mail
for padding in pkcs1 oaep; do
    stock cms -encrypt -aes256 -in mail -out secret -recip decrypt.pem \
        -keyopt rsa_padding_mode:$padding
    openssl cms -decrypt -in secret -recip decrypt.pem \
        -inkey 'card://usage=decrypt' -out read
    cmp read mail
done
tries_are 3

# TLS 1.3 takes PSS or ECDSA: raw RSA and P-256 do both.
door_start 's/TLSv1.2/TLSv1.3/'
for key in 'card://usage=auth' 'card://id=%04'; do
    printf 'GET / HTTP/1.0\r\n\r\n' |
        openssl s_client -connect 127.0.0.1:8443 -CAfile server-ca.pem \
            -verify_return_error -ign_eof -cert "$key" -key "$key" >said 2>&1
    says said 'New, TLSv1.3'
    says said '^welcome '
done
stop_last

# nginx serves with the card's key.
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
configure_with_pin 999999
for _ in 1 2 3; do
    refused openssl dgst -sha256 -sign 'card://usage=auth' -out signature file
done
tries_are 2
