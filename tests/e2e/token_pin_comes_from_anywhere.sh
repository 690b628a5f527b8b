#!/bin/bash
# The PIN of a token or card: in the URI, in a file the URI names, in openssl's
# -passin and its relatives, or typed; with nothing of it in the configuration,
# and before what is there. A wrong one is refused from wherever it comes.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"
# shellcheck source=tests/e2e/softhsm.sh
. "$top/tests/e2e/softhsm.sh"

card_start one 0
hsm_start
hsm_key rsa 01 RSA:2048
hsm_certify rsa mail
configure_module tessera
export_certificate 'card://usage=auth' "$work/card.pem"
stock x509 -in "$work/card.pem" -noout -pubkey >"$work/card.pub"
key=$(hsm_uri rsa)
cd "$work"
umask 077
echo "$PIN" >"pin file"
printf '%s\r\n' "$PIN" >pin.crlf
echo 9999 >wrong
seq 1000 >file

# signs NAME KEY [ARGUMENT...]: without a PIN there is nobody to ask.
signs()
{
    rm -f sig
    openssl dgst -sha256 -sign "$2" -out sig "${@:3}" file </dev/null
    stock dgst -sha256 -verify "$1.pub" -signature sig file
}

# In the URI.
for uri in "rsa=$key" 'card=card://usage=auth'; do
    name=${uri%%=*} uri=${uri#*=}
    refused_soon openssl dgst -sha256 -sign "$uri" -out sig file
    signs "$name" "$uri?pin-value=$PIN"
    signs "$name" "$uri?pin-value=%31%32%33%34"
    signs "$name" "$uri?pin-source=file:$work/pin%20file"
    signs "$name" "$uri?pin-source=file://$work/pin%20file"
    signs "$name" "$uri?pin-source=$work/pin.crlf"
done

# From openssl's options.
export SECRET=$PIN
for uri in "rsa=$key" 'card=card://usage=auth'; do
    name=${uri%%=*} uri=${uri#*=}
    signs "$name" "$uri" -passin "pass:$PIN"
    signs "$name" "$uri" -passin 'file:pin file'
    signs "$name" "$uri" -passin env:SECRET
    openssl dgst -sha256 -sign "$uri" -out sig -passin fd:7 file 7<'pin file'
    stock dgst -sha256 -verify "$name.pub" -signature sig file
    openssl dgst -sha256 -sign "$uri" -out sig -passin stdin file <'pin file'
    stock dgst -sha256 -verify "$name.pub" -signature sig file
done
unset SECRET

# In each command that has such an option.
with=(-passin "pass:$PIN")
openssl pkeyutl -sign -rawin -inkey "$key" -in file -out sig "${with[@]}"
stock pkeyutl -verify -rawin -pubin -inkey rsa.pub -in file -sigfile sig
stock pkeyutl -encrypt -pubin -inkey rsa.pub -in wrong -out secret
openssl pkeyutl -decrypt -inkey "$key" -in secret "${with[@]}" | cmp - wrong
openssl req -new -key "$key" -subj /CN=me -out req "${with[@]}"
says <(stock req -in req -noout -verify 2>&1) 'verify OK'
openssl req -x509 -key "$key" -subj /CN=root -out self "${with[@]}"
openssl x509 -req -in req -CA self -CAkey "$key" -out leaf "${with[@]}"
stock verify -CAfile self leaf
for command in cms smime; do
    openssl $command -sign -in file -signer rsa.pem -inkey "$key" \
        -out signed "${with[@]}"
    stock $command -verify -in signed -CAfile "$card_ca" -out /dev/null
    stock $command -encrypt -aes256 -in wrong -out secret rsa.pem
    openssl $command -decrypt -in secret -recip rsa.pem -inkey "$key" \
        "${with[@]}" | tr -d '\r' | cmp - wrong
done
openssl pkey -in "$key" -pubout "${with[@]}" | cmp - rsa.pub
openssl rsa -in "$key" -pubout "${with[@]}" | cmp - rsa.pub
says <(openssl storeutl -noout -keys "${with[@]}" "$key") 'Total found: 1'

# The PEM file of a URI is a file with a pass phrase.
bash "$conf/uri2pem.sh" "$key" >key.pem
signs rsa key.pem "${with[@]}"

# Typed, and not shown.
for uri in "rsa=$key" 'card=card://usage=auth'; do
    name=${uri%%=*} uri=${uri#*=}
    type_at_prompt "$PIN" \
        "openssl dgst -sha256 -sign '$uri' -out sig file"
    stock dgst -sha256 -verify "$name.pub" -signature sig file
    if grep -q "$PIN" said; then fail 'the PIN was shown'; fi
done

# wrong KEY [ARGUMENT...]: refused, and with a try spent nothing stored is
# presented, until the right one was given by other means.
wrong()
{
    refused_soon openssl dgst -sign "$1" -out sig "${@:2}" file
    refused_soon openssl dgst -sign "$key?pin-value=$PIN" -out sig file
    hsm_tool --list-objects >/dev/null 2>&1
    signs rsa "$key?pin-value=$PIN"
}

wrong "$key?pin-value=9999"
wrong "$key?pin-source=$work/wrong"
wrong "$key" -passin file:wrong
configure_module_with_pin
signs rsa "$key"
wrong "$key?pin-value=9999" # before the right one of the configuration
refused_soon openssl dgst -sign "$key?pin-source=$work/nowhere" -out sig file
says said nowhere
signs rsa "$key"

configure
tries_are 3
refused_soon openssl dgst -sign 'card://usage=auth' -passin file:wrong \
    -out sig file
tries_are 2
refused_soon openssl dgst -sign 'card://usage=auth' -passin "pass:$PIN" \
    -out sig file
tries_are 2
