#!/bin/bash
# ISO 7816-15 cards of other makes: MyEID, whose keys are files; one that tells
# its algorithms; one at T=0 that does as little as it may; one with its PIN
# in a DF of its own; one without certificates.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

PIN=123456
configure_with_pin
echo 'pin-for-signature = yes' >>"$OPENSSL_CONF"
cd "$work"
echo 'a message' >message
for name in auth sign ec-auth ec-decrypt decrypt; do
    cp "$cards/one/$name.pem" .
    stock x509 -in $name.pem -noout -pubkey >$name.pub
done

# sign OBJECT [OPTION...]
sign()
{
    openssl dgst -sha256 -sign "card:object=$1" "${@:2}" -out signature message
    stock dgst -sha256 -verify "$1.pub" "${@:2}" -signature signature message
}

# decrypt OBJECT [OPTION...]: the options are the sender's.
decrypt()
{
    stock cms -encrypt -aes256 -in message -out secret -recip "$1.pem" "${@:2}"
    openssl cms -decrypt -in secret -recip "$1.pem" -inkey "card:object=$1" \
        -out plain
    tr -d '\r' <plain | cmp - message
}

number=0
# with_card SETTING...: the next card in the reader, of all keys.
with_card()
{
    [ $number = 0 ] || control card$number pull >/dev/null
    number=$((number + 1))
    card_start_family card$number iso15 0 \
        "serial=$(printf '%08d' $number)" "$@"
    for key in auth sign ec-auth; do
        sign $key
    done
    decrypt decrypt
    [ "$(card_tries card$number)" = 3 ]
}

with_card kind=myeid
sign auth -sigopt rsa_padding_mode:pss
decrypt decrypt -keyopt rsa_padding_mode:oaep
decrypt ec-decrypt
door_start 's/TLSv1.2/TLSv1.3/'
bash "$conf/uri2pem.sh" card:object=auth >key.pem
curl_logs_in auth.pem key.pem --tlsv1.3

with_card algorithms=yes ecdsa=raw certs=inline
sign auth -sigopt rsa_padding_mode:pss
decrypt ec-decrypt

with_card t1=no dir=records path=no answer=no keeps=no first-6c=yes
with_card local=yes pin-format=bcd certs=shared gdo=8933000000000001
with_card extended=yes chaining=no dir=no
with_card certs=none
