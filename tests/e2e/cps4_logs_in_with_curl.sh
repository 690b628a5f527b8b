#!/bin/bash
# curl logs in by TLS 1.3 with a CPS4.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

configure_with_pin
card_start_family one cps4 0
cd "$work"
door_start 's/TLSv1.2/TLSv1.3/'
export_certificate 'card://usage=auth' card.pem
bash "$conf/uri2pem.sh" 'card://usage=auth' >key.pem
curl_logs_in card.pem key.pem --tlsv1.3
tries_are 3
