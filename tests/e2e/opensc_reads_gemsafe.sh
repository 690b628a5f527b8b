#!/bin/bash
# OpenSC, which is not ours, takes the simulated GemSafe V1 for one, and V3 by
# its ATR: it reads their certificates, verifies the PIN and signs.
#
# OpenSC's own limits, so not asked of it here: it takes all keys for RSA-1024,
# signs what has 36 bytes at most, and has no driver for GemP15.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

cd "$work"
stock x509 -in "$cards/one/rsa1024.pem" -outform DER >expected.der
stock x509 -in "$cards/one/rsa1024.pem" -noout -pubkey >key.pub
echo 'a message' >message
{
    printf '\060\041\060\011\006\005\053\016\003\002\032\005\000\004\024'
    stock dgst -sha1 -binary message
} >info

# reads NAME: containers, certificate, PIN.
reads()
{
    opensc-tool -n >name 2>&1
    says name '^GemSAFE V1'
    pkcs15-tool -D >dump 2>&1
    says dump 'PKCS#15 Card \[GemSAFE V1\]'
    says dump 'Manufacturer ID: Gemplus'
    says dump 'Key ref        : 5'
    pkcs15-tool --read-certificate 47 -o cert.pem >/dev/null 2>&1
    stock x509 -in cert.pem -outform DER | cmp - expected.der
}

signs()
{
    pkcs11-tool --login --pin 123456 --sign --id 47 -m RSA-PKCS \
        --input-file info --output-file signature >log 2>&1 ||
        { cat log; fail "OpenSC made no signature"; }
    stock dgst -sha1 -verify key.pub -signature signature message
}

card_away()
{
    kill "${world_pids[-1]}"
    wait "${world_pids[-1]}" || true
    unset 'world_pids[-1]'
    let_pcscd_see
}

for family in gemsafe gemsafe-v3; do
    # It asks for the PIN's state by an empty VERIFY.
    card_start_family $family $family 0 certs=rsa1024 empty-verify=tells
    reads
    signs
    refused pkcs11-tool --login --pin 000000 -O
    mv said wrong
    says wrong 'CKR_PIN_INCORRECT'
    [ "$(card_tries $family)" = 2 ]
    signs
    [ "$(card_tries $family)" = 3 ]
    card_away
done
