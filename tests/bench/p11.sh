#!/bin/bash
# p11.sh BUILD [--peer KIND:PATH]...: what a signature with a key of a PKCS#11
# module costs over the module itself, SoftHSM; one line per figure: name,
# value, unit. run.sh calls it.
#
# --peer measures another provider or engine (KIND) beside tessera, on the same
# tokens and in turn with it: peer_KIND_NAME_... lines, and ours over the peer's
# as ours_over_peer_KIND_NAME_...
set -eu
build=$(cd "$1" && pwd)
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PIN=1234
status=0

fail()
{
    echo "p11.sh: $*" >&2
    status=1
}

for softhsm in /usr/lib/softhsm/libsofthsm2.so \
    /usr/lib64/softhsm/libsofthsm2.so /usr/local/lib/softhsm/libsofthsm2.so; do
    [ ! -e "$softhsm" ] || break
done
export P11_WRAP_MODULE=$softhsm

# --- Tokens -------------------------------------------------------------------

# store NAME: a SoftHSM with a store of its own from now on.
store()
{
    export SOFTHSM2_CONF=$work/$1.softhsm
    [ ! -e "$SOFTHSM2_CONF" ] || return 0
    mkdir "$work/$1.tokens"
    cat >"$SOFTHSM2_CONF" <<END
directories.tokendir = $work/$1.tokens
objectstore.backend = file
log.level = ERROR
END
}

# token NAME KIND COUNT: a token with keys.
token()
{
    softhsm2-util --init-token --free --label "$1" --pin $PIN \
        --so-pin 12345678 >/dev/null
    raw "$1" make "$2" "$3"
}

# raw TOKEN WORD...: see p11_raw.
raw()
{
    "$build/tests/p11_raw" "$softhsm" "$1" $PIN "${@:2}"
}

uri()
{
    echo "pkcs11:token=$1;id=%00%01;type=private"
}

# --- Who is measured ----------------------------------------------------------

contenders=(tessera)
declare -A prefix=([tessera]="") scheme=([tessera]="")
declare -A ours=()

# configure NAME KIND PATH: configurations that lead to SoftHSM, and to it by
# way of the module that counts. A peer finds the words it knows in them.
configure()
{
    local end module

    for end in softhsm counted; do
        module=$softhsm
        [ $end = softhsm ] || module=$build/tests/p11-wrap.so
        {
            echo "openssl_conf = init"
            if [ "$2" = engine ]; then
                printf '%s\n' '[init]' 'engines = engines' '[engines]' \
                    "$(basename "$3" .so) = it" '[it]' "dynamic_path = $3" \
                    "MODULE_PATH = $module" "PIN = $PIN" 'init = 0'
            else
                printf '%s\n' '[init]' 'providers = providers' '[providers]' \
                    'default = default_sect' "$(basename "$3" .so) = it" \
                    '[default_sect]' 'activate = 1' '[it]' "module = $3" \
                    "pkcs11-module-path = $module" \
                    "pkcs11-module-token-pin = $PIN" 'activate = 1'
            fi
            if [ "$1" != tessera ] && [ "$2" = provider ]; then
                # It crashes at exit over SoftHSM otherwise.
                echo "pkcs11-module-quirks = no-deinit"
                printf '%s\n' "pkcs11_module = $module" "pin = $PIN"
            fi
        } >"$work/$1.$end.cnf"
    done
}

