#!/bin/sh
# Run a command with a simulated card in reader 0. To be run inside netns.sh:
#
#   netns.sh with_card.sh COMMAND [ARGUMENT...]
#
# Needs SIM_VPCD (the program, sim-control beside it) and SIM_DIR (mkcard's
# folder). SIM_OPTIONS are further options of sim-vpcd. The card starts with
# fresh counters. The command may call sim-control, which is in its PATH.
set -eu

work=$(mktemp -d)
pid=
finish() {
    status=$?
    trap - EXIT
    [ -z "$pid" ] || { kill "$pid"; wait "$pid"; } 2>/dev/null || :
    rm -rf "$work"
    exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

export SIM_CONTROL="$work/control"
PATH=$(dirname "$SIM_VPCD"):$PATH
# shellcheck disable=SC2086
"$SIM_VPCD" --dir "$SIM_DIR" --port 36200 --state "$work/state" \
    --control "$SIM_CONTROL" ${SIM_OPTIONS:-} &
pid=$!
n=0
until [ "$(sim-control inserted 2>/dev/null)" = yes ]; do
    [ "$n" -lt 100 ] || { echo 'with_card.sh: no card' >&2; exit 1; }
    sleep 0.05
    n=$((n + 1))
done
# pcscd looks for a new card every 0.4 s.
sleep 0.6
"$@"
