#!/bin/bash
# tests/matrix.sh [--fresh] [--work-tree] SUITE [ARGUMENT...]: tests/run.sh
# ARGUMENT... in a chroot of another Debian and so with another OpenSSL:
# bookworm (3.0), trixie (3.5), sid (3.6), experimental (4.0 on sid).
#
#   --fresh      make the chroot anew; else the one of the last time is used,
#                with the packages it has
#   --work-tree  test the files as they lie here instead of the last commit
#
# Needs root. The chroot is build/matrix/SUITE; what is mounted and started in
# it is gone when the script ends. The last line of the output is the result.
set -u
top=$(cd "$(dirname "$0")/.." && pwd) || exit
# shellcheck source=tests/lib.sh
. "$top/tests/lib.sh"
# shellcheck source=tests/chroot.sh
. "$top/tests/chroot.sh"

usage()
{
    die "usage: tests/matrix.sh [--fresh] [--work-tree] SUITE [ARGUMENT...]"
}

# --- The chroot ---------------------------------------------------------------

# Under another name until it is whole.
make_base()
{
    local base=$suite apt=$root.new/etc/apt

    [ "$suite" != experimental ] || base=sid
    rm -rf "$root"
    make_chroot "$base" "$root.new"
    if [ "$suite" = experimental ]; then
        sed 's/ sid / experimental /' "$apt/sources.list" \
            >"$apt/sources.list.d/experimental.list"
        printf '%s\n' 'Package: src:openssl' 'Pin: release a=experimental' \
            'Pin-Priority: 990' >"$apt/preferences.d/openssl"
    fi
    mv "$root.new" "$root"
}

list_tree()
{
    git -C "$top" ls-files -z --cached --others --exclude-standard --deduplicate
}

# A folder of its own each time: nothing of an older build is left in it.
copy_tree()
{
    local work=$root/root/tessera

    rm -rf "$work"
    mkdir "$work"
    if [ $source = commit ]; then
        git -C "$top" archive HEAD | tar -x -C "$work"
    else
        list_tree | tar -c -C "$top" --ignore-failed-read --null -T - |
            tar -x -C "$work"
    fi || die "the tree could not be copied"
}

# --- The result ---------------------------------------------------------------

# shellcheck disable=SC2016
version_of()
{
    in_chroot "$root" dpkg-query -W -f '${Version}' "$1" 2>/dev/null ||
        echo none
}

# From the logs that CTest leaves in the build folder.
count_tests()
{
    local logs=$root/root/tessera/build/$1/Testing/Temporary run failed=()

    if [ ! -e "$logs/LastTest.log" ]; then
        echo "no test ran"
        return
    fi
    run=$(grep -c '^[0-9]*/[0-9]* Testing: ' "$logs/LastTest.log")
    if [ -e "$logs/LastTestsFailed.log" ]; then
        mapfile -t failed < <(sed 's/^[0-9]*://' "$logs/LastTestsFailed.log")
    fi
    printf '%s passed, %s failed%s' $((run - ${#failed[@]})) ${#failed[@]} \
        "${failed[*]:+: ${failed[*]}}"
}

report()
{
    printf '\n%s: OpenSSL %s, gcc %s, pcscd %s: %s\n' "$suite" \
        "$(version_of libssl-dev)" "$(version_of gcc)" \
        "$(version_of pcscd)" "$(count_tests "$1")"
}

# ------------------------------------------------------------------------------

fresh=no
source=commit
while [ $# -gt 0 ]; do
    case $1 in
    --fresh) fresh=yes ;;
    --work-tree) source=files ;;
    *) break ;;
    esac
    shift
done
suite=${1-}
case $suite in
bookworm | trixie | sid | experimental) shift ;;
*) usage ;;
esac
[ "$(id -u)" = 0 ] || die "only root can make a chroot"

root=$top/build/matrix/$suite
if [ $fresh = yes ] || [ ! -e "$root" ]; then
    make_base
fi
copy_tree
in_chroot "$root" bash /root/tessera/tests/run.sh "$@"
status=$?
case " $* " in
*' --asan '*) report asan ;;
*) report dev ;;
esac
exit $status