# peer KIND:PATH
peer()
{
    local kind=${1%%:*} path=${1#*:} name

    [ -e "$path" ] || fail "no peer $1"
    name=${kind}_$(basename "$path" .so)
    contenders+=("$name")
    prefix[$name]=peer_${name}_
    scheme[$name]=""
    [ "$kind" != engine ] ||
        scheme[$name]=engine:$(basename "$path" .so):
    configure "$name" "$kind" "$path"
}

# loop NAME END WORD URI...: p11_loop as contender NAME; see configure. The last
# line is its own: peers may be talkative.
loop()
{
    OPENSSL_CONF=$work/$1.$2.cnf "${under[@]}" "$build/tests/p11_loop" "$3" \
        "${scheme[$1]}$4" "${@:5}" >"$work/output" 2>"$work/errors" || {
        cat "$work/errors" >&2
        return 1
    }
    tail -n 1 "$work/output"
}
under=() # what p11_loop and p11_raw run under

# figure CONTENDER NAME VALUE UNIT
figure()
{
    echo "${prefix[$1]}$2 $3 $4"
    if [ "$1" = tessera ]; then
        ours[$2]=$3
    elif [ -n "${ours[$2]:-}" ]; then
        awk -v name="ours_over_${prefix[$1]}$2" -v a="${ours[$2]}" -v b="$3" \
            'BEGIN { if (b != 0) printf "%s %.3f ratio\n", name, a / b }'
    fi
}

# --- Calls --------------------------------------------------------------------

# calls NAME URI COUNT: leaves the calls to the module in $work/log.
calls()
{
    rm -f "$work/log"
    P11_WRAP_LOG=$work/log loop "$1" counted count "$2" "$3" >/dev/null
}

figures_of_calls()
{
    local kind one

    for kind in rsa ec; do
        calls "$1" "$(uri $kind)" 1
        one=$(wc -l <"$work/log")
        figure "$1" p11_${kind}_first_calls "$(grep -nxE -m 1 \
            'C_Sign|C_SignFinal' "$work/log" | cut -d : -f 1)" calls
        calls "$1" "$(uri $kind)" 11
        figure "$1" p11_${kind}_calls \
            "$((($(wc -l <"$work/log") - one) / 10))" calls
    done
}

# --- Instructions -------------------------------------------------------------

# instructions OPTION... -- COMMAND...: how many it takes under callgrind.
instructions()
{
    local options=()

    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    under=(valgrind --tool=callgrind --callgrind-out-file=/dev/null
        --log-file="$work/valgrind" ${options[@]+"${options[@]}"})
    "$@" >/dev/null
    under=()
    sed -n 's/.*Collected : //p' "$work/valgrind"
}

# Without what runs inside the module, which varies from one RSA signature to
# the next by more than all that is around it.
outside=(--toggle-collect='C_*' --collect-atstart=yes)

raw_count()
{
    "${under[@]}" "$build/tests/p11_raw" "$softhsm" "$1" "$PIN" \
        count "$1" 1 "$2"
}

# kinstr MORE OPTION... -- COMMAND...: thousands of instructions per operation;
# the command's last argument is how many: 20, and so many more.
kinstr()
{
    local more=$1 few many

    shift
    few=$(instructions "$@" 20)
    many=$(instructions "$@" $((20 + more)))
    awk -v d=$((many - few)) -v n="$more" 'BEGIN { printf "%.1f", d / n / 1e3 }'
}

minus()
{
    awk -v a="$1" -v b="$2" 'BEGIN { printf "%.1f", a - b }'
}

# More RSA signatures, because they vary: to some 10,000 instructions.
declare -A more=([rsa]=200 [ec]=40) raw_kinstr=()

figures_of_instructions()
{
    local kind all own

    for kind in rsa ec; do
        all=$(kinstr "${more[$kind]}" -- loop "$1" softhsm count "$(uri $kind)")
        own=$(kinstr 40 "${outside[@]}" -- \
            loop "$1" softhsm count "$(uri $kind)")
        figure "$1" p11_${kind}_kinstr_over_raw \
            "$(minus "$all" "${raw_kinstr[$kind]}")" kinstr
        figure "$1" p11_${kind}_kinstr_own "$own" kinstr
    done
}

# --- Throughput ---------------------------------------------------------------

higher()
{
    awk -v a="$1" -v b="$2" 'BEGIN { print (a > b ? a : b) }'
}

# throughput KIND THREADS: the best of seven half seconds each, taken in turn.
throughput()
{
    local name best_raw=0
    local -A best=()

    for _ in 1 2 3 4 5 6 7; do
        best_raw=$(higher "$best_raw" "$(raw "$1" rate "$1" 1 "$2" 500)")
        for name in "${measured[@]}"; do
            best[$name]=$(higher "${best[$name]:-0}" \
                "$(loop "$name" softhsm rate "$(uri "$1")" "$2" 500)")
        done
    done
    echo "raw_$1_t$2 $best_raw signatures/s"
    for name in "${measured[@]}"; do
        figure "$name" "p11_$1_t$2_ratio_raw" "$(awk -v a="${best[$name]}" \
            -v b="$best_raw" 'BEGIN { printf "%.3f", a / b }')" ratio
    done
}

# --- Loading one key of many --------------------------------------------------

# SoftHSM itself reads every object when it starts, which is not ours: calls are
# counted, and instructions outside of it, less those of a process that loads
# no key. Loading the module is part of both.
figures_of_load()
{
    local count idle
    local -A n=() own=()

    idle=$(OPENSSL_CONF=$work/$1.softhsm.cnf instructions "${outside[@]}" -- \
        idle_loop)
    for count in 10 1000; do
        store $count
        calls "$1" "$(uri many)" 0
        n[$count]=$(wc -l <"$work/log")
        own[$count]=$(($(instructions "${outside[@]}" -- \
            loop "$1" softhsm count "$(uri many)" 0) - idle))
        figure "$1" p11_load_${count}_calls "${n[$count]}" calls
    done
    store one
    figure "$1" p11_load_1000_over_10 \
        "$(awk "BEGIN { printf \"%.2f\", ${n[1000]} / ${n[10]} }")" ratio
    figure "$1" p11_load_1000_over_10_kinstr_own "$(awk \
        "BEGIN { printf \"%.2f\", ${own[1000]} / ${own[10]} }")" ratio
}

idle_loop()
{
    "${under[@]}" "$build/tests/p11_loop" idle
}

# --- All of it ----------------------------------------------------------------

configure tessera provider "$build/ossl-modules/tessera.so"
while [ $# -ge 2 ] && [ "$1" = --peer ]; do
    peer "$2"
    shift 2
done
[ $# -eq 0 ] || fail "usage: p11.sh BUILD [--peer KIND:PATH]..."

for count in 10 1000; do
    store $count
    token many ec $count
done
store one
token rsa rsa 1
token ec ec 1

measured=()
for name in "${contenders[@]}"; do
    if loop "$name" softhsm count "$(uri ec)" 1 >/dev/null; then
        measured+=("$name")
    else
        fail "$name cannot sign"
    fi
done
for name in "${measured[@]}"; do
    figures_of_calls "$name"
done
for kind in rsa ec; do
    raw_kinstr[$kind]=$(kinstr "${more[$kind]}" -- raw_count $kind)
done
for name in "${measured[@]}"; do
    figures_of_instructions "$name"
    figures_of_load "$name"
    figure "$name" p11_rss_growth_kib \
        "$(loop "$name" softhsm growth "$(uri ec)" 100000)" KiB
done
for kind in rsa ec; do
    for threads in 1 2 4; do
        throughput $kind $threads
    done
done
exit $status
