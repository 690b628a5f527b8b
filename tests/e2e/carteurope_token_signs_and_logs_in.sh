#!/bin/bash
# A C@rteurope token, whichever card may be in it: its certificates told apart
# by their issuers, the newest first and the expired one last; mail, and logins
# by curl, s_client and nginx, checked by stock OpenSSL.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

card_ca=$work/carteurope.pem
cat "$cards"/one/{ca-rgs,ca-classe3,root}.pem >"$card_ca"
rgs='issuer=TEST%20CERTEUROPE%20ADVANCED%20CA%20V3'
classe3='issuer=TEST%20Certeurope%20Classe%203%20Plus%20V2'
cd "$work"
head -c 100000 /dev/urandom >file
printf 'Content-Type: text/plain\r\n\r\nmeet me at noon\r\n' >mail
door_start

# The certificates as they come: subject names do not tell them apart.
serials()
{
    awk '/BEGIN/ {n++} {print > "cert" n ".pem"}' "$1"
    for i in 1 2 3; do
        stock x509 -in "cert$i.pem" -noout -serial
    done
}

lists_newest_first()
{
    openssl storeutl -certs card: 2>storeutl.log |
        sed -n '/BEGIN/,/END/p' >certs
    serials certs >found
    for name in rgs classe3 expired; do
        stock x509 -in "$cards/one/$name.pem" -noout -serial
    done | cmp - found
    openssl storeutl -noout card:type=private >said
    says said 'Total found: [1-9]'
}

# signs_as QUERY NAME: and the certificate that comes along is that one.
signs_as()
{
    export_certificate "card://$1" "$2.pem"
    stock x509 -in "$2.pem" -noout -serial >found
    stock x509 -in "$cards/one/$2.pem" -noout -serial | cmp - found
    stock x509 -in "$2.pem" -noout -pubkey >"$2.pub"
    for hash in sha256 sha1; do
        openssl dgst -$hash -sign "card://$1" -out signature file
        stock dgst -$hash -verify "$2.pub" -signature signature file
    done
    openssl cms -sign -in mail -signer "$2.pem" -inkey "card://$1" -out signed
    stock cms -verify -in signed -CAfile "$card_ca" -purpose any -out read
    cmp read mail
}

logs_in()
{
    printf 'GET / HTTP/1.0\r\n\r\n' |
        openssl s_client -connect 127.0.0.1:8443 -CAfile server-ca.pem \
            -verify_return_error -ign_eof -cert rgs.pem \
            -key "card://$rgs" >said 2>&1
    says said '^welcome '
    bash "$conf/uri2pem.sh" "card://$classe3" >key.pem
    curl_logs_in classe3.pem key.pem
}

proxies()
{
    cp classe3.pem card.pem
    nginx_sample nginx-proxy.conf
    nginx_config 2 "$work/nginx-proxy.conf"
    nginx_start 8080
    for _ in 1 2 3 4 5; do
        visit http://127.0.0.1:8080/ >said
        says said '^welcome '
    done
    stop_last
}

card_away()
{
    kill "${world_pids[-1]}"
    wait "${world_pids[-1]}" || true
    unset 'world_pids[-1]'
    let_pcscd_see
}

for family in gemsafe gemsafe-v3 gemp15; do
    [ $family = gemp15 ] && PIN=1234 || PIN=123456
    configure_with_pin
    card_start_family $family $family 0 certs=expired+classe3+rgs
    lists_newest_first
    signs_as "$rgs" rgs
    signs_as "$classe3" classe3
    logs_in
    proxies
    [ "$(card_tries $family)" = 3 ]
    card_away
done

# Deciphering is known of RSA-1024; GemP15 is asked for longer keys as well.
decrypts()
{
    stock cms -encrypt -aes256 -in mail -out secret -recip "$cards/one/$1.pem"
    openssl cms -decrypt -in secret -recip "$cards/one/$1.pem" \
        -inkey 'card://usage=decrypt' -out read
    cmp read mail
}

PIN=123456
configure_with_pin
for family in gemsafe gemsafe-v3; do
    card_start_family short-$family $family 0 certs=rsa1024
    decrypts rsa1024
    card_away
done
card_start_family long gemsafe 0
refused openssl cms -decrypt -in secret -recip "$cards/one/rgs.pem" \
    -inkey "card://$rgs" -out read
card_away
PIN=1234
configure_with_pin
card_start_family gemp15-decrypts gemp15 0
decrypts rgs
