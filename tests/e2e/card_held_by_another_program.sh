#!/bin/bash
# A program that never lets go of the card does not hang ours for good: after
# half a minute there is an error that says so, and later all is well.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

configure_with_pin
card_start one 0
key='card://usage=auth'
openssl dgst -sign "$key" -out "$work/sig" /dev/null

# hold [reset]: until let_go, in a transaction.
hold()
{
    rm -f "$work/hold" "$work/held"
    mkfifo "$work/hold"
    "$build/tests/hold_card" 'Sim 0 00 00' "$@" <"$work/hold" >"$work/held" &
    world_pids+=($!)
    exec 7>"$work/hold"
    until grep -q held "$work/held"; do
        sleep 0.1
    done
    SECONDS=0
}

let_go()
{
    [ $SECONDS -ge 28 ] && [ $SECONDS -le 45 ] || fail "it took $SECONDS seconds"
    says "$work/said" 'another program'
    says "$work/said" 'Sim 0 00 00'
    exec 7>&-
}

# A program that starts meanwhile.
hold
refused openssl dgst -sign "$key" -out "$work/sig" /dev/null
let_go
openssl dgst -sign "$key" -out "$work/sig" /dev/null

# One that has used the card before, and is told of a reset first.
mkfifo "$work/orders"
with_runtime "$build/tests/sign_when_told" "$key" <"$work/orders" \
    >"$work/answers" &
started+=($!)
exec 8>"$work/orders"
echo >&8
until grep -q '^signed' "$work/answers"; do
    sleep 0.1
done
hold reset
echo >&8
until [ "$(wc -l <"$work/answers")" -ge 2 ] || [ $SECONDS -gt 60 ]; do
    sleep 0.1
done
tail -n +2 "$work/answers" >"$work/said"
let_go
echo >&8
until [ "$(wc -l <"$work/answers")" -ge 3 ] || [ $SECONDS -gt 90 ]; do
    sleep 0.1
done
[ "$(tail -n +3 "$work/answers")" = signed ]
exec 8>&-
tries_are 3
