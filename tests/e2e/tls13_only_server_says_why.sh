#!/bin/bash
# A PKCS#1-v1.5-only card cannot log in with TLS 1.3: no internal error, but an
# empty certificate, and our log says why.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

configure_with_pin
echo "log = $work/log" >>"$OPENSSL_CONF"
card_start one 0
door_start 's/TLSv1.2/TLSv1.3/'
export_certificate 'card://usage=auth' "$work/card.pem"

printf 'GET / HTTP/1.0\r\n\r\n' |
    openssl s_client -connect 127.0.0.1:8443 -CAfile "$work/server-ca.pem" \
        -ign_eof -cert "$work/card.pem" -key "$conf/key.pem" \
        >"$work/said" 2>&1
says "$work/said" 'No required SSL certificate was sent'
! grep -q 'internal error' "$work/said" || fail "an internal error"
says "$work/log" 'TLS 1\.3'
tries_are 3
