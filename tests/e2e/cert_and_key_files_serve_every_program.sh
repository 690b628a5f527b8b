#!/bin/bash
# `tessera cert export` and `tessera key pem` write what openssl and nginx take
# for a certificate and a key.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

cd "$work"
card_start one 0
configure_with_pin

# --- Certificates -------------------------------------------------------------

for usage in auth sign; do
    export_certificate "card://usage=$usage" "$usage.storeutl"
    tessera cert export --usage $usage --redact >"$usage.pem"
    cmp "$usage.storeutl" "$usage.pem"
    tessera cert export --usage $usage >named
    says named "^# $usage: TESTEUR "
    stock x509 -in named | cmp - "$usage.storeutl"
    tessera cert export --usage $usage --der --out der
    stock x509 -inform DER -in der | cmp - "$usage.storeutl"
    tessera cert export "card://serial=99002752;usage=$usage" --redact |
        cmp - "$usage.storeutl"
done
tessera cert export --out all.pem
[ "$(stock storeutl -noout -certs all.pem | grep -c Certificate)" = 2 ]
umask 077
tessera cert export 99002752 --usage auth --chain --out chain.pem
[ "$(stat -c %a chain.pem)" = 644 ] || fail 'the umask decides who reads it'
tessera cert export --json >json
python3 -c 'import json; a = json.load(open("json"))["certificates"]
assert [c["usage"] for c in a] == ["sign", "auth"], a
assert a[1]["pem"] == open("auth.pem").read()'

refused tessera cert export --der
refused tessera cert export --id 99
refused tessera cert export --usage nonsense
refused tessera cert export --id xy
refused tessera cert
refused tessera cert export --out /dev/full
refused tessera cert export --out nowhere/file
says said 'nowhere cannot be opened'
tessera cert export >/dev/full 2>said && fail 'a full disk is not noticed'
says said 'cannot be written'
ln -s all.pem link
refused tessera cert export --out link
[ -z "$(find . -name '.tessera-*')" ] || fail 'temporaries are left'

# --- Keys ---------------------------------------------------------------------

tessera key pem --usage auth >key.pem
bash "$conf/uri2pem.sh" 'card://serial=99002752;usage=auth' | cmp - key.pem
openssl pkey -in key.pem -out again.pem
stock asn1parse -in key.pem >asn1
! grep -qi pin asn1 || fail 'a PIN is in the file'
for uri in 'card://usage=auth' 'pkcs11:token=web;object=tls'; do
    tessera key pem "$uri" --out uri.pem
    bash "$conf/uri2pem.sh" "$uri" | cmp - uri.pem
done
tessera key pem --usage auth --json >json
python3 -c 'import json
assert json.load(open("json"))["pem"] == open("key.pem").read()'
# --usage goes with a URI that names the card alone.
tessera key pem 'card://serial=99002752' --usage auth | cmp - key.pem

refused tessera key pem
says said '2 keys of the card could be meant'
refused tessera key pem --id 99
refused tessera key pem "card://usage=auth?pin-value=$PIN" --out pin.pem
says said 'has a PIN in it'
! grep -q "$PIN" said || fail 'the PIN is said'
[ ! -e pin.pem ] || fail 'a file with a PIN'
refused tessera key pem 'card://nonsense=1'
refused tessera key pem 'card://serial=1' --usage auth

seq 100 >file
openssl dgst -sha256 -sign key.pem -out sig file
stock x509 -in auth.pem -noout -pubkey >pub
stock dgst -sha256 -verify pub -signature sig file
openssl dgst -sha256 -binary -out digest file
openssl pkeyutl -sign -inkey key.pem -in digest -pkeyopt digest:sha256 \
    -out sig
stock dgst -sha256 -verify pub -signature sig file

# nginx with the card's key: the certificate is a client's, which it minds not.
nginx_with_key "$work/key.pem" 1
sed -i 's|^\(  *ssl_certificate\) .*|\1 '"$work/chain.pem;|" nginx-server.conf
sed -i 's|^\(  *ssl_protocols\).*|\1 TLSv1.2;|' nginx-server.conf
chmod 644 key.pem
nginx_start 8443
visit --tls-max 1.2 https://localhost:8443/ >said || true
stock s_client -connect localhost:8443 -tls1_2 </dev/null >shown 2>&1 || true
says shown "BEGIN CERTIFICATE"
stock x509 -in shown | cmp - auth.pem
tries_are 3
