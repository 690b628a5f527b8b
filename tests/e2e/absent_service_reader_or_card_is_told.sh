#!/bin/bash
# No pcscd, no reader, no card: each is told as what it is, soon, and programs
# that need no card do not notice.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

configure_with_pin
sign="openssl dgst -sign card://usage=auth -out /dev/null /dev/null"
list="openssl storeutl -noout card://"

service_stop
refused_soon $sign
says "$work/said" 'service'
refused_soon $list
says "$work/said" 'service'

mkdir "$work/no_readers"
service_start "$work/no_readers"
refused_soon $sign
says "$work/said" 'no card reader'
refused_soon $list
service_stop

service_start
refused_soon $sign
says "$work/said" 'no card in the reader'
refused_soon $list
says "$work/said" 'no card in the reader'

openssl genpkey -algorithm RSA -out "$work/soft.pem" 2>/dev/null
openssl dgst -sign "$work/soft.pem" -out "$work/sig" "$work/soft.pem"
openssl pkey -in "$work/soft.pem" -pubout -out "$work/soft.pub"
openssl dgst -verify "$work/soft.pub" -signature "$work/sig" "$work/soft.pem"
