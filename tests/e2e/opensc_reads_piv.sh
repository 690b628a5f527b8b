#!/bin/bash
# OpenSC and Yubico's own tool, which are not ours, take the simulated PIV card
# for one: they read its objects, verify the PIN, sign, decrypt and agree.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

card_start_family one piv 0 9c=sign
cd "$work"

opensc-tool -n >name 2>&1
says name '^Personal Identity Verification Card|^PIV'
piv-tool --serial >serial 2>&1
says serial '01 23 45 67 89 AB CD EF 01 23 45 67 89 AB CD EF'

pkcs15-tool -D >dump 2>&1
says dump 'PIN \[PIN\]'
says dump 'Private RSA Key \[PIV AUTH key\]'
says dump 'Private RSA Key \[SIGN key\]'
says dump 'Private RSA Key \[KEY MAN key\]'
says dump 'Private EC Key \[CARD AUTH key\]'

for pair in 01:auth 02:sign 03:decrypt 04:ec-auth; do
    id=${pair%:*} key=${pair#*:}
    pkcs15-tool --read-certificate $id -o $key.pem >/dev/null 2>&1
    stock x509 -in $key.pem -outform DER | cmp - <(
        stock x509 -in "$cards/one/$key.pem" -outform DER)
    stock x509 -in $key.pem -noout -pubkey >$key.pub
done

echo 'a message' >message
p11()
{
    pkcs11-tool --login --pin 123456 "$@" >p11.log 2>&1 ||
        { cat p11.log >&2; fail "pkcs11-tool $*"; }
}

p11 --sign --id 01 -m SHA256-RSA-PKCS --input-file message \
    --output-file signature
stock dgst -sha256 -verify auth.pub -signature signature message

# The PIN for each signature: OpenSC sends it again between login and use.
p11 --sign --id 02 -m SHA256-RSA-PKCS --input-file message \
    --output-file signature
stock dgst -sha256 -verify sign.pub -signature signature message

p11 --sign --id 04 -m ECDSA-SHA256 --signature-format openssl \
    --input-file message --output-file signature
stock dgst -sha256 -verify ec-auth.pub -signature signature message

stock pkeyutl -encrypt -pubin -inkey decrypt.pub -in message -out cryptogram
p11 --decrypt --id 03 -m RSA-PKCS --input-file cryptogram --output-file plain
cmp message plain

# A wrong PIN costs one try, the right one gives it back.
refused pkcs11-tool --login --pin 999999 -O
tries_are 2
p11 -O
tries_are 3

# Yubico's tool wants what is Yubico's: version and number.
card_pull
card_start_family second piv 1 yubico=yes 9c=sign
yubico-piv-tool -r 'Sim 1' -a status >status 2>&1
says status 'Version:[[:space:]]*5\.4\.3'
says status 'Serial Number:[[:space:]]*16909060'
for slot in 9a 9c; do
    yubico-piv-tool -r 'Sim 1' -a verify-pin -P 123456 -s $slot -H SHA256 \
        -A RSA2048 --sign -i message -o signature >said 2>&1 ||
        { cat said >&2; fail "yubico-piv-tool, slot $slot"; }
    [ $slot = 9a ] && key=auth || key=sign
    stock dgst -sha256 -verify $key.pub -signature signature message
done
