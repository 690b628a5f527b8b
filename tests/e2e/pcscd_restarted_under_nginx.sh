#!/bin/bash
# pcscd is stopped and started again under nginx workers: service is back as
# soon as the card is.
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
    service_stop
    refused $greet
    service_start
    let_pcscd_see
    $greet >/dev/null
    $greet >/dev/null
done
tries_are 3
