#!/bin/bash
# A program that never lets go of the card does not hang ours for good: after
# half a minute there is an error that says so, and later all is well.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

configure_with_pin
card_start one 0
key='card://usage=auth'
openssl dgst -sign "$key" -out "$work/sig" /dev/null

mkfifo "$work/hold"
"$build/tests/hold_card" 'Sim 0 00 00' <"$work/hold" >"$work/held" &
world_pids+=($!)
exec 8>"$work/hold"
until grep -q held "$work/held"; do
    sleep 0.1
done
SECONDS=0
refused openssl dgst -sign "$key" -out "$work/sig" /dev/null
[ $SECONDS -ge 28 ] && [ $SECONDS -le 45 ] || fail "it took $SECONDS seconds"
says "$work/said" 'another program'
says "$work/said" 'Sim 0 00 00'

exec 8>&-
openssl dgst -sign "$key" -out "$work/sig" /dev/null
tries_are 3
