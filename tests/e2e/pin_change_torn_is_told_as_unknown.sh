#!/bin/bash
# The card goes out in the midst of verifying, changing, unblocking: done, not
# done and unknown are told apart, and no second attempt is made. What is not
# known, tessera pin verify finds out.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

card_start one 0
is_pin_command='^> .. (20 .. .. [0-9A-F]{2} |24|2C)'
commands=0 # up to the last of these, in the run before

pins()
{
    printf '%s\n' "$@" >"$work/pins"
    chmod 600 "$work/pins"
}

# act STATUS ACTION VALUE...: with what was said in $work/said.
act()
{
    local status=0

    pins "${@:3}"
    control one log "$work/card.log" >ok
    tessera pin "$2" --pin-file "$work/pins" >"$work/said" 2>&1 || status=$?
    [ $status -eq "$1" ] || { cat "$work/said"; fail "status $status of $*"; }
    control one log off >ok
    commands=$(grep '^>' "$work/card.log" |
        { grep -nE "$is_pin_command" || true; } | tail -n 1 | cut -d: -f1)
}

# torn WHEN STATUS ACTION VALUE...: as many commands as before, then out.
torn()
{
    control one tear "$commands" "$1" >ok
    act "${@:2}"
    ! grep -E "$is_pin_command" "$work/card.log" | sort | uniq -d | grep . ||
        fail 'a second attempt was made'
    let_pcscd_see
    card_insert
}

act 0 change 1234 5678
act 0 change 5678 1234

torn after 7 change 1234 5678
says <(tr '\n' ' ' <"$work/said") \
    'whether it was done is not known.*put it back, then: tessera pin verify'
act 0 verify 5678
act 0 change 5678 1234

torn before 7 change 1234 5678
act 0 verify 1234

# VERIFY changes nothing but the tries.
torn after 7 verify 9999
tries_are 2
act 0 verify 1234
torn before 7 verify 9999
tries_are 3

control one set-tries 0 >ok
act 0 unblock 12345678 5678
card_pull
card_insert
control one set-tries 0 >ok
torn after 7 unblock 12345678 1234
act 0 verify 1234

# Between the PUK and the new PIN, which is the command after it.
control one set-tries 0 >ok
act 0 unblock 12345678 5678
card_pull
card_insert
control one set-tries 0 >ok
commands=$((commands - 1))
torn after 1 unblock 12345678 1234
says "$work/said" 'Not done: the PIN is as it was'
act 0 unblock 12345678 1234
card_pull
card_insert

# Out before any PIN went: not done, and known so.
act 0 change 1234 5678
commands=$((commands - 1))
torn before 1 change 5678 1234
says "$work/said" 'Not done: the PIN is as it was'
! grep -E "$is_pin_command" "$work/card.log" || fail 'a PIN was sent'
act 0 verify 5678

# The same for programs.
act 0 change 5678 1234
control one tear "$commands" after >ok
pins 1234 5678
status=0
tessera --json pin change --pin-file "$work/pins" >"$work/json" \
    2>"$work/said" || status=$?
[ $status -eq 7 ] || fail "status $status"
says "$work/json" '"result": "unknown"'
