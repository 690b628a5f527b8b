#!/bin/bash
# Every family's PIN is verified, changed there and back, blocked by wrong ones
# and unblocked, with tessera alone and its PINs in files.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

# act STATUS ACTION VALUE... [-- OPTION...]: what was said is in $work/said, and
# as a document in $work/json.
act()
{
    local status=0 wanted=$1 action=$2 values=()

    shift 2
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        values+=("$1")
        shift
    done
    printf '%s\n' "${values[@]}" >"$work/pins"
    chmod 600 "$work/pins"
    tessera pin "$action" --json --pin-file "$work/pins" "${@:2}" \
        >"$work/json" 2>"$work/said" || status=$?
    [ $status -eq "$wanted" ] || {
        cat "$work/json" "$work/said"
        fail "$card: status $status, not $wanted, of $action ${values[*]}"
    }
}

# json KEY VALUE
json()
{
    grep -q "\"$1\": $2" "$work/json" ||
        { cat "$work/json"; fail "$card: $1 is not $2"; }
}

# every_command CARD PIN NEW WRONG PUK WRONG-PUK [OPTION...]: of a card in
# reader 0. Options are for unblocking cards that do not tell the tries.
every_command()
{
    card=$1
    local pin=$2 new=$3 wrong=$4 puk=$5 wrong_puk=$6 left

    shift 6
    # Cards of one family have the same serial number here, and a cache of files
    # goes by that.
    export XDG_CACHE_HOME=$work/cache/$card
    act 0 verify "$pin"
    json result '"done"'
    act 0 change "$pin" "$new"
    json result '"done"'
    act 4 verify "$pin"
    json result '"not done"'
    act 0 change "$new" "$pin"
    act 0 verify "$pin"
    left=$(card_tries "$card")
    while [ "$left" -gt 2 ]; do
        act 4 change "$wrong" "$new"
        left=$((left - 1))
        [ "$(card_tries "$card")" = "$left" ] || fail "$card: tries"
    done
    act 4 verify "$wrong"
    if [ "$(told)" = 1 ]; then
        act 6 verify "$wrong"
        [ "$(card_tries "$card")" = 1 ] || fail "$card: the last try was used"
    fi
    act "$blocked" verify "$wrong" -- --last-try
    [ "$(card_tries "$card")" = 0 ] || fail "$card: is not blocked"
    [ "$blocked" != 5 ] || says "$work/said" 'is blocked'

    act 4 unblock "$wrong_puk" "$new" -- "$@"
    [ "$(card_tries "$card")" = 0 ] || fail "$card: unblocked by a wrong PUK"
    act 0 unblock "$puk" "$new" -- "$@"
    json result '"done"'
    card_pull "$card"
    card_insert "$card"
    act 0 verify "$new"
    card_pull "$card"
}

# What the card tells of its tries, or nothing.
told()
{
    tessera pin status --json | sed -n 's/.*"tries_left": \([0-9]*\).*/\1/p'
}

blocked=5
card_start_family cps3 ias 0 maker=cps3
every_command cps3 1234 5678 9999 12345678 99999999

card_start_family gemalto ias 0 maker=gemalto
every_command gemalto 1234 5678 9999 12345678 99999999
card_start_family mi ias 0 maker=mi
every_command mi 1234 5678 9999 12345678 99999999
card_start_family cps4 cps4 0
every_command cps4 1234 5678 9999 12345678 99999999
card_start_family piv piv 0
every_command piv 123456 567890 999999 12345678 99999999 --last-try
card_start_family yubikey piv 0 yubico=yes
every_command yubikey 123456 567890 999999 12345678 99999999
card_start_family openpgp openpgp 0
every_command openpgp 123456 567890 999999 12345678 99999999
card_start_family kdf openpgp 0 kdf=yes
every_command kdf 123456 567890 999999 12345678 99999999
card_start_family plain iso15 0
every_command plain 123456 567890 999999 12345678 99999999 --last-try
card_start_family isoapplet iso15 0 kind=isoapplet version=0
every_command isoapplet 123456 567890 999999 1234567890123456 \
    9999999999999999 --last-try
card_start_family myeid iso15 0 kind=myeid
every_command myeid 123456 567890 999999 12345678 99999999 --last-try
# These tell of neither: the second question is whether the PIN is blocked.
for family in gemsafe gemsafe-v3; do
    card_start_family $family $family 0
    every_command $family 123456 567890 999999 654321 999999 --force --last-try
done
card_start_family gemp15 gemp15 0
every_command gemp15 1234 5678 9999 12345678 99999999 --force --last-try
