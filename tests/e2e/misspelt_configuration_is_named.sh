#!/bin/bash
# A misspelt key or value in openssl.cnf is named; nothing is guessed and no
# PIN is tried.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

card_start one 0
sign="openssl dgst -sign card://usage=auth -out /dev/null /dev/null"

configure "pim = $PIN"
refused $sign
says "$work/said" 'pim'
configure "pin = $PIN" 'pin-rule = never'
refused $sign
says "$work/said" 'pin-rule'
configure "pin = $PIN" 'pin-for-signature = maybe'
refused $sign
says "$work/said" 'pin-for-signature'

# A PIN file that others can read, or that is a link, is not read.
printf '%s\n' "$PIN" >"$work/pin"
chmod 644 "$work/pin"
configure "pin = file:$work/pin"
refused $sign
chmod 600 "$work/pin"
ln -s pin "$work/link"
configure "pin = file:$work/link"
refused $sign
configure "pin = file:$work/absent"
refused $sign
tries_are 3
