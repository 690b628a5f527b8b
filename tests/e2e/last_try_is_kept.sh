#!/bin/bash
# With one try left no stored PIN is presented, not even the right one and not
# under the laxer rule.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

card_start one 0
card_set_tries 1
sign="openssl dgst -sign card://usage=auth -out /dev/null /dev/null"

configure_with_pin
refused $sign
says "$work/said" 'not presented'
echo 'pin-rule = not-last' >>"$OPENSSL_CONF"
refused $sign
says "$work/said" 'one try is left'
refused openssl dgst -out /dev/null \
    -sign "card://usage=auth?pin-value=$PIN&pin-rule=not-last" /dev/null
configure
refused openssl dgst -sign 'card://usage=auth' -passin "pass:$PIN" \
    -out /dev/null /dev/null
tries_are 1

# With two, the laxer rule presents the right one and the counter is full.
card_set_tries 2
configure_with_pin
refused $sign
echo 'pin-rule = not-last' >>"$OPENSSL_CONF"
$sign
tries_are 3
