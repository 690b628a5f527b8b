#!/bin/bash
# Where the reader has a keypad, the PIN is entered there and tessera asks for
# none; --no-keypad has it typed at the computer.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

pinpad_start
card_start one 0

enter()
{
    printf '%s\n' "$1" >"$pad.typing"
    mv "$pad.typing" "$pad.typed"
}

enter "$PIN"
converse 0 'pin verify'
says "$work/said" "Enter the PIN at the reader's keypad"
says "$work/said" 'The PIN is right\.'
! grep -q 'PIN (' "$work/said" || fail 'a PIN was asked for'

enter 9999
converse 4 'pin verify'
says "$work/said" 'the PIN was wrong.*2 tries are left'

enter "$PIN 7351 7352"
converse 6 'pin change'
says "$work/said" 'not entered twice the same'
enter "$PIN 7351 7351"
converse 0 'pin change'
says "$work/said" 'Done: the PIN is changed\.'

enter cancel
converse 130 'pin verify'

: >"$pad.log"
converse 0 'pin verify --no-keypad' 'PIN (4 digits): ' 7351
[ ! -s "$pad.log" ] || fail 'the keypad was used'
# As the provider: "1.tessera" is a name of tessera (config(5)).
printf '%s\n' 'openssl_conf = init' '[init]' 'providers = all' '[all]' \
    '1.tessera = ours' '[ours]' 'keypad = no' >"$work/no_keypad.cnf"
export OPENSSL_CONF=$work/no_keypad.cnf
converse 0 'pin verify' 'PIN (4 digits): ' 7351
[ ! -s "$pad.log" ] || fail 'the keypad was used'
printf '7351\n' >"$work/pin"
chmod 600 "$work/pin"
converse 0 "pin verify --pin-file $work/pin"
[ ! -s "$pad.log" ] || fail 'the keypad was used'
tries_are 3
