#!/bin/bash
# A person at a terminal verifies, changes and unblocks the PIN of a CPS3: what
# is asked and in which words, what is refused before the card sees it, and that
# the terminal is theirs again whatever ended the question.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

ask_pin='PIN (4 digits): '
ask_new='New PIN (4 digits): '
ask_puk='PUK (8 digits): '

card_start one 0

# Everything the card hears from here on.
listen()
{
    control one log "$work/card.log" >/dev/null
}

# VERIFY with a value, CHANGE REFERENCE DATA, RESET RETRY COUNTER.
pin_commands()
{
    grep -cE '^> .. (20 .. .. [0-9A-F]{2} |24|2C)' "$work/card.log" || true
}

sent_are()
{
    local sent

    sent=$(pin_commands)
    [ "$sent" = "$1" ] ||
        { cat "$work/said"; fail "$sent PIN commands, not $1"; }
}

# refuses STATUS WORDS...: as converse, and the card hears nothing.
refuses()
{
    listen
    converse "$@"
    sent_are 0
}

tries_of_are()
{
    local left

    left=$(control one tries)
    [ "$left" = "$1 $2" ] || fail "tries are $left, not $1 $2"
}

for LC_ALL in C C.UTF-8; do
    # --- What is told, asked and done -----------------------------------------
    listen
    converse 0 'pin verify' "$ask_pin" 1234
    says "$work/said" 'CPS3 99002752'
    says "$work/said" '3 of 3 tries left'
    says "$work/said" '10 of 10 tries left'
    says "$work/said" 'The PIN is right\.'
    ! grep -q 1234 "$work/said" || fail 'the PIN was shown'
    sent_are 1

    listen
    converse 0 'pin change' "$ask_pin" 1234 "$ask_new" 2468 \
        'New PIN again: ' 2468
    says "$work/said" 'Done: the PIN is changed\.'
    sent_are 1
    converse 0 'pin change 1 --card 99002752' "$ask_pin" 2468 "$ask_new" 1234 \
        'New PIN again: ' 1234

    # --- What the card never sees ---------------------------------------------
    refuses 6 'pin verify' "$ask_pin" 123 "$ask_pin" 12345 "$ask_pin" abcd
    says "$work/said" 'The PIN has 4 digits\. Nothing was sent'
    refuses 6 'pin verify' "$ask_pin" "$(printf '1%.0s' {1..65})" \
        "$ask_pin" "$(printf '1%.0s' {1..600})" "$ask_pin" '12 3'
    says "$work/said" 'longer than any PIN'
    refuses 6 'pin change' "$ask_pin" 1234 "$ask_new" 1234 "$ask_new" 5678 \
        'New PIN again: ' 5679 "$ask_new" 5678 'New PIN again: ' 567
    says "$work/said" 'The new PIN is the old one'
    says "$work/said" 'The two are not the same'

    # Mistyped once, then right: three chances.
    converse 0 'pin change' "$ask_pin" 12 "$ask_pin" 1234 \
        "$ask_new" 5678 'New PIN again: ' 5679 \
        "$ask_new" 5678 'New PIN again: ' 5678
    converse 0 'pin change' "$ask_pin" 5678 "$ask_new" 1234 \
        'New PIN again: ' 1234

    # --- ^C, ^D, nothing, at each question ------------------------------------
    for key in $'\003' $'\004' $'12\003' $'\r'; do
        refuses 130 'pin verify' "$ask_pin" "$key"
        refuses 130 'pin change' "$ask_pin" 1234 "$ask_new" "$key"
        refuses 130 'pin change' "$ask_pin" 1234 "$ask_new" 5678 \
            'New PIN again: ' "$key"
        says "$work/said" 'nothing was sent to the card'
    done
    refuses 6 'pin verify' "$ask_pin" $'12\t34\r' "$ask_pin" $'12\026\00234\r' \
        "$ask_pin" $'\0331234\r'
    says "$work/said" 'A PIN has no control characters'
    tries_of_are 3 10

    # --- Wrong, to the end ----------------------------------------------------
    listen
    converse 4 'pin verify' "$ask_pin" 9999
    says "$work/said" 'the PIN was wrong.*2 tries are left'
    converse 4 'pin change' "$ask_pin" 9999 "$ask_new" 5678 \
        'New PIN again: ' 5678
    says "$work/said" '2 of 3 tries left'
    says "$work/said" '1 try is left'
    sent_are 2
    refuses 6 'pin verify'
    says "$work/said" 'one try is left, so nothing was sent'
    refuses 130 'pin verify --last-try' "$ask_pin" 1234 'PIN again: ' $'\003'
    refuses 6 'pin verify --last-try' "$ask_pin" 1234 'PIN again: ' 1235 \
        "$ask_pin" 1234 'PIN again: ' 1235 "$ask_pin" 1234 'PIN again: ' 1235
    converse 5 'pin verify --last-try' "$ask_pin" 9999 'PIN again: ' 9999
    says "$work/said" 'the PIN was wrong'
    says "$work/said" 'blocked: .tessera pin unblock. gives.*PUK \(8 digits\)'
    tries_of_are 0 10
    refuses 5 'pin verify'
    refuses 5 'pin change --last-try --force'
    says "$work/said" 'blocked: no tries left'

    # --- Unblock --------------------------------------------------------------
    refuses 6 'pin unblock' "$ask_puk" 1234567 "$ask_puk" 123456789 "$ask_puk" \
        abcdefgh
    says "$work/said" 'The PUK has 8 digits'
    listen
    converse 4 'pin unblock' "$ask_puk" 99999999 "$ask_new" 5678 \
        'New PIN again: ' 5678
    says "$work/said" 'the PUK was wrong.*9 tries are left'
    tries_of_are 0 9
    converse 0 'pin unblock' "$ask_puk" 12345678 "$ask_new" 5678 \
        'New PIN again: ' 5678
    says "$work/said" 'Done: the PIN is unblocked'
    says "$work/said" 'Take the card out and put it back\.'
    tries_of_are 3 10
    card_pull
    card_insert
    converse 0 'pin verify' "$ask_pin" 5678

    # --- Not blocked: by force only -------------------------------------------
    refuses 6 'pin unblock'
    says "$work/said" 'the PIN is not blocked'
    converse 0 'pin unblock --force' "$ask_puk" 12345678 "$ask_new" 1234 \
        'New PIN again: ' 1234
    card_pull
    card_insert
    tries_of_are 3 10
