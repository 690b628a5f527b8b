#!/bin/bash
# A TLS 1.2 login by s_client with no setting changed: by URI, by a PEM-wrapped
# URI and by the engine.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

configure_with_pin
card_start one 0
door_start
export_certificate 'card://usage=auth' "$work/card.pem"

login()
{
    printf 'GET / HTTP/1.0\r\n\r\n' |
        openssl s_client -connect 127.0.0.1:8443 -CAfile "$work/server-ca.pem" \
            -verify_return_error -ign_eof "$@" >"$work/said" 2>&1
}

login
says "$work/said" '^HTTP/1.1 400'
login -cert "$work/card.pem" -key 'card://usage=auth'
says "$work/said" '^welcome '
login -cert 'card://usage=auth' -key 'card://usage=auth'
says "$work/said" '^welcome '
login -cert "$work/card.pem" -key "$conf/key.pem"
says "$work/said" '^welcome '
tries_are 3

has_engine || exit 0
configure_engine "PIN = $PIN"
login -cert "$work/card.pem" -engine tessera -keyform engine \
    -key 'card:usage=auth'
says "$work/said" '^welcome '
tries_are 3
