#!/bin/bash
# OpenSC, which is not ours, takes the simulated IsoApplet for one: it reads its
# files, verifies the PIN, signs and deciphers.
#
# OpenSC 0.23 knows version 0 of the applet, which hashes what EC keys sign, and
# has no PSS. To version 1 it and its successors chain what is to be deciphered,
# unless the reader says that it takes extended length, which vpcd does not; the
# applet knows extended length only.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

card_start_family one iso15 0 kind=isoapplet version=0
cd "$work"

opensc-tool -n >name 2>&1
says name '^Javacard with IsoApplet'

pkcs15-tool -D >dump 2>&1
says dump 'PKCS#15 Card \[TEST card\]'
says dump 'Serial number  : 0123456789ABCDEF'
says dump 'Manufacturer ID: TEST maker'
says dump 'Last update    : 20260102030405Z'
says dump 'PIN \[User PIN\]'
says dump 'Length         : min_len:4, max_len:16, stored_len:16'
says dump 'PIN \[PUK\]'
says dump 'Private RSA Key \[auth\]'
says dump 'Private EC Key \[ec-auth\]'
says dump 'Usage          : \[0x200\], nonRepudiation'
says dump 'Usage          : \[0x22\], decrypt, unwrap'
says dump 'Public RSA Key \[p\]'
says dump 'X.509 Certificate \[decrypt\]'

# id KEY: in the order of the directory.
id()
{
    case $1 in
    auth) echo 45 ;;
    sign) echo 46 ;;
    ec-auth) echo 47 ;;
    decrypt) echo 48 ;;
    esac
}

for key in auth sign ec-auth decrypt; do
    pkcs15-tool --read-certificate "$(id $key)" -o $key.pem >/dev/null 2>&1
    stock x509 -in $key.pem -outform DER -out $key.der
    stock x509 -in "$cards/one/$key.pem" -outform DER | cmp - $key.der ||
        fail "the $key certificate is not mkcard's"
    stock x509 -in $key.pem -noout -pubkey >$key.pub
done

# use KEY WORD...: pkcs11-tool, logged in.
use()
{
    pkcs11-tool --login --pin 123456 --id "$(id "$1")" "${@:2}" >log 2>&1 ||
        { cat log >&2; fail "$1: pkcs11-tool ${*:2}"; }
}

echo 'a message' >message
use auth --sign -m SHA256-RSA-PKCS --input-file message --output-file signature
stock dgst -sha256 -verify auth.pub -signature signature message
use ec-auth --sign -m ECDSA-SHA1 --signature-format openssl \
    --input-file message --output-file signature
stock dgst -sha1 -verify ec-auth.pub -signature signature message

stock pkeyutl -encrypt -pubin -inkey decrypt.pub -in message -out cryptogram
use decrypt --decrypt -m RSA-PKCS --input-file cryptogram --output-file plain
cmp message plain

# A wrong PIN costs one try, the right one gives it back.
refused pkcs11-tool --login --pin 9999 -O
mv said wrong
says wrong 'CKR_PIN_INCORRECT'
tries_are 2
pkcs11-tool --login --pin 123456 -O >right 2>&1
tries_are 3

opensc-tool --info >version
if grep -q '^OpenSC 0\.23' version; then
    exit 0
fi
control one pull >/dev/null
card_start_family second iso15 0 kind=isoapplet serial=02
use auth --sign -m SHA256-RSA-PKCS-PSS --input-file message \
    --output-file signature
stock dgst -sha256 -verify auth.pub -sigopt rsa_padding_mode:pss \
    -signature signature message
stock dgst -sha256 -binary message >hash
use ec-auth --sign -m ECDSA --signature-format openssl --input-file hash \
    --output-file signature
stock dgst -sha256 -verify ec-auth.pub -signature signature message
