#!/bin/bash
# Certificate requests and certificates signed by the card.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

configure_with_pin
card_start one 0

openssl req -new -key 'card://usage=auth' -subj /CN=me -out "$work/req"
stock req -in "$work/req" -noout -verify >"$work/said" 2>&1
says "$work/said" 'verify OK'
openssl req -x509 -key 'card://usage=auth' -subj /CN=me -out "$work/self"
stock verify -CAfile "$work/self" "$work/self"

stock req -newkey rsa:2048 -nodes -keyout "$work/k" -subj /CN=leaf \
    -out "$work/leaf.req" 2>/dev/null
openssl x509 -req -in "$work/leaf.req" -CA "$work/self" \
    -CAkey 'card://usage=auth' -out "$work/leaf"
stock verify -CAfile "$work/self" "$work/leaf"
tries_are 3
