#!/bin/bash
# Two cards match: a private key is not picked by chance; serial= or reader=
# says which.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

card_start one 0
card_start other 1
configure_with_pin
refused_soon openssl dgst -sign 'card://usage=auth' -out /dev/null \
    /dev/null
says "$work/said" 'more than one'

openssl dgst -sign "card://usage=auth;serial=99002752" -out /dev/null \
    /dev/null
openssl dgst -sign "card://usage=auth;reader=Sim%200%2000%2000" -out /dev/null \
    /dev/null
refused_soon openssl dgst -sign 'card://usage=auth;serial=0000000000' \
    -out /dev/null /dev/null
tries_are 3
