#!/bin/bash
# Programs that are not ours change PINs on the simulated cards and unblock
# them: OpenSC, Yubico's tool, GnuPG's scdaemon.
#
# OpenSC's own limits, so not asked of it here: it finds no PUK on a CPS3 or
# another IAS ECC card, whose directory names it by its reference; it has no
# driver for a CPS4 and GemP15, and unblocks no GemSafe.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

cd "$work"

tries_of_are()
{
    local left

    left=$(control "$1" tries)
    [ "$left" = "$2 $3" ] || fail "$1: tries are $left, not $2 $3"
}

# Its own status when a card refuses is 255.
opensc()
{
    pkcs15-tool "$@" || return 1
}

p15()
{
    opensc "$@" >p15.log 2>&1 || { cat p15.log; fail "pkcs15-tool $*"; }
}

# pin_is CARD PIN OTHER PUK-TRIES: the PIN is right, the other costs a try.
pin_is()
{
    refused opensc --verify-pin --auth-id 01 --pin "$3"
    tries_of_are "$1" 2 "$4"
    p15 --verify-pin --auth-id 01 --pin "$2"
    tries_of_are "$1" 3 "$4"
}

# opensc_changes CARD PIN NEW PUK-TRIES
opensc_changes()
{
    refused opensc --change-pin --auth-id 01 --pin "$3" --new-pin "$2"
    tries_of_are "$1" 2 "$4"
    p15 --change-pin --auth-id 01 --pin "$2" --new-pin "$3"
    pin_is "$1" "$3" "$2" "$4"
}

# opensc_unblocks CARD PUK WRONG-PUK NEW OTHER PUK-TRIES
opensc_unblocks()
{
    control "$1" set-tries 0 >ok
    refused opensc --unblock-pin --auth-id 01 --puk "$3" --new-pin "$4"
    tries_of_are "$1" 0 $(($6 - 1))
    p15 --unblock-pin --auth-id 01 --puk "$2" --new-pin "$4"
    pin_is "$1" "$4" "$5" "$6"
}

# --- OpenSC -------------------------------------------------------------------

for maker in cps3 gemalto mi; do
    card_start_family $maker ias 0 maker=$maker
    opensc_changes $maker 1234 5678 10
    card_pull $maker
done

card_start_family myeid iso15 0 kind=myeid
opensc_changes myeid 123456 567890 5
opensc_unblocks myeid 12345678 99999999 654321 567890 5
card_pull myeid

card_start_family isoapplet iso15 0 kind=isoapplet version=0
opensc_changes isoapplet 123456 567890 5
opensc_unblocks isoapplet 1234567890123456 9999999999999999 654321 567890 5
card_pull isoapplet

card_start_family piv piv 0
opensc_changes piv 123456 567890 3
opensc_unblocks piv 12345678 99999999 654321 567890 3
card_pull piv

for applet in gemsafe gemsafe-v3; do
    card_start_family $applet $applet 0
    opensc_changes $applet 123456 567890 3
    card_pull $applet
done

# What OpenSC takes for the PUK of an OpenPGP card is the resetting code.
card_start_family openpgp openpgp 0 resetting-code=abcdefgh
opensc_changes openpgp 123456 567890 3
control openpgp set-tries 0 >ok
p15 --unblock-pin --auth-id 01 --puk abcdefgh --new-pin 654321
pin_is openpgp 654321 567890 3
card_pull openpgp

# --- Yubico's tool ------------------------------------------------------------

yubico()
{
    yubico-piv-tool -r 'Sim 1' "$@"
}

must_yubico()
{
    yubico "$@" >yubico.log 2>&1 ||
        { cat yubico.log; fail "yubico-piv-tool $*"; }
}

card_start_family yubikey piv 1 yubico=yes
refused yubico -a change-pin -P 999999 -N 567890
tries_of_are yubikey 2 3
must_yubico -a change-pin -P 123456 -N 567890
must_yubico -a verify-pin -P 567890
refused yubico -a verify-pin -P 123456
must_yubico -a change-puk -P 12345678 -N 87654321
control yubikey set-tries 0 >ok
must_yubico -a status
says yubico.log 'PIN tries left:[[:space:]]*0'
refused yubico -a unblock-pin -P 12345678 -N 654321
tries_of_are yubikey 0 2
must_yubico -a unblock-pin -P 87654321 -N 654321
tries_of_are yubikey 3 3
must_yubico -a verify-pin -P 654321
card_pull yubikey

# --- scdaemon -----------------------------------------------------------------

export GNUPGHOME=$work/gnupg
mkdir -m 700 gnupg
printf 'disable-ccid\npcsc-shared\n' >gnupg/scdaemon.conf

# scd COMMAND PIN...: its answers to what scdaemon asks, in this order.
scd()
{
    local command=$1 pin

    shift
    {
        printf 'SERIALNO openpgp\n%s\n' "$command"
        for pin in "$@"; do
            printf 'D %s%%00\nEND\n' "$pin"
        done
        printf 'BYE\n'
    } | timeout 30 /usr/lib/gnupg/scdaemon --server >scd.log 2>&1
    [ "$(grep -c '^OK' scd.log)" -ge 4 ]
}

must_scd()
{
    scd "$@" || { cat scd.log; fail "scdaemon $*"; }
}

for kdf in no yes; do
    name=gnupg-$kdf
    card_start_family $name openpgp 0 kdf=$kdf
    refused scd 'PASSWD OPENPGP.1' 999999 567890
    tries_of_are $name 2 3
    must_scd 'PASSWD OPENPGP.1' 123456 567890
    must_scd 'CHECKPIN D2760001240103040000000000010000' 567890
    tries_of_are $name 3 3
    must_scd 'PASSWD OPENPGP.3' 12345678 87654321

    # By PW3; by a resetting code that PW3 set.
    control $name set-tries 0 >ok
    must_scd 'PASSWD --reset OPENPGP.1' 87654321 654321
    tries_of_are $name 3 3
    must_scd 'PASSWD --reset OPENPGP.2' 87654321 abcdefgh
    control $name set-tries 0 >ok
    refused scd 'PASSWD OPENPGP.2' abcdefgX 567890
    tries_of_are $name 0 3
    must_scd 'PASSWD OPENPGP.2' abcdefgh 567890
    tries_of_are $name 3 3
    must_scd 'CHECKPIN D2760001240103040000000000010000' 567890
    card_pull $name
done
