#!/bin/bash
# A wrong stored PIN under nginx with four workers, restarted 20 times, costs
# one try in all; the right one at a prompt puts things in order.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

card_start one 0
configure_with_pin
export_certificate 'card://usage=auth' "$work/server.pem"
configure_with_pin 9999
nginx_with_key "$conf/key.pem" 4

for i in $(seq 20); do
    nginx_start 8443
    for j in 1 2 3 4; do
        refused visit https://127.0.0.1:8443/
    done
    stop_started
done
tries_are 2

# The right stored PIN is not presented either while a try is missing.
configure_with_pin
refused openssl dgst -sign 'card://usage=auth' -out /dev/null /dev/null
tries_are 2

# A person's PIN is, and then the stored one is again.
type_at_prompt "$PIN" \
    "openssl dgst -sign card://usage=auth -out /dev/null /dev/null"
tries_are 3
openssl dgst -sign 'card://usage=auth' -out /dev/null /dev/null
