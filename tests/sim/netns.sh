#!/bin/sh
# Run a command beside a private pcscd whose readers are virtual, in mount and
# network namespaces of its own: nothing listens outside, and a pcscd that
# serves real readers on this machine is neither seen nor disturbed.
#
#   VPCD_LIB=.../libifdvpcd.so [SIM_READERS=1] [SIM_PCSCD_LOG=FILE] \
#       netns.sh COMMAND [ARGUMENT...]
#
# Reader i is "Sim i 00 00", for a card that connects to port 36200 + 10 i.
# The exit status is the command's; 77 (CTest: skipped) without the means.
set -eu

skip() { echo "netns.sh: $1" >&2; exit 77; }

if [ "${SIM_INSIDE:-}" != yes ]; then
    [ $# -gt 0 ] || skip 'no command given'
    [ -r "${VPCD_LIB:-}" ] || skip 'VPCD_LIB does not name libifdvpcd.so'
    pcscd=$(PATH=$PATH:/usr/sbin command -v pcscd) || skip 'no pcscd'
    export SIM_INSIDE=yes SIM_PCSCD="$pcscd"
    if [ "$(id -u)" = 0 ]; then
        mkdir -p /run/pcscd
        options='-m -n'
    else
        options='-r -m -n'
    fi
    [ -d /run/pcscd ] || skip 'no /run/pcscd to mount on'
    # shellcheck disable=SC2086
    unshare $options true 2>/dev/null || skip 'no right to make namespaces'
    # shellcheck disable=SC2086
    exec unshare $options "$0" "$@"
fi
unset SIM_INSIDE

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

ip link set lo up
mount -t tmpfs none /run/pcscd
mkdir "$work/conf"
i=0
while [ "$i" -lt "${SIM_READERS:-1}" ]; do
    # One copy each: readers that share the library share their card too.
    cp -L "$VPCD_LIB" "$work/vpcd$i.so"
    port=$((36200 + 10 * i))
    printf 'FRIENDLYNAME "Sim %d"\nDEVICENAME /dev/null:%d\n' "$i" "$port"
    printf 'LIBPATH %s/vpcd%d.so\nCHANNELID %d\n\n' "$work" "$i" "$port"
    i=$((i + 1))
done > "$work/conf/readers"
# No driver for real readers: another pcscd may be using them.
[ ! -d /usr/lib/pcsc/drivers ] || mount -t tmpfs none /usr/lib/pcsc/drivers

options="-f -c $work/conf"
! "$SIM_PCSCD" --help 2>&1 | grep -q disable-polkit ||
    options="$options --disable-polkit"
[ -z "${SIM_PCSCD_LOG:-}" ] || options="$options -d -a"
# shellcheck disable=SC2086
"$SIM_PCSCD" $options > "${SIM_PCSCD_LOG:-$work/log}" 2>&1 &
pid=$!
n=0
while [ ! -S /run/pcscd/pcscd.comm ]; do
    if [ "$n" = 100 ] || ! kill -0 "$pid"; then
        cat "${SIM_PCSCD_LOG:-$work/log}" >&2
        echo 'netns.sh: pcscd does not start' >&2
        exit 1
    fi
    sleep 0.05
    n=$((n + 1))
done
"$@"
