#!/bin/bash
# activate --system serves every program of the machine by one line in the
# system's openssl.cnf; deactivate --system leaves /etc as it was, byte by byte.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

export OPENSSL_MODULES=$build/ossl-modules
unset OPENSSL_CONF
card_start one 0
[ "$(id -u)" = 0 ] || exit 0

# An /etc of our own; what only root may read is not needed.
mkdir "$work/etc" "$work/trust"
cp -a /etc/. "$work/etc/" 2>/dev/null || true
rm -rf "$work/etc/tessera"
mount --bind "$work/etc" /etc
mount --bind "$work/trust" /usr/local/share/ca-certificates
state()
{
    (
        cd /etc
        find ssl tessera -printf '%p %y %m %u %l\n' 2>/dev/null | sort
        find ssl tessera -type f -exec sha256sum {} + 2>/dev/null | sort
    ) || true
}
state >"$work/before"

tessera activate --system --no-pin >"$work/said"
says "$work/said" '2 certificates are registered in /etc/tessera:'
! grep -q 'export OPENSSL_CONF' "$work/said" || fail 'a line nobody needs'
cmp "$conf/openssl.cnf" /etc/tessera/openssl.cnf
[ "$(grep -c '^.include /etc/tessera/openssl.cnf$' /etc/ssl/openssl.cnf)" = 1 ]
[ -e /etc/ssl/openssl.cnf.tessera-backup ] || fail 'no backup'
[ "$(stat -c %a /etc/tessera /etc/tessera/99002752-auth.key.pem |
    tr '\n' ' ')" = '755 644 ' ] || fail 'services cannot read it'
openssl list -providers >"$work/said"
says "$work/said" 'tessera'

tessera activate --system --no-pin >"$work/said"
says "$work/said" 'activated already'
[ "$(grep -c tessera/openssl.cnf /etc/ssl/openssl.cnf)" = 1 ] ||
    fail 'the line is there twice'

tessera deactivate --system >"$work/said"
state | cmp "$work/before" -

# What somebody else wrote there stays: the line, and a configuration.
mkdir -m 755 /etc/tessera
echo '# mine' >/etc/tessera/openssl.cnf
echo '.include /etc/tessera/openssl.cnf' >>/etc/ssl/openssl.cnf
state >"$work/before"
tessera activate --system --no-pin >"$work/said" 2>"$work/warned"
says "$work/warned" 'openssl.cnf is kept as it is'
tessera deactivate --system >"$work/said"
state | cmp "$work/before" -

# A file without an end of its last line comes back as it was, too.
rm -r /etc/tessera
printf 'openssl_conf = openssl_init' >/etc/ssl/openssl.cnf
state >"$work/before"
tessera activate --system --no-pin >"$work/said"
openssl list -providers >"$work/said"
says "$work/said" 'tessera'
tessera deactivate --system --all >"$work/said"
state | cmp "$work/before" -

# A lock that anybody who may read the folder can hold ends the wait in time.
mkdir -m 755 /etc/tessera
exec 5</etc/tessera
flock 5
refused tessera activate --system --no-pin
says "$work/said" '/etc/tessera cannot be locked'
exec 5<&-
rmdir /etc/tessera

# One that has a PIN in it, and is root's alone, stays so; and its backup.
chmod 600 /etc/ssl/openssl.cnf
state >"$work/before"
tessera activate --system --no-pin >"$work/said"
[ "$(stat -c %a /etc/ssl/openssl.cnf /etc/ssl/openssl.cnf.tessera-backup |
    tr '\n' ' ')" = '600 600 ' ] || fail 'others can read it now'
tessera deactivate --system >"$work/said"
state | cmp "$work/before" -
chmod 644 /etc/ssl/openssl.cnf

# An openssl.cnf that cannot be written: nothing is done, nowhere.
refuses()
{
    state >"$work/before"
    refused tessera activate --system --no-pin
    says "$work/said" 'openssl.cnf'
    state | cmp "$work/before" -
    [ ! -e /etc/tessera ] || fail '/etc/tessera is there'
}
chmod 666 /etc/ssl/openssl.cnf
refuses
chmod 644 /etc/ssl/openssl.cnf
chmod 777 /etc/ssl
refuses
chmod 755 /etc/ssl
mount --bind /etc/ssl /etc/ssl
mount -o remount,ro,bind /etc/ssl
refuses
umount /etc/ssl
mount -t tmpfs none /etc/ssl
refuses
umount /etc/ssl

# The authorities' certificates, where update-ca-certificates looks for them.
trusted=/usr/local/share/ca-certificates
state >"$work/before"
tessera chain --ca "$cards/one/chain.pem" --install --system >"$work/said"
says "$work/said" 'update-ca-certificates'
cat $trusted/tessera-99002752-*.crt >"$work/both"
stock verify -CAfile "$work/both" "$cards/one/auth.pem"
tessera deactivate --system >"$work/said"
[ -z "$(ls -A $trusted)" ] || fail 'certificates are left'
state | cmp "$work/before" -

# Of this machine by nobody but root.
printf 'exec %q activate --system --no-pin' "$build/bin/tessera" >"$work/sh"
refused setpriv --reuid 65534 --regid 65534 --clear-groups sh "$work/sh"
says "$work/said" 'only root'
