#!/bin/bash
# A program of the engine's time gives the PIN by control, or by a user
# interface of its own that the engine is told of.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

card_start one 0
configure_engine

load()
{
    with_runtime timeout 60 "$build/tests/engine_ui" "$1" "card:usage=$2" \
        >"$work/said" 2>&1 <<<"$PIN"
}

load pin auth
says "$work/said" 'signed, asked 0 times'
for how in commands generic argument; do
    for usage in auth sign; do
        load $how $usage
        says "$work/said" 'signed, asked 1 times'
    done
done
refused load none auth
says "$work/said" 'PIN'
tries_are 3
