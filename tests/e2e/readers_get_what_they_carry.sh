#!/bin/bash
# Cards that take extended length, in a reader that carries it, in one that does
# not, and in one that does not say (PC/SC part 10, dwMaxAPDUDataSize).
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

PIN=123456
pinpad_start
configure_with_pin
printf '%s\n' 'keypad = no' 'pin-for-signature = yes' 'cache = no' \
    "trace = $work/trace" >>"$OPENSSL_CONF"
cd "$work"
echo 'a message' >message
for name in auth decrypt; do
    stock x509 -in "$cards/one/$name.pem" -out $name.pem
    stock x509 -in $name.pem -noout -pubkey >$name.pub
done
stock cms -encrypt -aes256 -in message -out secret decrypt.pem

# carries BYTES: what the reader says of itself from here on; "none": nothing.
carries()
{
    rm -f "$pad.carries" "$pad.log" trace
    [ "$1" = none ] || echo "$1" >"$pad.carries"
}

# decrypt NAME=VALUE, sign NAME=VALUE [OPTION...]: by the key of that attribute.
decrypt()
{
    openssl cms -decrypt -in secret -recip decrypt.pem -inkey "card://$1" \
        -out plain
    tr -d '\r' <plain | cmp - message
}

sign()
{
    openssl dgst -sha256 -sign "card://$1" "${@:2}" -out signature message
    stock dgst -sha256 -verify auth.pub "${@:2}" -signature signature message
}

# Commands whose fifth byte is the 00 of the extended form, with more behind it.
extended='^> [0-9A-F]{8}00[0-9A-F]{4}'

never_extended()
{
    ! grep -E "$extended" trace || fail 'an extended command was sent'
}

# was_asked TIMES
was_asked()
{
    [ "$(grep -c features "$pad.log")" = "$1" ] ||
        fail "the reader was asked $(grep -c features "$pad.log") times"
    [ "$(grep -c properties "$pad.log")" = "$1" ]
}

# --- Extended length and chaining: an OpenPGP card ----------------------------

card_start_family one openpgp 0 serial=12345678

for size in 0 261 none; do
    carries $size
    sign usage=auth
    decrypt usage=decrypt
    never_extended
    says trace '^> 102A8086FF'
    says trace '^> 00C00000'
done

carries 65536
sign usage=auth
decrypt usage=decrypt
says trace '^> 002A8086000101'
! grep -E '^> (10|00C0)' trace || fail 'chained, or fetched in parts'
was_asked 2 # once by each process
card_pull one

# --- Extended length alone: an ISO 7816-15 card -------------------------------

card_start_family third iso15 0 extended=yes chaining=no algorithms=yes \
    serial=00000003
for size in 65536 none; do
    carries $size
    sign object=auth -sigopt rsa_padding_mode:pss
    decrypt object=decrypt
    says trace '^> 002A8086000101'
    says trace '^> 002A9E9A000100'
done
carries 0
sign object=auth
refused openssl dgst -sha256 -sign card:object=auth \
    -sigopt rsa_padding_mode:pss -out signature message
says said 'extended length only, which its reader does not'
never_extended
