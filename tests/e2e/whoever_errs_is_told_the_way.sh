# What a newcomer types: each mistake is answered with what to do, by exit
# status 2 (the command line) or 3 (nothing is there), and no card is touched.
# shellcheck source=tests/e2e/story.sh
. "$top/tests/e2e/story.sh"

# errs STATUS WORDS ARGUMENT...
errs()
{
    local status=0

    tessera "${@:3}" >"$work/said" 2>&1 </dev/null || status=$?
    [ $status -eq "$1" ] || fail "status $status, not $1: tessera ${*:3}"
    says "$work/said" "$2"
}

errs 2 'it is tessera pin unblock' unblock
errs 2 'no command "login"; tessera --help' login
errs 2 '"--nix" is not understood' list --nix
errs 2 'too many words' show one two
errs 0 '^Usage: tessera \[--json\]' help
errs 0 '^Usage: tessera \[--json\]' -h
errs 0 'unblock: a new PIN and all its tries' pin --help
errs 0 '^Usage: tessera pin' pin -h
errs 0 '^tessera [0-9]' --version

errs 3 'no card is in a reader' list
errs 3 'no card is in a reader' show
errs 3 'no card is in the reader Sim 1 00 00' show 3
errs 3 'no card is in a reader' pin

card_start one 0
card_start other 1
errs 3 'more than one card is there: 1 .*, 3 ' show
errs 0 'CPS3 99002753' show 3
errs 0 'CPS3 99002753' show 99002753
errs 0 'CPS3 99002753' --card 'Sim 1' show
errs 0 'CPS3 99002753' show card:serial=99002753
errs 3 'names; tessera list' show nobody
errs 2 'serail' show card:serail=99002753
tessera list 3 >"$work/list"
says "$work/list" 'serial=99002753'
if grep -q 'serial=99002752' "$work/list"; then
    fail "the other card is listed too"
fi

# A word that may be a PIN is nowhere repeated.
for words in 'pin verify 4711' 'pin change 4711 4712' 'pin unblock --pin 4711' \
    'list 4711 4712' 'test 4711 4712'; do
    # shellcheck disable=SC2086
    tessera $words >"$work/said" 2>&1 </dev/null && fail "$words: success"
    if grep -q '471' "$work/said"; then
        fail "$words: $(cat "$work/said")"
    fi
done

# Standard output that cannot be written is not success.
tessera list >/dev/full 2>"$work/said" && fail "written to /dev/full"
says "$work/said" 'standard output'
