#!/bin/bash
# Nine readers with cards of all families: a URI that names a card uses that
# one, and soon, though some are held by others, one never stops answering, and
# some readers are empty.
# readers: 8
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

echo 'a message' >"$work/message"
configure

# sign_with CARD URI PEM: by a key of "one" whose certificate is PEM.
sign_with()
{
    openssl dgst -sha256 -sign "$2" -out "$work/signature" "$work/message"
    stock x509 -in "$cards/one/$3.pem" -noout -pubkey >"$work/key.pub"
    stock dgst -sha256 -verify "$work/key.pub" -signature "$work/signature" \
        "$work/message"
}

card_start one 0
card_start_family cps4 cps4 1 serial=99002754
card_start_family ias ias 2 serial=99002755
card_start_family openpgp openpgp 3 serial=00000009
card_start_family gemsafe gemsafe 4
card_start_family gemp15 gemp15 5
card_start_family iso15 iso15 6 kind=isoapplet
card_start_family piv piv 7 serial=00112233445566778899AABBCCDDEEFF
card_start_family second piv 8 serial=FF112233445566778899AABBCCDDEEFF
piv='card://serial=00112233445566778899AABBCCDDEEFF;usage=auth'
iso='card://serial=0123456789ABCDEF;usage=auth'

for _ in 1 2; do
    sign_with piv "$piv?pin-value=123456" auth
    sign_with one 'card://serial=99002752;usage=auth?pin-value=1234' auth
    sign_with cps4 'card://serial=99002754;usage=auth?pin-value=1234' auth
    sign_with ias 'card://serial=99002755;usage=auth?pin-value=1234' auth
    sign_with openpgp 'card://serial=000000000009;usage=auth?pin-value=123456' \
        auth
    sign_with iso15 "$iso?pin-value=123456" auth
done

# A key that several cards have is nobody's, and costs nobody a try.
refused openssl dgst -sign 'card://usage=auth?pin-value=123456' \
    -out "$work/signature" "$work/message"
says "$work/said" 'more than one'
for card in one cps4 ias openpgp gemsafe gemp15 iso15 piv second; do
    [ "$(card_tries "$card")" = 3 ] || fail "a try of $card is lost"
done

# The rest is held, mad, or gone.
holders=()
for reader in 0 2 3; do
    mkfifo "$work/hold.$reader"
    "$build/tests/hold_card" "Sim $reader 00 00" <"$work/hold.$reader" \
        >"$work/held.$reader" &
    world_pids+=($!)
    exec {holder}>"$work/hold.$reader"
    holders+=("$holder")
    until grep -q held "$work/held.$reader"; do
        sleep 0.1
    done
done
card_pull gemp15
card_pull gemsafe
card_pull second
control iso15 set endless yes >/dev/null
sign_soon()
{
    SECONDS=0
    sign_with piv "$piv?pin-value=123456" auth
    [ $SECONDS -le 8 ] || fail "$SECONDS seconds for a card that is free"
}
sign_soon
rm -rf "$XDG_CACHE_HOME"
sign_soon

for holder in "${holders[@]}"; do
    exec {holder}>&-
done
sign_with one 'card://serial=99002752;usage=auth?pin-value=1234' auth
