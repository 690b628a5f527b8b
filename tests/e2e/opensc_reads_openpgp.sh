#!/bin/bash
# OpenSC, which is not ours, takes the simulated OpenPGP card for one: it reads
# its objects, verifies the PIN, signs and deciphers.
#
# What differs from us: OpenSC's PKCS#11 module shows one PIN's keys a slot, so
# the signature key is asked of pkcs15-crypt; and it calls a wrong PIN, which
# these cards answer with 6982, CKR_USER_NOT_LOGGED_IN.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

PIN=123456
card_start_family one openpgp 0 serial=12345678
cd "$work"

opensc-tool -n >name 2>&1
says name '^OpenPGP card v3.4 \(0000 12345678\)'
opensc-tool --serial >serial 2>&1
says serial '^00 00 12 34 56 78'
openpgp-tool -U -K >holder 2>&1
says holder 'Name: +TESTEUR ELODIE'
says holder 'Aut Algorithm: +RSA2048'

pkcs15-tool -D >dump 2>&1
says dump 'Serial number +: 000012345678'
for label in Signature Encryption Authentication; do
    says dump "Private RSA Key \[$label key\]"
done
says dump 'Tries left +: 3'

for pair in 01:sign 02:decrypt 03:auth; do
    IFS=: read -r id name <<<"$pair"
    pkcs15-tool --read-certificate "$id" -o "$name.pem" >/dev/null 2>&1
    stock x509 -in "$cards/one/$name.pem" | cmp - "$name.pem"
    pkcs15-tool --read-public-key "$id" -o "$name.pub" >/dev/null 2>&1
    stock x509 -in "$name.pem" -noout -pubkey | cmp - "$name.pub"
done

echo 'a message' >message
stock dgst -sha256 -binary message >digest
for pair in 1:sign 3:auth; do
    IFS=: read -r id name <<<"$pair"
    pkcs15-crypt --sign --pkcs1 --sha-256 -k "$id" -p "$PIN" -i digest \
        -o signature >sign.log 2>&1 || { cat sign.log; fail 'no signature'; }
    stock dgst -sha256 -verify "$name.pub" -signature signature message
done

stock pkeyutl -encrypt -pubin -inkey decrypt.pub -in message -out cryptogram
pkcs11-tool --login --pin "$PIN" --decrypt --id 02 -m RSA-PKCS \
    --input-file cryptogram --output-file plain >decrypt.log 2>&1 ||
    { cat decrypt.log; fail 'no decryption'; }
cmp message plain
tries_are 3
refused pkcs11-tool --login --pin 999999 -O
tries_are 2
card_pull one

# The other keys and protocols: what OpenSC has a mechanism for.
card_start_family third openpgp 1 keys=nist card=gnuk serial=00000003
opensc-tool -n >name 2>&1
says name '^OpenPGP card v3.4 \(F517 00000003\)|^GnuK'
pkcs15-tool -D >dump 2>&1
says dump 'Private EC Key \[Authentication key\]'
pkcs15-tool --read-public-key 03 -o ec.pub >/dev/null 2>&1
stock pkey -in "$cards/one/ec-auth.key" -pubout | cmp - ec.pub
pkcs11-tool --login --pin "$PIN" --sign --id 03 -m ECDSA \
    --signature-format openssl --input-file digest --output-file signature \
    >sign.log 2>&1 || { cat sign.log; fail 'no ECDSA signature'; }
stock dgst -sha256 -verify ec.pub -signature signature message
