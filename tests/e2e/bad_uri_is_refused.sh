#!/bin/bash
# URIs that are not quite right are refused by name; a file of a URI's name
# does not stand in for the card.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

card_start one 0
configure_with_pin

for bad in 'usge=auth' 'usage=sing' 'object=%zz' 'object=a;object=b' \
    'module-path=/tmp/x.so' 'id=%0' 'usage=auth?pin=1234'; do
    for scheme in 'card://' 'store://'; do
        refused_soon openssl dgst -sign "$scheme$bad" -out /dev/null \
            /dev/null
        ! grep 'tessera' "$work/said" | grep -q 1234 ||
            fail "we printed the PIN"
    done
done
refused_soon openssl dgst -sign 'card://usge=auth' -out /dev/null /dev/null
says "$work/said" 'usge'
refused_soon openssl dgst -sign 'card://object=nobody' -out /dev/null /dev/null
says "$work/said" 'nobody|not found'

# In the working directory, a key with the URI for a name.
mkdir -p "$work/cwd/card:"
cd "$work/cwd"
stock genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
    -out 'card:usage=auth'
cp 'card:usage=auth' 'card:/usage=auth'
openssl pkey -in 'card://usage=auth' -pubout >"$work/pub"
stock pkey -pubin -in "$work/pub" -noout -text | grep -q 'Public-Key: (2048'
tries_are 3

has_engine || exit 0
configure_engine "PIN = $PIN"
openssl pkey -engine tessera -inform engine -in 'card:usage=auth' -pubout \
    >"$work/pub"
stock pkey -pubin -in "$work/pub" -noout -text | grep -q 'Public-Key: (2048'
tries_are 3
