#!/bin/bash
# GnuPG, which is not ours, reads the simulated OpenPGP cards as we do, and
# leaves them to us while its scdaemon is there; what we do is no harm to it.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

PIN=123456
configure_with_pin
cd "$work"
echo 'a message' >message
export GNUPGHOME=$work/gnupg
mkdir -m 700 gnupg
printf 'disable-ccid\npcsc-shared\n' >gnupg/scdaemon.conf
trap 'gpgconf --kill all; story_ends' EXIT

status()
{
    timeout 30 gpg --card-status >status 2>&1
}

sign()
{
    openssl pkey -in 'card:usage=auth' -pubout -out auth.pub
    openssl dgst -sha256 -sign 'card:usage=auth' -out signature message
    stock dgst -sha256 -verify auth.pub -signature signature message
}

card_start_family one openpgp 0 card=yubikey serial=12345678
status
says status '^Manufacturer \.+: Yubico'
says status '^Serial number \.+: 12345678'
says status '^Name of cardholder: ELODIE TESTEUR'
says status '^Key attributes \.+: rsa2048 rsa2048 rsa2048'
says status '^PIN retry counter : 3 0 3'
says status '^KDF setting \.+: off'
openssl storeutl -noout 'card:serial=000612345678' >all
says all 'Total found: 9'

# Each in turn, with scdaemon connected to the card all the time.
for _ in 1 2 3; do
    sign
    status
done
says status '^PIN retry counter : 3 0 3'

# A KDF and other keys.
card_pull one
card_start_family third openpgp 1 keys=mixed kdf=yes serial=00000003
status
says status '^Key attributes \.+: rsa2048 nistp256 ed25519'
says status '^KDF setting \.+: on'
openssl pkey -in 'card:usage=auth' -pubout -out auth.pub
openssl pkeyutl -sign -rawin -inkey 'card:usage=auth' -in message \
    -out signature
stock pkeyutl -verify -rawin -pubin -inkey auth.pub -in message \
    -sigfile signature
status
says status '^PIN retry counter : 3 0 3'
