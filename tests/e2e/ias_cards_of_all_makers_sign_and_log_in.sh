#!/bin/bash
# IAS ECC cards of other makers, with PIN objects and without, and a CPS3 on a
# contactless reader: signatures, mail and a login, verified by stock OpenSSL.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

configure_with_pin
echo 'pin-for-signature = yes' >>"$OPENSSL_CONF"
cd "$work"
head -c 1000 /dev/urandom >file
printf 'meet me at noon\r\n' >mail
door_start

log_in()
{
    printf 'GET / HTTP/1.0\r\n\r\n' |
        openssl s_client -connect 127.0.0.1:8443 -CAfile server-ca.pem \
            -verify_return_error -ign_eof -cert 'card://usage=auth' \
            -key 'card://usage=auth' >said 2>&1
    says said 'New, TLSv1.2|Protocol *: TLSv1.2'
    says said '^welcome '
}

# sign_and_verify KEY
sign_and_verify()
{
    export_certificate "card://usage=$1" "$1.pem"
    stock x509 -in "$1.pem" -noout -pubkey >"$1.pub"
    openssl dgst -sha256 -sign "card://usage=$1" -out signature file
    stock dgst -sha256 -verify "$1.pub" -signature signature file
}

number=99003000
for row in maker=gemalto maker=oberthur maker=sagem maker=mi maker=orange \
    no-sdo=yes; do
    number=$((number + 1))
    card_start_family "${row#*=}" ias 0 "$row" "serial=$number"
    openssl storeutl -noout "card:serial=$number" >list 2>&1
    says list 'Total found: 6'
    sign_and_verify auth
    sign_and_verify sign
    openssl cms -sign -in mail -signer sign.pem -inkey 'card://usage=sign' \
        -out signed
    stock cms -verify -in signed -CAfile "$card_ca" -out read
    stock cms -encrypt -aes256 -in mail -out secret -recip auth.pem
    openssl cms -decrypt -in secret -recip auth.pem \
        -inkey 'card://usage=decrypt' -out read
    cmp read mail
    log_in
    [ "$(card_tries "${row#*=}")" = 3 ]
    card_pull "${row#*=}"
done

# No PIN guards its one key, and none is asked for.
configure
card_start_family contactless ias 1 maker=contactless
openssl storeutl -noout card: >list 2>&1
says list 'Total found: 3'
sign_and_verify auth
log_in
