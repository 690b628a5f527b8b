#!/bin/bash
# A locked PIN: certificates stay readable, a signature says what is wrong.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

card_start one 0
card_set_tries 0
configure_with_pin
export_certificate 'card://usage=auth' "$work/auth.pem"
refused_soon openssl dgst -sign 'card://usage=auth' -out /dev/null \
    /dev/null
says "$work/said" 'blocked'
tries_are 0
