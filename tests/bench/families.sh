# families.sh: APDUs of cards beside the CPS3, and of many cards; the time of a
# command with a PIV card. Sourced by run.sh, inside the world of a story. Wants
# build, work and peer.
#
# shellcheck shell=bash disable=SC2154

# power CARD: what it keeps in RAM is lost.
power()
{
    card_pull "$1"
    card_insert "$1"
}

nothing_cached()
{
    rm -rf "$XDG_CACHE_HOME"
}

# sign URI COUNT
sign()
{
    "$build/tests/sign_loop" "$1" "$2"
}

# first_figures NAME CARD URI: of a process that knows nothing of the card, and
# each further signature.
first_figures()
{
    local first eleven

    power "$2"
    nothing_cached
    first=$(count "$2" sign "$3" 1)
    power "$2"
    nothing_cached
    eleven=$(count "$2" sign "$3" 11)
    echo "$1_first_apdus $first APDUs"
    echo "$1_next_apdus $(((eleven - first) / 10)) APDUs"
}

# cached_figure NAME CARD URI: of a process that follows on such.
cached_figure()
{
    power "$2"
    echo "$1_cached_first_apdus $(count "$2" sign "$3" 1) APDUs"
}

family_figures()
{
    first_figures "$@"
    cached_figure "$@"
    card_pull "$2"
}

# GemSafe's certificates are in one file, whose reads are counted apart.
gemsafe_object_reads()
{
    power gemsafe
    nothing_cached
    control gemsafe log "$work/log" >/dev/null
    sign "$1" 1
    control gemsafe log off >/dev/null
    echo "gemsafe_first_reads $(grep -c '^> 00 B0' "$work/log") APDUs"
    card_pull gemsafe
}

# Certificates of the usual kilobyte; mkcard's, like a CPS3's, have 1771 bytes.
figures_of_families()
{
    local key="usage=auth?pin-value=123456"

    card_start_family piv piv 1 yubico=yes small=1030 9a=auth
    family_figures piv piv "card://$key"
    card_start_family openpgp openpgp 2 card=yubikey
    family_figures openpgp openpgp "card://$key"
    card_start_family p15 iso15 3 kind=isoapplet small=1030
    family_figures p15 p15 'card://id=%45?pin-value=123456'
    card_start_family forgetful iso15 4 kind=isoapplet small=1030 \
        keeps=no serial=0000000000000001
    family_figures p15_forgetful forgetful 'card://id=%45?pin-value=123456'
    card_start_family gemsafe gemsafe 5
    family_figures gemsafe gemsafe 'card://?pin-value=123456'
    gemsafe_object_reads 'card://?pin-value=123456'
}

# --- Many cards ---------------------------------------------------------------

nine=(cps3 cps4 ias openpgp gemsafe gemsafe-v3 gemp15 iso15 piv)

all_apdus()
{
    local card sum=0

    for card in "${nine[@]}"; do
        sum=$((sum + $(control "nine-$card" apdus)))
    done
    echo $sum
}

# The card that is meant is in the reader that PC/SC lists last.
figures_of_nine_cards()
{
    local card i=0 name before readers=(0 1 2 3 4 5 6 8 7)
    local settings=(logical-id=2300081198 serial=99002754 serial=99002755
        serial=00000009 t1=no t1=no t1=no kind=isoapplet
        serial=00112233445566778899AABBCCDDEEFF)
    local key="card://serial=${settings[8]#*=};usage=auth?pin-value=123456"

    for card in "${nine[@]}"; do
        card_start_family "nine-$card" "$card" "${readers[i]}" \
            "${settings[i]}"
        i=$((i + 1))
    done
    nothing_cached
    for name in nine_cards nine_cards_cached; do
        power nine-piv
        before=$(all_apdus)
        sign "$key" 1
        echo "${name}_first_apdus $(($(all_apdus) - before)) APDUs"
    done
    figures_of_list
    for card in "${nine[@]}"; do
        card_pull "nine-$card"
    done
}

# median_ms COMMAND...: median of five, in milliseconds.
median_ms()
{
    local times=() start

    for _ in 1 2 3 4 5; do
        start=${EPOCHREALTIME/./}
        "$@" >/dev/null
        times+=($(((${EPOCHREALTIME/./} - start) / 1000)))
    done
    printf '%s\n' "${times[@]}" | sort -n | sed -n 3p
}

# The tool with the same nine cards: new to it, and known.
figures_of_list()
{
    local before

    nothing_cached
    before=$(all_apdus)
    tessera list >/dev/null
    echo "list_nine_apdus $(($(all_apdus) - before)) APDUs"
    before=$(all_apdus)
    tessera list >/dev/null
    echo "list_nine_cached_apdus $(($(all_apdus) - before)) APDUs"
    echo "list_nine_ms $(median_ms uncached_list) ms"
    echo "list_nine_cached_ms $(median_ms tessera list) ms"
}

# Status 3: there is nothing in the readers.
list_without_card()
{
    local status=0

    tessera list 2>/dev/null || status=$?
    [ $status -eq 3 ]
}

uncached_list()
{
    nothing_cached
    tessera list
}

# --- Time ---------------------------------------------------------------------

# peer_conf PATH: pkcs11-provider on OpenSC's module.
peer_conf()
{
    local module

    module=$(find /usr/lib -name opensc-pkcs11.so | head -n 1)
    printf '%s\n' 'openssl_conf = init' '[init]' 'providers = providers' \
        '[providers]' 'default = default_sect' 'pkcs11 = it' \
        '[default_sect]' 'activate = 1' '[it]' "module = $1" \
        "pkcs11-module-path = $module" 'activate = 1'
}

# PKCS#11's id of 9A is ours too, so one command serves both.
figures_of_time()
{
    local dgst=(openssl dgst -sha256 -out "$work/signature"
        -sign 'pkcs11:id=%01;type=private?pin-value=123456' "$work/message")
    local ours peers

    echo 'a message' >"$work/message"
    peer_conf "${peer:-/nowhere}" >"$work/peer.cnf"
    card_insert piv
    if [ -z "$peer" ]; then
        read -r _ ours _ <<<"$("$build/tests/start_cost" "$OPENSSL_CONF" \
            "$OPENSSL_CONF" 11 "${dgst[@]}" 2>&1 >/dev/null)"
        echo "piv_dgst_ms $ours ms"
    else
        read -r _ peers ours <<<"$("$build/tests/start_cost" "$work/peer.cnf" \
            "$OPENSSL_CONF" 21 "${dgst[@]}" 2>&1 >/dev/null)"
        echo "piv_dgst_ms $ours ms"
        echo "peer_piv_dgst_ms $peers ms"
        awk -v a="$ours" -v b="$peers" \
            'BEGIN { printf "piv_dgst_over_peer %.3f ratio\n", a / b }'
    fi
    card_pull piv
}
