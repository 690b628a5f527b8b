#!/bin/bash
# The provider in openssl's own commands: what each asks of a key beside the
# plain signature, files of several PEM blocks, and keys that are not ours.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

configure_with_pin
card_start one 0
key='card://usage=auth'
seq 1 5000 >"$work/file"
openssl dgst -sha256 -binary "$work/file" >"$work/hash"
export_certificate "$key" "$work/auth.pem"
stock x509 -in "$work/auth.pem" -noout -pubkey >"$work/auth.pub"
verify="stock dgst -sha256 -verify $work/auth.pub -signature $work/sig"

# A hash that is finished already, with and without its name.
openssl pkeyutl -sign -inkey "$key" -pkeyopt digest:sha256 -in "$work/hash" \
    -out "$work/sig"
$verify "$work/file"
openssl pkeyutl -verify -inkey "$key" -pkeyopt digest:sha256 \
    -in "$work/hash" -sigfile "$work/sig"
openssl pkeyutl -verify -pubin -inkey "$key;type=public" -rawin \
    -digest sha256 -in "$work/file" -sigfile "$work/sig"
head -c 31 "$work/hash" >"$work/short"
refused openssl pkeyutl -sign -inkey "$key" -pkeyopt digest:sha256 \
    -in "$work/short"

# RSA-PSS and OAEP are refused in words, and PSS says what to do.
refused openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sign "$key" \
    "$work/file"
says "$work/said" 'TLS 1\.2'
openssl pkeyutl -encrypt -inkey "$key" -pkeyopt rsa_padding_mode:oaep \
    -in "$work/hash" -out "$work/oaep"
refused openssl pkeyutl -decrypt -inkey "$key" \
    -pkeyopt rsa_padding_mode:oaep -in "$work/oaep"
says "$work/said" 'PKCS#1'

openssl pkeyutl -encrypt -inkey "$key" -in "$work/hash" -out "$work/secret"
openssl pkeyutl -decrypt -inkey "$key" -in "$work/secret" -out "$work/plain"
cmp "$work/hash" "$work/plain"

# A URI and certificates in one PEM file, in either order.
bash "$conf/uri2pem.sh" "$key" >"$work/key.pem"
cat "$work/auth.pem" "$work/key.pem" >"$work/after.pem"
cat "$work/key.pem" "$work/auth.pem" >"$work/before.pem"
for file in after before; do
    openssl x509 -in "$work/$file.pem" -noout -subject
    openssl dgst -sha256 -sign "$work/$file.pem" -out "$work/sig" "$work/file"
    $verify "$work/file"
    openssl cms -sign -signer "$work/$file.pem" -in "$work/file" \
        -out "$work/cms"
    stock cms -verify -CAfile "$card_ca" -purpose any -in "$work/cms" \
        -out /dev/null
done

# Searches of OSSL_STORE_find.
name_of() # -subject or -issuer, as storeutl wants it: /C=FR/SN=A+GN=B
{
    stock x509 -in "$work/auth.pem" -noout "$1" \
        -nameopt utf8,sname,sep_multiline |
        sed -e 1d -e 's| *|/|' -e 's/ + /+/g' | tr -d '\n'
}
serial=0x$(stock x509 -in "$work/auth.pem" -noout -serial | sed 's/.*=//')
# The holder has two: to log in and to sign.
openssl storeutl -noout -certs -subject "$(name_of -subject)" card: \
    >"$work/said"
says "$work/said" 'Total found: 2$'
openssl storeutl -noout -certs -issuer "$(name_of -issuer)" \
    -serial "$serial" card: >"$work/said"
says "$work/said" 'Total found: 1$'
refused openssl storeutl -noout -certs -subject /CN=nobody card:
says "$work/said" 'nothing with that subject'
openssl storeutl -noout -crls card: >"$work/said" 2>&1

# Keys in software stay where they are, whatever our name and place.
softly()
{
    openssl genpkey -algorithm RSA -out "$work/soft.pem"
    openssl dgst -sha256 -sign "$work/soft.pem" -out "$work/sig" "$work/file"
    openssl dgst -sha256 -prverify "$work/soft.pem" -signature "$work/sig" \
        "$work/file"
    openssl verify -CAfile "$card_ca" -partial_chain "$work/auth.pem"
}
rename_provider() # NAME
{
    sed -e "s/^tessera = .*/$1 = tessera_sect\nbase = default_sect/" \
        -e 's/^\[tessera_sect\]/&\nmodule = tessera.so/' -i "$OPENSSL_CONF"
}
softly
rename_provider pkcs11
softly
openssl dgst -sha256 -sign "$key" -out "$work/sig" "$work/file"
$verify "$work/file"

# A name before "default" would get all RSA keys of the process.
configure_with_pin
rename_provider card
softly
refused openssl dgst -sha256 -sign "$key" "$work/file"
says "$work/said" 'sorts after'
tries_are 3
