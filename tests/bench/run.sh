#!/bin/bash
# run.sh [BUILD [cards|p11] [--peer KIND:PATH]...]: measure, and print one line
# per figure: name, value, unit. For PKCS#11 modules, see p11.sh. For cards,
# APDUs are counted by the simulated card behind a real pcscd, T=0, GET RESPONSE
# included. Times are differences of medians of interleaved runs.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
export top
if [ "${BENCH_INSIDE:-}" != yes ]; then
    build=$(cd "${1:-$top/build/dev}" && pwd)
    shift $(($# > 0))
    part=all
    case ${1:-} in
    cards | p11)
        part=$1
        shift
        ;;
    esac
    if [ "$part" = p11 ]; then
        exec "$top/tests/bench/p11.sh" "$build" "$@"
    fi
    story_work=$(mktemp -d)
    export build story_work BENCH_INSIDE=yes
    export SIM_PCSCD_LOG=$story_work/pcscd.debug
    # shellcheck source=tests/e2e/world.sh
    . "$top/tests/e2e/world.sh"
    enter_world "$0" && status=0 || status=$?
    rm -rf "$story_work"
    [ "$part" = cards ] || "$top/tests/bench/p11.sh" "$build" "$@" || status=1
    exit $status
fi
# shellcheck source=tests/e2e/story.sh
. "$top/tests/e2e/story.sh"

# count COMMAND...: APDUs the card sees meanwhile.
count()
{
    local before

    before=$(control one apdus)
    "$@" >/dev/null
    echo $(($(control one apdus) - before))
}

# contexts COMMAND...: PC/SC contexts that pcscd was asked for meanwhile.
contexts()
{
    local before

    before=$(grep -c 'Thread is started' "$SIM_PCSCD_LOG" || true)
    "$@" >/dev/null
    sleep 0.2
    echo $(($(grep -c 'Thread is started' "$SIM_PCSCD_LOG" || true) - before))
}

# key_figures NAME URI: the first signature of a process, and each further one.
key_figures()
{
    local first eleven

    first=$(count "$build/tests/sign_loop" "$2" 1)
    eleven=$(count "$build/tests/sign_loop" "$2" 11)
    echo "cps3_$1_first_apdus $first APDUs"
    echo "cps3_$1_next_apdus $(((eleven - first) / 10)) APDUs"
}

configure
card_start one 0
key_figures auth "card://usage=auth?pin-value=$PIN"
key_figures sign "card://usage=sign?pin-value=$PIN"
echo "cps3_cert_apdus $(count openssl storeutl -noout -certs \
    card://usage=auth) APDUs"
echo "cps3_list_apdus $(count openssl storeutl -noout card://) APDUs"

hash_something=(openssl dgst -sha256 /dev/null)
echo "idle_apdus $(count "${hash_something[@]}") APDUs"
echo "idle_contexts $(contexts "${hash_something[@]}") contexts"
# The check can see one: a search makes two, for the list and for the card.
[ "$(contexts openssl storeutl -noout card://)" -ge 1 ]
sed '/^tessera *=/d' "$OPENSSL_CONF" >"$work/without.cnf"
echo "idle_ms $("$build/tests/start_cost" "$work/without.cnf" \
    "$OPENSSL_CONF" 101 openssl dgst -sha256 /dev/null 2>&1 >/dev/null) ms"
