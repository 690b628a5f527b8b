#!/bin/bash
# `tessera test` makes each key of every family work and says what it is good
# for; it asks for the PIN once, and a wrong one costs one try; what a damaged
# card computes is reported.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

cd "$work"

pin_is()
{
    printf '%s\n' "$@" >pin
    chmod 600 pin
}

# has_status STATUS COMMAND...: what it says is in said.
has_status()
{
    local status=0

    "${@:2}" >said 2>&1 </dev/null || status=$?
    [ $status = "$1" ] || { cat said; fail "status $status of: ${*:2}"; }
}

# works CARD PIN FAMILY [SETTING...]: all keys, at no lost try.
works()
{
    card_start_family "$1" "$3" 0 "${@:4}"
    pin_is "$2"
    has_status 0 tessera test --pin-file pin
    says said 'The card works'
    ! grep FAILS said || fail "$1: a key fails"
    has_status 0 tessera test --json --pin-file pin
    jq -e '.works and (.keys | length > 0) and
        all(.keys[]; (.signature // .decryption // .agreement).works)' said \
        >/dev/null || { cat said; fail "$1: JSON"; }
    [ "$(card_tries "$1")" = 3 ] || fail "$1: a try is lost"
}

works cps3 1234 cps3
says said '"1.2"'
jq -e '.keys[0].tls == ["1.2"] and .keys[0].tls12_only and
    .keys[0].decryption.works and (.keys[0].until | test("^20"))' said \
    >/dev/null || fail 'CPS3: JSON'
has_status 0 tessera test --pin-file pin
says said 'TLS 1.3 wants RSA-PSS'
card_pull cps3
works cps4 1234 cps4
jq -e '.keys[0].tls == ["1.2", "1.3"]' said >/dev/null || fail 'CPS4: JSON'
card_pull cps4
works ias 1234 ias maker=gemalto
card_pull ias
works gemsafe 123456 gemsafe
card_pull gemsafe
works gemsafe-v3 123456 gemsafe-v3
card_pull gemsafe-v3
works gemp15 1234 gemp15
card_pull gemp15
works piv 123456 piv
card_pull piv
works openpgp 123456 openpgp
card_pull openpgp
works myeid 123456 iso15 kind=myeid
card_pull myeid
works isoapplet 123456 iso15 kind=isoapplet serial=00000002
card_pull isoapplet
works yubikey 123456 yubikey
has_status 0 tessera test --pin-file pin
says said 'other keys'
card_pull yubikey

# --- A damaged card -----------------------------------------------------------

card_start_family damaged piv 0 wrong=flip
pin_is 123456
has_status 8 tessera test --pin-file pin
says said 'FAILS'
has_status 8 tessera test --json --pin-file pin
jq -e '(.works | not) and any(.keys[]; .signature.works == false)' said \
    >/dev/null || fail 'a damaged card: JSON'
card_pull damaged

# --- PINs ---------------------------------------------------------------------

card_start_family wrong cps3 0
pin_is 9999
has_status 4 tessera test --pin-file pin
[ "$(card_tries wrong)" = 2 ] || fail 'more than one try is lost'
has_status 6 tessera test
says said 'PIN'
[ "$(card_tries wrong)" = 2 ] || fail 'a try is lost for nothing'

# The last one is kept.
has_status 4 tessera test --pin-file pin
has_status 6 tessera test --pin-file pin
says said 'one try is left'
[ "$(card_tries wrong)" = 1 ] || fail 'the last try is lost'
control wrong set-tries 3 >/dev/null

# Typed once for all keys.
type_at_prompt 1234 "$build/bin/tessera test"
says said 'The card works'
[ "$(grep -c '3 of 3 tries left' said)" = 1 ] || fail 'asked more than once'
! grep 1234 said || fail 'the PIN is shown'

# Blocked: said once, with what to do, and nothing is asked.
control wrong set-tries 0 >/dev/null
has_status 5 tessera test --pin-file pin
[ "$(grep -c blocked said)" = 1 ] || { cat said; fail 'not said once'; }
says said 'tessera pin unblock'
has_status 5 tessera test --json
sed -n '/^{/,$p' said | jq -e '(.works | not) and
    .keys[0].reason == "its PIN is blocked"' >/dev/null ||
    { cat said; fail 'a blocked PIN: JSON'; }
control wrong set-tries 3 >/dev/null
card_pull wrong

# --- Nothing to test ----------------------------------------------------------

has_status 3 tessera test
has_status 2 tessera test --ca file
for address in localhost:8443 http://localhost/ www://localhost; do
    has_status 2 tessera test $address
    says said 'write https://HOST:PORT/'
done
