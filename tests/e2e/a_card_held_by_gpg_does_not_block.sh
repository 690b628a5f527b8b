#!/bin/bash
# GnuPG's scdaemon keeps an OpenPGP card for itself, as it does unless told
# otherwise: cards in other readers are used all the while, and who names none
# is told which one is busy.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

configure
cd "$work"
echo 'a message' >message
export GNUPGHOME=$work/gnupg
mkdir -m 700 gnupg
echo disable-ccid >gnupg/scdaemon.conf
trap 'gpgconf --kill all; story_ends' EXIT

sign()
{
    openssl dgst -sha256 -sign "$1" -out signature message
    stock x509 -in "$cards/one/auth.pem" -noout -pubkey >auth.pub
    stock dgst -sha256 -verify auth.pub -signature signature message
}

# sign_soon URI: not after as long as a held card is waited for.
sign_soon()
{
    SECONDS=0
    sign "$1"
    [ $SECONDS -le 5 ] || fail "$SECONDS seconds"
}

card_start_family held openpgp 0 card=yubikey serial=12345678
timeout 30 gpg --card-status >status 2>&1
says status '^Serial number \.+: 12345678'

piv=0123456789ABCDEF0123456789ABCDEF
card_start_family second piv 1
for _ in 1 2; do
    sign_soon "card://serial=$piv;usage=auth?pin-value=123456"
done
card_pull second
card_start one 1
sign_soon 'card://serial=99002752;usage=auth?pin-value=1234'
sign_soon 'card://reader=Sim%201%2000%2000;usage=auth?pin-value=1234'

# The held card may be the one that is meant: it is waited for, in vain. Objects
# of the other are listed without.
refused openssl dgst -sign 'card://usage=auth?pin-value=1234' -out signature \
    message
says said 'Sim 0 00 00.*another program keeps the card'
says said 'name one by serial='
openssl storeutl -noout -certs 'card://' >list 2>&1
says list 'Total found: 2'
tries_are 3

# GnuPG is none the worse for it, and lets go when it is told.
timeout 30 gpg --card-status >status 2>&1
says status '^PIN retry counter : 3 0 3'
gpgconf --kill scdaemon
sign 'card://serial=000612345678;usage=auth?pin-value=123456'
