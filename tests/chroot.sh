# Chroots of Debian, from the mirror this machine itself uses. To be sourced by
# bash, after lib.sh; needs root.
# shellcheck shell=bash

# By apt's own account of its sources.
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

# make_chroot SUITE FOLDER: a minimal one; how it went is in FOLDER.log. All
# suites are made by the script for sid, which older versions of debootstrap
# have too.
make_chroot()
{
    local suite=$1 root=$2 mirror proxy

    mirror=$(debian_mirror)
    proxy=$(proxy_of_apt)
    install_packages debootstrap debian-archive-keyring
    say "making a $suite chroot"
    rm -rf "$root"
    mkdir -p "$root"
    env ${proxy:+"http_proxy=$proxy"} debootstrap --variant=minbase "$suite" \
        "$root" "$mirror" sid >"$root.log" 2>&1 || {
        tail -n 5 "$root.log"
        die "debootstrap failed; is $mirror within reach? ($root.log)"
    }
    configure_apt "$suite" "$root/etc/apt" "$mirror"
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
}

# How this machine reaches its mirror goes along, its other settings do not. A
# mirror that stands still for a while has Release files past their date.
configure_apt()
{
    echo "deb $3 $1 main" >"$2/sources.list"
    {
        apt-config dump --no-empty | sed -n '/^Acquire::https\?::/p'
        echo 'Acquire::Check-Valid-Until "false";'
    } >"$2/apt.conf.d/90machine"
}

# in_chroot FOLDER COMMAND...: with mounts and processes that go when it ends,
# and nothing of this environment but the way to the network. Its root is a
# mount, as the stories' own namespaces need.
# shellcheck disable=SC2016
in_chroot()
{
    local root=$1

    shift
    cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
    unshare --mount --pid --fork --kill-child bash -c '
        mount --bind "$1" "$1" && mount -t proc proc "$1/proc" &&
            mount --rbind /dev "$1/dev" && mount -t tmpfs none "$1/run" &&
            chroot "$@"' - "$root" \
        env -i HOME=/root LC_ALL=C.UTF-8 ${TERM:+"TERM=$TERM"} \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        ${http_proxy:+"http_proxy=$http_proxy"} "$@"
}
