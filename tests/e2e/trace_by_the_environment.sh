#!/bin/bash
# A variable records what any program says to the card, through the provider and
# the engine, without a PIN; what the configuration names goes before it.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

card_start one 0
configure_with_pin
export_certificate 'card://usage=auth' "$work/auth.pem"
stock x509 -in "$work/auth.pem" -noout -pubkey >"$work/auth.pub"

# signs OPTION...: with the card's key.
signs()
{
    openssl dgst -sha256 "$@" -out "$work/sig" "$conf/key.pem"
    stock dgst -sha256 -verify "$work/auth.pub" -signature "$work/sig" \
        "$conf/key.pem"
}

# is_recorded FILE: a whole dialogue, and nobody else can read it.
is_recorded()
{
    says "$1" '^# reader Sim 0 00 00$'
    says "$1" '^atr 3B'
    says "$1" '^> 00200001..(XX)+$'
    says "$1" '^< 9000$'
    ! grep '^> 0020.*31323334' "$1" || fail 'a PIN is in the transcript'
    [ "$(stat -c %a "$1")" = 600 ] || fail 'others can read the transcript'
    rm "$1"
}

export TESSERA_TRACE=$work/variable
signs -sign 'card://usage=auth'
is_recorded "$work/variable"

echo "trace = $work/key" >>"$OPENSSL_CONF"
signs -sign 'card://usage=auth'
is_recorded "$work/key"
[ ! -e "$work/variable" ] || fail 'the variable goes before the key'

# A transcript that cannot be is an error, not silence.
configure_with_pin
TESSERA_TRACE=$work/nowhere/file refused openssl pkey \
    -in 'card://usage=auth' -pubout
says "$work/said" 'trace file .*/nowhere/file'

has_engine || exit 0
configure_engine "PIN = $PIN"
signs -engine tessera -keyform engine -sign 'card:usage=auth'
is_recorded "$work/variable"
