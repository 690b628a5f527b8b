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

usage()
{
    die "usage: tests/matrix.sh [--fresh] [--work-tree] SUITE [ARGUMENT...]"
}

# --- The chroot ---------------------------------------------------------------

# The mirror this machine itself uses, by apt's own account of its sources.
# shellcheck disable=SC2016
debian_mirror()
{
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
        'Origin: Debian' 'Label: Debian' 2>/dev/null |
        grep -m 1 '^http' || echo http://deb.debian.org/debian/
}

proxy_of_apt()
{
    local proxy=

    eval "$(apt-config shell proxy Acquire::http::Proxy)"
    echo "$proxy"
}

# Under another name until it is whole. All suites are made by the script for
# sid, which older versions of debootstrap have too.
make_base()
{
    local base=$suite proxy

    [ "$suite" != experimental ] || base=sid
    proxy=$(proxy_of_apt)
    install_packages debootstrap debian-archive-keyring
    say "making a $base chroot"
    rm -rf "$root" "$root.new"
    mkdir -p "$root.new"
    env ${proxy:+"http_proxy=$proxy"} debootstrap --variant=minbase "$base" \
        "$root.new" "$mirror" sid >"$root.log" 2>&1 ||
        die "debootstrap failed ($root.log)"
    configure_apt "$base"
    printf '#!/bin/sh\nexit 101\n' >"$root.new/usr/sbin/policy-rc.d"
    chmod 755 "$root.new/usr/sbin/policy-rc.d"
    mv "$root.new" "$root"
}

# How this machine reaches its mirror goes along, its other settings do not. A
# mirror that stands still for a while has Release files past their date.
configure_apt()
{
    local apt=$root.new/etc/apt

    echo "deb $mirror $1 main" >"$apt/sources.list"
    {
        apt-config dump --no-empty | grep '^Acquire::https\?::'
        echo 'Acquire::Check-Valid-Until "false";'
    } >"$apt/apt.conf.d/90matrix"
    if [ "$suite" = experimental ]; then
        echo "deb $mirror experimental main" >>"$apt/sources.list"
        printf '%s\n' 'Package: src:openssl' 'Pin: release a=experimental' \
            'Pin-Priority: 990' >"$apt/preferences.d/openssl"
    fi
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

# in_chroot COMMAND...: with mounts and processes that go when it ends, and
# nothing of this environment but the way to the network. Its root is a mount,
# as the stories' own namespaces need.
# shellcheck disable=SC2016
in_chroot()
{
    unshare --mount --pid --fork --kill-child bash -c '
        mount --bind "$1" "$1" && mount -t proc proc "$1/proc" &&
            mount --rbind /dev "$1/dev" && mount -t tmpfs none "$1/run" &&
            chroot "$@"' - "$root" \
        env -i HOME=/root LC_ALL=C.UTF-8 ${TERM:+"TERM=$TERM"} \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        ${http_proxy:+"http_proxy=$http_proxy"} "$@"
}

# --- The result ---------------------------------------------------------------

# shellcheck disable=SC2016
version_of()
{
    in_chroot dpkg-query -W -f '${Version}' "$1" 2>/dev/null || echo none
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
mirror=$(debian_mirror)
if [ $fresh = yes ] || [ ! -e "$root" ]; then
    make_base
fi
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
copy_tree
in_chroot bash /root/tessera/tests/run.sh "$@"
status=$?
case " $* " in
*' --asan '*) report asan ;;
*) report dev ;;
esac
exit $status
