#!/bin/bash
# The proxy samples: nginx logs in to a server with the card, by PEM-wrapped
# URI and by engine.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

card_start one 0
configure_with_pin
door_start
export_certificate 'card://usage=auth' "$work/card.pem"
bash "$conf/uri2pem.sh" 'card://usage=auth' >"$work/key.pem"

proxy()
{
    local i

    nginx_sample "$1"
    nginx_config 2 "$work/$1"
    nginx_start "$2"
    for i in $(seq 10); do
        visit "http://127.0.0.1:$2/" >"$work/said"
        says "$work/said" '^welcome '
    done
}

proxy nginx-proxy.conf 8080
tries_are 3

has_engine || exit 0
configure_engine "PIN = $PIN"
proxy nginx-engine.conf 8081
tries_are 3
