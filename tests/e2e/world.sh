# The world of a story: pcscd, virtual readers "Sim 0 00 00", "Sim 1 00 00" (two,
# or up to eight, as SIM_READERS says), and simulated cards, inside the namespaces
# that tests/sim/netns.sh made.
# Wants top, build and work.
#
# shellcheck shell=bash

cards=$build/cards # keys and certificates; the state is a story's own
card_ca=$cards/one/chain.pem
world_pids=()

# enter_world COMMAND...: the command in namespaces with a pcscd of its own.
enter_world()
{
    VPCD_LIB=$top/build/deps/vpcd/usr/lib/pcsc/drivers/serial/libifdvpcd.so \
        SIM_READERS=${SIM_READERS:-2} "$top/tests/sim/netns.sh" "$@"
}

# --- Cards: "one" and "other" -------------------------------------------------

# control CARD WORD...: see sim-vpcd.
control()
{
    SIM_CONTROL=$work/$1.control "$build/tests/sim-control" "${@:2}"
}

# pcscd looks every 0.4 s whether a card came or went.
let_pcscd_see()
{
    sleep 0.8
}

# port_of READER: 0 to 7 is "Sim N 00 00". pcscd has room for 16 readers, and
# each has a second slot, "Sim N 00 01": reader 8 is that of reader 0.
port_of()
{
    echo $((36200 + 10 * ($1 % 8) + $1 / 8))
}

# card_start CARD READER: put a card that was in no reader yet into one.
card_start()
{
    local number=()

    [ "$1" = one ] || number=(--serial 99002753 --logical-id 2300081198)
    "$build/tests/sim-vpcd" --dir "$cards/$1" --state "$work/$1.state" \
        --control "$work/$1.control" --port "$(port_of "$2")" \
        ${number[@]+"${number[@]}"} &
    world_pids+=($!)
    until [ "$(control "$1" inserted 2>/dev/null)" = yes ]; do
        kill -0 "${world_pids[-1]}" || return 1
        sleep 0.1
    done
    let_pcscd_see
}

# card_start_family CARD FAMILY READER [SETTING...]: a card of another family
# with the keys of "one" or "other"; further names share the keys of "one".
card_start_family()
{
    local name=$1 family=$2 port keys=$cards/$1 set=()

    port=$(port_of "$3")
    [ -d "$keys" ] || keys=$cards/one
    shift 3
    for setting in "$@"; do
        set+=(--set "$setting")
    done
    "$build/tests/sim-vpcd" --card "$family" --dir "$keys" \
        --state "$work/$name.state" --control "$work/$name.control" \
        --port "$port" ${set[@]+"${set[@]}"} &
    world_pids+=($!)
    until [ "$(control "$name" inserted 2>/dev/null)" = yes ]; do
        kill -0 "${world_pids[-1]}" || return 1
        sleep 0.1
    done
    let_pcscd_see
}

card_pull()
{
    control "${1:-one}" pull >/dev/null
    let_pcscd_see
}

card_insert()
{
    control "${1:-one}" insert >/dev/null
    let_pcscd_see
}

# Tries the PIN has left, as the card itself knows.
card_tries()
{
    control "${1:-one}" tries | cut -d ' ' -f 1
}

card_set_tries()
{
    control one set-tries "$1" >/dev/null
}

# --- The service --------------------------------------------------------------

service=() # command line of pcscd

service_stop()
{
    local pid

    pid=$(tr -d '\0' </run/pcscd/pcscd.pid)
    [ ${#service[@]} -gt 0 ] ||
        mapfile -d '' -t service <"/proc/$pid/cmdline"
    kill "$pid"
    while [ -e /run/pcscd/pcscd.comm ]; do
        sleep 0.1
    done
}

# service_start [FOLDER]: with the readers described in FOLDER.
service_start()
{
    local command=("${service[@]}") i

    for i in "${!command[@]}"; do
        if [ $# -gt 0 ] && [ "${command[i]}" = -c ]; then
            command[i + 1]=$1
        fi
    done
    "${command[@]}" >"$work/pcscd.log" 2>&1 &
    world_pids+=($!)
    while [ ! -S /run/pcscd/pcscd.comm ]; do
        kill -0 "${world_pids[-1]}" || return 1
        sleep 0.1
    done
}

# The reader "Pinpad 00 00" (tests/sim/ifd_keypad.c) instead of all others, as
# reader 0: what is beside its driver, $pad, stands for the person and the
# reader's make.
pinpad_start()
{
    pad=$work/keypad.so
    cp "$build/tests/ifd-keypad.so" "$pad"
    cp -L "$VPCD_LIB" "$pad.vpcd"
    mkdir "$work/readers"
    printf '%s\n' 'FRIENDLYNAME "Pinpad"' 'DEVICENAME /dev/null:36200' \
        "LIBPATH $pad" 'CHANNELID 36200' >"$work/readers/pinpad"
    service_stop
    service_start "$work/readers"
}

world_stop()
{
    local pid

    for pid in ${world_pids[@]+"${world_pids[@]}"}; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    world_pids=()
}
