#!/bin/bash
# packages.sh BUILD: make the Debian packages of a build tree; install, use,
# upgrade and remove them in a fresh Debian 12, of which nothing may be left
# different. The Debian itself is kept in build/packages for the next time.
set -Eeu
export LC_ALL=C
trap 'echo "packages.sh: line $LINENO failed: $BASH_COMMAND" >&2' ERR
top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests/lib.sh
. "$top/tests/lib.sh"
# shellcheck source=tests/chroot.sh
. "$top/tests/chroot.sh"

suite=bookworm
kept=$top/build/packages/$suite.tar
build=$(cd "$1" && pwd)
[ "$(id -u)" = 0 ] || die "only root can make a chroot"
install_packages dpkg-dev debootstrap debian-archive-keyring

mkdir -p "${kept%/*}"
work=$(mktemp -d "${kept%/*}/XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root

debian()
{
    in_chroot "$root" "$@"
}

# What apt-get said is of interest only if it failed.
apt_get()
{
    debian env DEBIAN_FRONTEND=noninteractive apt-get -q -y "$@" \
        >"$work/apt" 2>&1 || {
        cat "$work/apt"
        die "apt-get $* failed"
    }
}

# --- A fresh Debian -----------------------------------------------------------

make_debian()
{
    make_chroot $suite "$root"
    echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io"
    apt_get update
    apt_get install --no-install-recommends openssl
    apt_get clean
    tar -c -f "$work/tar" -C "$root" .
    mv "$work/tar" "$kept"
}

if [ -e "$kept" ]; then
    mkdir "$root"
    tar -x -f "$kept" -C "$root"
    apt_get update
else
    make_debian
fi

# --- The packages -------------------------------------------------------------

say "making packages"
mkdir -p "$root/packages" "$root/newer"
# A umask that must not matter.
(umask 077 && cpack -G DEB --config "$build/CPackConfig.cmake" \
    -B "$work/cpack") >"$work/said" 2>&1 || {
    cat "$work/said"
    die "cpack failed"
}
cp "$work"/cpack/*.deb "$root/packages/"

packages=()
for deb in "$root"/packages/*.deb; do
    package=$(dpkg-deb -f "$deb" Package)
    packages+=("$package")
    dpkg-deb -f "$deb" Package Version Architecture Section Depends
    # The same as its successor.
    dpkg-deb -R "$deb" "$work/$package"
    version=$(dpkg-deb -f "$deb" Version)
    sed -i "s/^Version: $version\|tessera-provider (= $version/&+1/" \
        "$work/$package/DEBIAN/control"
    dpkg-deb -b --root-owner-group "$work/$package" "$root/newer" >"$work/said"
    # Where they were built is no place to look for libraries.
    if find "$work/$package/usr" -type f \( -name '*.so' -o -path '*/bin/*' \) \
        -exec readelf -d {} + | grep -E 'RPATH|RUNPATH'; then
        die "$package: a program or library has these"
    fi
    if dpkg-deb -c "$deb" |
        grep -v '^\(drwxr-xr-x\|-rw-r--r--\|lrwxrwxrwx\) root/root ' |
        grep -v '^-rwxr-xr-x root/root .*\(\.sh\|/bin/tessera\)$'; then
        die "$package: these are not root's, or of another mode"
    fi
done
[ "${packages[*]}" = 'tessera-engine tessera-provider tessera' ] ||
    die "packages are: ${packages[*]}"

# --- What they do -------------------------------------------------------------

# holds PACKAGE END: a file whose path ends so.
holds()
{
    debian dpkg -L "$1" | grep -q -e "$2\$" || die "$1 has no $2"
}

says() # TEXT COMMAND...
{
    debian "${@:2}" >"$work/said" 2>&1 || true
    grep -q -e "$1" "$work/said" || {
        cat "$work/said"
        die "no \"$1\" by: ${*:2}"
    }
}

# Every path of every package exists, and is where such things belong.
files_are_in_place()
{
    local libs path
    libs=/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)

    debian dpkg -L "${packages[@]}" | sort -u >"$work/paths"
    while read -r path; do
        case $path in
        '' | /. | /usr | /usr/bin | /usr/lib | /usr/share | "$libs") continue ;;
        "$libs"/ossl-modules* | "$libs"/engines-3* | /usr/bin/tessera) ;;
        /usr/share/doc* | /usr/share/man* | /usr/share/locale*) ;;
        /usr/share/bash-completion*) ;;
        *) die "$path is no place for a file" ;;
        esac
        [ -e "$root$path" ] || [ -L "$root$path" ] || die "$path is not there"
    done <"$work/paths"
}

# They are found where they are, and by the samples that come with them.
they_work()
{
    local samples=/usr/share/doc/tessera/examples

    files_are_in_place
    holds tessera-provider /ossl-modules/tessera.so
    holds tessera-engine /engines-3/tessera.so
    says '^  tessera$' openssl list -providers -provider tessera
    says '\[ available \]' openssl engine -t tessera
    says '^  tessera$' env OPENSSL_CONF=$samples/openssl.cnf \
        openssl list -providers
    says '^(tessera)' env OPENSSL_CONF=$samples/openssl-engine.cnf \
        openssl engine
    holds tessera /man/man1/tessera.1.gz
    says '^tessera [0-9]' tessera --version
}

# --- What was there before ----------------------------------------------------

# Paths, owners and modes of all but what apt and ld.so keep for themselves; and
# OpenSSL's configuration, which is not ours to change.
state_of_debian()
{
    # shellcheck disable=SC2016
    debian sh -c 'find / -xdev \( -path /var/cache -o -path /var/lib/apt \
        -o -path /var/log \) -prune -o -printf "%M %u:%g %p\n" | sort &&
        sha256sum /etc/ssl/openssl.cnf'
}

say "installing"
state_of_debian >"$work/before"
debs=("$root"/packages/*.deb)
newer=("$root"/newer/*.deb)
install=(install --no-install-recommends)
apt_get "${install[@]}" "${debs[@]#"$root"}"
they_work

say "installing once more, and what comes after it"
apt_get "${install[@]}" --reinstall "${debs[@]#"$root"}"
they_work
apt_get "${install[@]}" "${newer[@]#"$root"}"
says '+1$' dpkg-query -W tessera-provider
they_work

say "removing"
apt_get remove tessera-provider
[ ! -e "$root/usr/bin/tessera" ] || die "tessera stays without its provider"
says '\[ available \]' openssl engine -t tessera
apt_get "${install[@]}" "${newer[@]#"$root"}"
they_work
apt_get purge "${packages[@]}"
apt_get autoremove --purge
state_of_debian >"$work/after"
diff "$work/before" "$work/after" || die "what differs was left by the packages"
echo "nothing is left"
