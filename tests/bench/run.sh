#!/bin/bash
# run.sh [BUILD [cards|p11] [--peer KIND:PATH]...]: measure, and print one line
# per figure: name, value, unit. For PKCS#11 modules, see p11.sh. For cards,
# APDUs are counted by the simulated card behind a real pcscd, GET RESPONSE
# included: with a CPS3 at T=0, with others in families.sh. Times are medians of
# interleaved runs. --peer provider:PATH is also measured with a PIV card.
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
    peer=
    for argument in "$@"; do
        case $argument in
        provider:*) peer=${argument#provider:} ;;
        esac
    done
    export peer SIM_READERS=8
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
# shellcheck source=tests/bench/families.sh
. "$top/tests/bench/families.sh"

# count CARD COMMAND...: APDUs the card sees meanwhile.
count()
{
    local before

    before=$(control "$1" apdus)
    "${@:2}" >/dev/null
    echo $(($(control "$1" apdus) - before))
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

configure
card_start one 0
first_figures cps3_auth one "card://usage=auth?pin-value=$PIN"
cached_figure cps3 one "card://usage=auth?pin-value=$PIN"
first_figures cps3_sign one "card://usage=sign?pin-value=$PIN"
nothing_cached
echo "cps3_cert_apdus $(count one openssl storeutl -noout -certs \
    card://usage=auth) APDUs"
nothing_cached
echo "cps3_list_apdus $(count one openssl storeutl -noout card://) APDUs"
nothing_cached
echo "show_cps3_apdus $(count one tessera show) APDUs"
echo "show_cps3_cached_apdus $(count one tessera show) APDUs"

hash_something=(openssl dgst -sha256 /dev/null)
echo "idle_apdus $(count one "${hash_something[@]}") APDUs"
echo "idle_contexts $(contexts "${hash_something[@]}") contexts"
# The check can see one: a search makes two, for the list and for the card.
[ "$(contexts openssl storeutl -noout card://)" -ge 1 ]
sed '/^tessera *=/d' "$OPENSSL_CONF" >"$work/without.cnf"
read -r idle _ <<<"$("$build/tests/start_cost" "$work/without.cnf" \
    "$OPENSSL_CONF" 101 openssl dgst -sha256 /dev/null 2>&1 >/dev/null)"
echo "idle_ms $idle ms"
card_pull one
# Nothing in the readers: what the program itself costs.
echo "tool_without_card_ms $(median_ms list_without_card) ms"

figures_of_families
figures_of_time
figures_of_nine_cards
