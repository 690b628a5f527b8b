#!/bin/bash
# A reader with a keypad (PC/SC part 10): the PIN is entered there and never
# comes to the computer; the person is told to look at the reader, in time.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

pinpad_start
card_start one 0

enter()
{
    printf '%s\n' "$1" >"$pad.typing"
    mv "$pad.typing" "$pad.typed"
}

# eventually COMMAND: within ten seconds.
eventually()
{
    for _ in $(seq 200); do
        ! "$@" || return 0
        sleep 0.05
    done
    fail "not within ten seconds: $*"
}

asked_times()
{
    [ "$(grep -c "$1" "$pad.log" 2>/dev/null)" = "$2" ]
}

# at_keypad ENTRY COMMAND: the command at a terminal; ENTRY is entered when the
# reader waits for it and the person was told so.
at_keypad()
{
    rm -f "$pad.log" "$work/said"
    with_runtime timeout 60 script -qefc "$2" /dev/null >"$work/said" 2>&1 \
        </dev/null &
    eventually asked_times verify 1
    eventually grep -q 'enter it at the keypad of Pinpad' "$work/said"
    [ ! -s "$work/sig" ] || fail 'signed without a PIN'
    enter "$1"
    wait $!
}

is_signed()
{
    stock dgst -sha256 -verify "$work/$1.pub" -signature "$work/sig" \
        "$work/file"
    rm "$work/sig"
}

# memory_of PID: all it can write to. It is opened by this shell, which has the
# right to as its ancestor.
memory_of()
{
    local range access start end

    while read -r range access _; do
        [[ $access == rw* ]] || continue
        start=$((0x${range%-*} / 4096))
        end=$((0x${range#*-} / 4096))
        [ $((end - start)) -le 65536 ] || continue # a sanitizer's own
        exec 9<"/proc/$1/mem"
        dd bs=4096 skip=$start count=$((end - start)) <&9 2>/dev/null
    done <"/proc/$1/maps"
    exec 9<&-
}

# The PIN is changed at the keypad.
new=7351
change="$build/tests/change_at_keypad"
enter "$PIN $new 7352"
refused "$change" 'Pinpad 00 00'
says "$work/said" 'not entered twice the same'
enter "9999 $new $new"
refused "$change" 'Pinpad 00 00'
says "$work/said" '^2 '
enter "$PIN $new $new"
"$change" 'Pinpad 00 00' | grep -q changed
tries_are 3

seq 100 >"$work/file"
configure "trace = $work/trace" "log = $work/log"
rm "$pad.log"
for usage in auth sign; do
    export_certificate "card://usage=$usage" "$work/$usage.pem"
    stock x509 -in "$work/$usage.pem" -noout -pubkey >"$work/$usage.pub"
done
[ ! -e "$pad.log" ] || fail 'the reader was asked though no PIN is needed'
sign="openssl dgst -sha256 -out $work/sig -sign card://usage=auth $work/file"

at_keypad $new "$sign"
is_signed auth
asked_times features 1 || fail 'the reader was asked more than once'
at_keypad $new "${sign/auth/sign}"
is_signed sign

# Wrong, cancelled, nobody there: only the first costs a try.
! at_keypad 9999 "$sign" || fail 'a wrong PIN was accepted'
says "$work/said" 'wrong PIN'
tries_are 2
! at_keypad cancel "$sign" || fail 'cancelled, and signed'
says "$work/said" 'cancelled at the reader'
! at_keypad timeout "$sign" || fail 'nobody there, and signed'
says "$work/said" 'in time'
! at_keypad 123 "$sign" || fail 'a short PIN was accepted'
says "$work/said" 'no more than 4 digits'
tries_are 2
at_keypad $new "$sign"
is_signed auth
says "$work/said" '2 tries left'
tries_are 3

# No command of this process had a PIN in it, masked or not.
says "$work/trace" '^# keypad > 0020000108FFFFFFFFFFFFFFFF$'
says "$work/trace" '^# keypad < 63C2$'
! grep -E '^> 002[04]0001([^0]|0[^0])|XX' "$work/trace" || fail 'a PIN was sent'

# A stored PIN, a program's pass phrase: neither is presented.
configure_with_pin 9999
at_keypad $new "${sign/dgst/dgst -passin pass:8888}"
is_signed auth
tries_are 3

# A program with nobody to tell does not hold the card for a person.
configure_with_pin $new
rm "$pad.log"
refused_soon $sign
says "$work/said" "at the reader's keypad, unless keypad = no"
asked_times verify 0 || fail 'the keypad waited for nobody'
configure 'keypad = always' "log = $work/log"
enter $new
$sign
is_signed auth
says "$work/log" 'enter it at the keypad of Pinpad'

# A keypad that takes no such PIN, and one that is turned off: the reader is one
# like any other.
configure_with_pin $new
echo 5 12 >"$pad.limits"
$sign
is_signed auth
asked_times verify 1 || fail 'the keypad was used for a PIN it cannot take'
rm "$pad.limits" "$pad.log"
echo 'keypad = no' >>"$OPENSSL_CONF"
$sign
is_signed auth
configure 'keypad = no'
type_at_prompt $new "${sign/auth/sign}"
is_signed sign
[ ! -e "$pad.log" ] || fail 'the keypad was used though it is turned off'
configure 'keypad = perhaps'
refused $sign
says "$work/said" '"yes", "no" or "always"'

# A program that stays signs twice with the signature key. The PIN is nowhere
# in its memory, as a string or as a block, where its URI is.
configure
mkfifo "$work/lines"
with_runtime timeout 60 script -qefc \
    "$build/tests/sign_when_told card://usage=sign <$work/lines" /dev/null \
    >"$work/said" 2>&1 </dev/null &
exec 8>"$work/lines"
for times in 1 2; do
    enter $new
    echo $times >&8
    eventually asked_times 'answer 9000' $times
done
memory_of "$(pgrep -f "^$build/tests/sign_when_told")" >"$work/memory"
grep -q 'card://usage=sign' "$work/memory" || fail 'this is not its memory'
! grep -qaP "$new([\x00\xff]|$)" "$work/memory" ||
    fail 'the PIN is in the memory of the program'
exec 8>&-
wait $!
[ "$(grep -c '^signed' "$work/said")" = 2 ] || fail 'not signed twice'
