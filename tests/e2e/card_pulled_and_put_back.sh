#!/bin/bash
# The card is pulled under a running nginx: requests fail soon; once it is put
# back they work again without a restart. Another card is refused.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

card_start one 0
configure_with_pin
export_certificate 'card://usage=auth' "$work/server.pem"
nginx_with_key "$conf/key.pem" 2
nginx_start 8443
greet="visit https://127.0.0.1:8443/"

for i in 1 2 3; do
    $greet >/dev/null
    card_pull
    refused_soon $greet
    card_insert
    $greet >/dev/null
done

card_pull
card_start other 0
refused_soon $greet
says "$work/nginx.log" 'another card'
card_pull other
card_insert
$greet >/dev/null
tries_are 3
