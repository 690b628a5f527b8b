# Shared by run.sh and demo.sh: Debian packages and the build. To be sourced by
# bash, with `top` set to the root of the tree.
# shellcheck shell=bash

say()
{
    printf '\n== %s\n' "$*"
}

die()
{
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

as_root()
{
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

packages_build=(gcc libc6-dev cmake ninja-build pkg-config libssl-dev
    libpcsclite-dev libp11-dev libp11-kit-dev libcmocka-dev zlib1g-dev
    libjansson-dev gettext)
packages_sim=(pcscd libqrencode4 openssl curl nginx iproute2)
packages_test=(clang valgrind opensc procps softhsm2 p11-kit apache2 haproxy
    gnupg scdaemon libjemalloc2 libnss3-tools mutt postgresql python3 stunnel4
    yubico-piv-tool dpkg-dev debootstrap debian-archive-keyring duktape systemd
    bash-completion expect file git groff-base jq locales man-db strace)

package_missing()
{
    ! dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null |
        grep -qx installed
}

# Services are not started by their packages: nothing here uses the machine's
# own pcscd or nginx.
policy=/usr/sbin/policy-rc.d
policy_is_ours=no

forbid_services()
{
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
        as_root chmod 755 $policy
        policy_is_ours=yes
    fi
}

allow_services()
{
    if [ $policy_is_ours = yes ]; then
        as_root rm -f $policy
        policy_is_ours=no
    fi
}

apt_updated=no

apt_update_once()
{
    if [ $apt_updated = no ]; then
        as_root apt-get update -q
        apt_updated=yes
    fi
}

# Install those of the named packages that are not there.
install_packages()
{
    local name missing=()

    for name in "$@"; do
        if package_missing "$name"; then
            missing+=("$name")
        fi
    done
    if [ ${#missing[@]} -eq 0 ]; then
        return 0
    fi
    say "installing ${missing[*]}"
    apt_update_once
    trap allow_services EXIT
    forbid_services
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "${missing[@]}" ||
        die "packages could not be installed"
    allow_services
    trap - EXIT
}

# The driver of the virtual reader. Its package is unpacked, not installed: the
# reader.conf it ships would make the machine's own pcscd listen for cards on
# every network interface.
fetch_virtual_reader()
{
    local deps="$top/build/deps"

    if [ -e "$deps/vpcd/usr/lib/pcsc/drivers/serial/libifdvpcd.so" ]; then
        return 0
    fi
    say "fetching vsmartcard-vpcd"
    apt_update_once
    mkdir -p "$deps"
    (
        cd "$deps" || exit
        rm -f vsmartcard-vpcd_*.deb
        apt-get -q -o APT::Sandbox::User=root download vsmartcard-vpcd &&
            dpkg -x vsmartcard-vpcd_*.deb vpcd
    ) || die "vsmartcard-vpcd could not be fetched"
}

# build_tree PRESET: configure, since programs may have been installed since the
# last time, and compile.
build_tree()
{
    local tree="$top/build/$1"

    mkdir -p "$top/build"
    (cd "$top" && cmake --preset "$1" >"$top/build/configure.log") ||
        die "configure failed: $1 (build/configure.log)"
    cmake --build "$tree" || die "build failed: $1"
}
