#!/bin/bash
# What `tessera trace` records of a command is masked, and a transcript that
# stands in for the card (tests/replay) answers the same command.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

cd "$work"
configure_with_pin
card_start one 0

# records FILE COMMAND...: masked, for its owner alone. With nothing known of
# the card, as when it is replayed.
records()
{
    rm -rf "$XDG_CACHE_HOME"
    tessera trace --out "$@" >said 2>&1
    says said "transcript is in $work/$1, with [0-9]+ commands"
    [ "$(stat -c %a "$1")" = 600 ] || fail 'others can read the transcript'
    says "$1" '^# reader Sim 0 00 00$'
    ! grep -i '^> .*31323334' "$1" || fail 'the PIN is in the transcript'
}

# replays FILE WORD...
replays()
{
    rm -rf "$XDG_CACHE_HOME"
    with_runtime "$build/tests/replay_as" "$@" >replayed 2>&1 ||
        { cat replayed; fail "not replayed: $*"; }
}

records list.apdu list
says said 'Sim 0 00 00'
replays list.apdu list

records sign.apdu openssl dgst -sha256 -sign 'card://usage=auth' -out sig pin
says sign.apdu '^> 0020000108(XX)+$'
replays sign.apdu sign pin
export_certificate 'card://usage=auth' auth.pem
stock x509 -in auth.pem -noout -pubkey >auth.pub
stock dgst -sha256 -verify auth.pub -signature sig pin

records verify.apdu pin verify --pin-file pin
says verify.apdu '^> 0020000108(XX)+$'
replays verify.apdu verify

# A transcript that does not fit is noticed.
sed '0,/^> /s/^> ../> FF/' list.apdu >other.apdu
! with_runtime "$build/tests/replay_as" other.apdu list 2>/dev/null ||
    fail 'a transcript of something else is accepted'

# --- What becomes of the file -------------------------------------------------

refused tessera trace --out list.apdu list
says said 'is there already'
refused tessera trace
says said 'which command'

mkdir named
(cd named && tessera trace list >../said 2>&1)
ls named/tessera-trace-20??????-??????.apdu >/dev/null

status=0
tessera trace --out never.apdu bash -c 'exit 42' >said 2>&1 || status=$?
[ $status = 42 ] || fail "status $status, not that of the command"
says said 'No card was used'
[ ! -e never.apdu ] || fail 'an empty file is left'
status=0
tessera trace --out never.apdu bash -c 'kill -TERM $$' >said 2>&1 || status=$?
[ $status = 143 ] || fail "status $status of a command that was killed"
status=0
tessera trace --out never.apdu no-such-command >said 2>&1 || status=$?
[ $status = 127 ] || fail "status $status of no command"
tries_are 3
