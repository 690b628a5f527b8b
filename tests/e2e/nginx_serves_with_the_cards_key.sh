#!/bin/bash
# nginx with two workers whose server key is on the card, by PEM-wrapped URI
# and by engine, through reloads.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

card_start one 0
configure_with_pin
export_certificate 'card://usage=auth' "$work/server.pem"

serve()
{
    nginx_with_key "$1" 2
    nginx_start 8443
}

shake_hands()
{
    local i

    for i in $(seq "$1"); do
        visit https://127.0.0.1:8443/ >"$work/said"
        says "$work/said" '^welcome'
    done
}

serve "$conf/key.pem"
master=${started[-1]}
shake_hands 10
for i in 1 2 3; do
    kill -HUP "$master"
    sleep 0.5
    shake_hands 5
done
stop_started

# No such key: nginx does not start, nor does it hang.
does_not_serve()
{
    nginx_with_key "$1" 2
    refused_soon with_runtime nginx -t -p "$work" -c "$work/nginx.conf"
    says "$work/said" 'nobody'
}

bash "$conf/uri2pem.sh" 'card://object=nobody' >"$work/nobody.pem"
does_not_serve "$work/nobody.pem"
tries_are 3

has_engine || exit 0
configure_engine "PIN = $PIN"
serve engine:tessera:card:usage=auth
shake_hands 10
does_not_serve engine:tessera:card:object=nobody
tries_are 3
