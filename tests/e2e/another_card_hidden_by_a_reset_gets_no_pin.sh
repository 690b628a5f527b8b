#!/bin/bash
# Another card takes the place of the first, and another program resets it, so
# that pcscd tells of a reset only: the other card must not be given the PIN.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

configure_with_pin
card_start one 0
control one log "$work/one.log" >/dev/null

mkfifo "$work/orders"
with_runtime "$build/tests/sign_when_told" 'card://usage=auth' \
    <"$work/orders" >"$work/answers" &
started+=($!)
exec 8>"$work/orders"

# tell_to_sign: what came of it is in $work/said.
told=0
tell_to_sign()
{
    told=$((told + 1))
    echo >&8
    for _ in $(seq 300); do
        [ "$(wc -l <"$work/answers")" -lt $told ] || break
        sleep 0.1
    done
    tail -n +$told "$work/answers" >"$work/said"
}

# Whether a VERIFY command with a PIN in it is in a card's log.
got_pin()
{
    grep -qE '^> 0[0-9A-F] 20 .. .. (0[1-9A-F]|[1-9A-F].)' "$1"
}

tell_to_sign
says "$work/said" '^signed$'
got_pin "$work/one.log" || fail "the log of the card shows no PIN"

for how in warm cold; do
    card_pull one
    if [ $how = warm ]; then
        card_start other 0
        control other log "$work/other.log" >/dev/null
    else
        card_insert other
    fi
    opensc-tool --reader 0 --reset=$how >/dev/null
    tell_to_sign
    says "$work/said" 'another card'
    [ -s "$work/other.log" ] || fail "the other card was not reached"
    ! got_pin "$work/other.log" || fail "the other card was given the PIN"

    card_pull other
    card_insert one
    tell_to_sign
    says "$work/said" '^signed$'
done
[ "$(card_tries other)" = 3 ] || fail "the other card has lost a try"
tries_are 3
exec 8>&-
