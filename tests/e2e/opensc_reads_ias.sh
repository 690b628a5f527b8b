#!/bin/bash
# OpenSC, which is not ours, takes simulated IAS ECC cards for their makers':
# reads their files, verifies the PIN, authenticates and deciphers.
#
# OpenSC's own limits: it logs in to no card without PIN objects, so the Cosmo
# is read only; from 0.24 on it logs in to none at all (see opensc_reads_cps3);
# and it has no driver for a CPS4, whose commands go on another channel.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

cd "$work"
echo 'a message' >message
{
    printf '\060\061\060\015\006\011\140\206\110\001\145\003\004\002\001'
    printf '\005\000\004\040'
    stock dgst -sha256 -binary message
} >info
stock x509 -in "$cards/one/auth.pem" -noout -pubkey >auth.pub

p11()
{
    pkcs11-tool --login --pin 1234 "$@" >p11.log 2>&1 ||
        { cat p11.log >&2; fail "pkcs11-tool $*"; }
}

# reads_it MAKER
reads_it()
{
    card_start_family "$1" ias 0 "maker=$1"
    opensc-tool -n >name 2>&1
    says name '^IAS-ECC'
    pkcs15-tool -D >dump 2>&1
    says dump 'Private RSA Key \[CPS_PRIV_SIG\]'
    says dump 'Private RSA Key \[CPS_PRIV_AUT\]'
    id=$(sed -n '/CPS_PRIV_AUT/,/^$/s/.*ID  *: //p' dump | tail -n 1)
    pkcs15-tool --read-certificate "$id" -o read.pem >/dev/null 2>&1
    stock x509 -in read.pem -outform DER | cmp - <(
        stock x509 -in "$cards/one/auth.pem" -outform DER)
}

# uses_it MAKER
uses_it()
{
    p11 --sign --id "$id" -m RSA-PKCS --input-file info \
        --output-file signature
    stock dgst -sha256 -verify auth.pub -signature signature message
    stock pkeyutl -encrypt -pubin -inkey auth.pub -in message -out cryptogram
    p11 --decrypt --id "$id" -m RSA-PKCS --input-file cryptogram \
        --output-file plain
    cmp message plain
    refused pkcs11-tool --login --pin 9999 -O
    [ "$(card_tries "$1")" = 2 ]
}

opensc-tool --info >version
for maker in gemalto mi sagem; do
    reads_it $maker
    grep -qE '^OpenSC 0\.2[4-7]\.' version || uses_it $maker
    card_pull $maker
done

reads_it oberthur
refused pkcs11-tool --login --pin 1234 -O
[ "$(card_tries oberthur)" = 3 ]
card_pull oberthur

card_start_family cps4 cps4 0
opensc-tool -n >name 2>&1
says name 'Unsupported card'
