#!/bin/bash
# OpenPGP cards with keys on NIST curves and on Curve25519: TLS 1.3 on both
# ends, nginx with the card's key, CMS and key agreement.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

PIN=123456
configure_with_pin
echo 'pin-for-signature = yes' >>"$OPENSSL_CONF"
cd "$work"
echo 'a message' >message

# --- P-384, P-256, P-256, behind a KDF ----------------------------------------

card_start_family one openpgp 0 keys=nist kdf=yes
door_start 's/TLSv1.2/TLSv1.3/'
for name in auth sign decrypt; do
    export_certificate "card://usage=$name" $name.pem
    stock x509 -in $name.pem -noout -pubkey >$name.pub
done
bash "$conf/uri2pem.sh" 'card://usage=auth' >key.pem

openssl dgst -sha384 -sign 'card://usage=sign' -out signature message
stock dgst -sha384 -verify sign.pub -signature signature message
openssl cms -sign -in message -signer sign.pem -inkey 'card://usage=sign' \
    -out signed
stock cms -verify -in signed -CAfile "$card_ca" -out plain
stock cms -encrypt -aes256 -in message -out secret -recip decrypt.pem
openssl cms -decrypt -in secret -recip decrypt.pem \
    -inkey 'card://usage=decrypt' -out plain
tr -d '\r' <plain | cmp - message

curl_logs_in auth.pem key.pem --tlsv1.3

# A server whose key is on the card.
stop_started
cat auth.pem "$cards/one/ca.pem" >server.pem
nginx_with_key "$work/key.pem" 1
sed -i 's/TLSv1.2/TLSv1.3/' nginx-server.conf
nginx_start 8443
for _ in 1 2 3; do
    visit --tlsv1.3 https://127.0.0.1:8443/ >said
    says said '^welcome '
done
stop_started
tries_are 3
card_pull one

# --- Ed25519, X25519: no hash is signed, but the message ----------------------

card_start_family other openpgp 1 keys=25519 prefix=yes serial=00000002
export_certificate 'card://usage=auth' auth.pem
export_certificate 'card://usage=decrypt' decrypt.pem
stock x509 -in auth.pem -noout -pubkey >auth.pub
openssl pkeyutl -sign -rawin -inkey 'card://usage=auth' -in message \
    -out signature
stock pkeyutl -verify -rawin -pubin -inkey auth.pub -in message \
    -sigfile signature

stock genpkey -algorithm X25519 -out peer.key
stock pkey -in peer.key -pubout -out peer.pub
stock x509 -in decrypt.pem -noout -pubkey >decrypt.pub
openssl pkeyutl -derive -inkey 'card://usage=decrypt' -peerkey peer.pub \
    -out ours
stock pkeyutl -derive -inkey peer.key -peerkey decrypt.pub -out theirs
cmp ours theirs

cat "$cards"/{one,other}/chain.pem >both-ca.pem
stock s_server -accept 127.0.0.1:4440 -www -tls1_3 -Verify 3 \
    -verify_return_error -CAfile both-ca.pem -cert "$cards/one/server.pem" \
    -key "$cards/one/server.key" >server.log 2>&1 &
started+=($!)
wait_for_port 4440
printf 'GET / HTTP/1.0\r\n\r\n' |
    openssl s_client -connect 127.0.0.1:4440 -ign_eof -cert auth.pem \
        -key 'card://usage=auth' >said 2>&1 || true
says said 'HTTP/1.0 200'
tries_are 3
