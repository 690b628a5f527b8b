#!/bin/bash
# curl logs in by TLS 1.3 with keys of a PIV card: RSA, then P-256 and Ed25519,
# which have no certificate on a card that tells their public halves instead.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

PIN=123456
configure_with_pin
card_start_family one piv 0
cd "$work"
door_start 's/TLSv1.2/TLSv1.3/'

# log_in KEY CERTIFICATE
log_in()
{
    bash "$conf/uri2pem.sh" "$1" >key.pem
    curl_logs_in "$2" key.pem --tlsv1.3
}

export_certificate 'card://usage=auth' card.pem
log_in 'card://usage=auth' card.pem

control one pull >/dev/null
card_start_family second piv 1 yubico=yes 9a=ed-auth 9e=ec-auth nocert=9a \
    nocert=9e
log_in 'card://usage=auth' "$cards/one/ed-auth.pem"
log_in 'card://id=%04' "$cards/one/ec-auth.pem"
[ "$(card_tries second)" = 3 ]