done

# --- The PUK's last try, and after it -----------------------------------------
control one set-tries 0 >/dev/null
control one set puk-tries 1 >/dev/null
refuses 6 'pin unblock'
says "$work/said" 'one try of the PUK is left, so nothing was sent'
converse 5 'pin unblock --last-try' "$ask_puk" 99999999 'PUK again: ' 99999999 \
    "$ask_new" 5678 'New PIN again: ' 5678
says "$work/said" 'the PUK was wrong'
says "$work/said" 'the PUK is blocked: only whoever issued the card can help'
refuses 5 'pin unblock --last-try --force'
says "$work/said" 'the PUK is blocked'
refuses 5 'pin verify'
says "$work/said" 'and so is the PUK'
control one set puk-tries 10 >/dev/null
card_set_tries 3

# --- Without standard input, without a terminal -------------------------------
listen
converse 0 'pin verify <&-' "$ask_pin" 1234
converse 1 'pin verify >&-' "$ask_pin" 1234
says "$work/said" 'standard output cannot be written'
converse 0 'pin verify <&- >/dev/null 2>&-' "$ask_pin" 1234
refused tessera pin verify
says "$work/said" 'no terminal to ask at: --pin-file FILE'
refused tessera pin change
refused tessera pin verify 1 1234
says "$work/said" 'PINs do not belong on the command line'
! grep -q 1234 "$work/said" || fail 'what was typed is said again'
refused tessera pin verify 1234
says "$work/said" 'PINs do not belong on the command line'
refused tessera pin verify 1234 -xy
says "$work/said" '"-x" is not understood here'
! grep -q 1234 "$work/said" || fail 'what was typed is said again'
refused tessera pin verify --pin 1234
says "$work/said" 'never its value'
! grep -q 1234 "$work/said" || fail 'what was typed is said again'

# --- A narrow terminal --------------------------------------------------------
COLUMNS_WIDE=40 converse 0 'pin change' "$ask_pin" 1234 "$ask_new" 5678 \
    'New PIN again: ' 5678
sed -n '/^Card/,/^PIN (/p' "$work/shown" | tr -d '\r' >"$work/screen"
[ -s "$work/screen" ] || fail 'no screen'
! grep -E '.{41}' "$work/screen" || fail 'wider than the terminal'
