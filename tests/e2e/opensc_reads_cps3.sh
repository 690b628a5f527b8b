#!/bin/bash
# OpenSC, which is not ours, takes the simulated CPS3 for a CPS3: it reads its
# files, verifies the PIN, authenticates and deciphers.
#
# OpenSC's own limits, so not asked of it here: it signs with the signature
# key only when built without OpenSSL 3 (it wants the hash's inner state), and
# offers no RSA-PKCS for that key.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

card_start one 0
cd "$work"
id=E828BD080F8025000001FF0010

opensc-tool -n > name 2>&1
says name '^IAS-ECC'
opensc-tool --serial > serial 2>&1
says serial '^00 00 01 [0-9 ]+'

pkcs15-tool -D > dump 2>&1
says dump 'PKCS#15 Card \[CPS3v3-[0-9]{10}\]'
says dump 'Manufacturer ID: ASIP SANTE'
says dump 'Flags          : Read-only, Login required'
says dump 'PIN \[Code porteur de la carte CPS\]'
says dump 'Length         : min_len:4, max_len:4, stored_len:8'
says dump 'Private RSA Key \[CPS_PRIV_SIG\]'
says dump 'Usage          : \[0x200\], nonRepudiation'
says dump 'Key ref        : 129'
says dump 'Private RSA Key \[CPS_PRIV_AUT\]'
says dump 'Access Rules   : pso_decrypt:01; int_auth:01;'
says dump 'Key ref        : 130'
says dump 'Path           : e828bd080f8025000001ff0010::$'

for key in sign auth; do
    [ $key = sign ] && n=01 || n=02
    pkcs15-tool --read-certificate "$id$n" -o $key.pem > /dev/null 2>&1
    stock x509 -in $key.pem -outform DER -out $key.der
    stock x509 -in "$cards/one/$key.pem" -outform DER | cmp - $key.der ||
        fail "the $key certificate is not mkcard's"
    stock x509 -in $key.pem -noout -pubkey > $key.pub
done

pkcs11-tool -O > objects 2>&1
says objects 'Certificat de Signature CPS'
says objects "Certificat d'Authentification CPS"

# OpenSC from 0.24 on (0.27.1 and its master of August 2026 still) logs in to no
# IAS ECC card: iasecc_sdo_parse takes the length of what it has parsed for an
# error, and drops the access rules of the PIN. So the rules must have been read
# well, their absence be the only complaint, and the card never see the PIN.
drops_access_rules()
{
    opensc-tool --info > version
    says version '^OpenSC 0\.2[4-7]\.'
    says private 'C_Login failed: rv = CKR_DATA_INVALID'
    refused env OPENSC_DEBUG=9 pkcs11-tool --login --pin 9999 -O
    grep -E ':iasecc_(parse_acls|sdo_parse|pin_get_policy): ' said > login
    says login 'SCBs 00:00:13:FF:FF:FF:00$'
    says login 'iasecc_sdo_parse: returning with: 0 '
    says login 'iasecc_pin_get_policy: .* there is no ACLs'
    tries_are 3
}

if ! pkcs11-tool --login --pin 1234 -O > private 2>&1; then
    drops_access_rules
    exit 0
fi
says private 'CPS_PRIV_SIG'
says private 'CPS_PRIV_AUT'

# A DigestInfo of SHA-256, signed with the authentication key.
echo 'a message' > message
{
    printf '\060\061\060\015\006\011\140\206\110\001\145\003\004\002\001'
    printf '\005\000\004\040'
    stock dgst -sha256 -binary message
} > info
pkcs11-tool --login --pin 1234 --sign --id ${id}02 -m RSA-PKCS \
    --input-file info --output-file signature > sign.log 2>&1 ||
    { cat sign.log >&2; fail 'no signature'; }
stock dgst -sha256 -verify auth.pub -signature signature message

stock pkeyutl -encrypt -pubin -inkey auth.pub -in message -out cryptogram
pkcs11-tool --login --pin 1234 --decrypt --id ${id}02 -m RSA-PKCS \
    --input-file cryptogram --output-file plain > decrypt.log 2>&1 ||
    { cat decrypt.log >&2; fail 'no decryption'; }
cmp message plain

# A wrong PIN costs one try, the right one gives it back.
refused pkcs11-tool --login --pin 9999 -O
mv said wrong
says wrong 'CKR_PIN_INCORRECT'
tries_are 2
pkcs11-tool --login --pin 1234 -O > right 2>&1
tries_are 3
