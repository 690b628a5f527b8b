#!/bin/bash
# A CPS4 whose channel another program took, or whose ChipDoc does not answer
# until it is recovered, serves nginx on.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

configure_with_pin
card_start_family one cps4 0
cd "$work"
export_certificate 'card://usage=auth' server.pem
bash "$conf/uri2pem.sh" 'card://usage=auth' >key.pem
nginx_with_key "$work/key.pem" 2
nginx_start 8443

visit https://127.0.0.1:8443/ >said
says said '^welcome'

control one set lost yes
for _ in 1 2 3; do
    visit https://127.0.0.1:8443/ >said
    says said '^welcome'
done

# The card manager, on the channel of ours.
opensc-tool -r 'Sim 0 00 00' \
    -s 01:A4:04:0C:07:A0:00:00:01:51:00:00 >said 2>&1
says said 'SW1=0x90, SW2=0x00'
for _ in 1 2 3; do
    visit https://127.0.0.1:8443/ >said
    says said '^welcome'
done
tries_are 3

# A program that begins with a lost card recovers it too.
stop_last
control one set lost yes
openssl dgst -sha256 -sign 'card://usage=auth' -out signature server.pem
stock x509 -in server.pem -noout -pubkey >card.pub
stock dgst -sha256 -verify card.pub -signature signature server.pem
tries_are 3
