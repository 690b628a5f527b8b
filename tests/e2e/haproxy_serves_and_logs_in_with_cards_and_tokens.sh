#!/bin/bash
# The haproxy sample: its own key and the one it logs in with are on a card or
# token. Once more with the allocator that haproxy 3 brings along.
# shellcheck source=tests/e2e/keys.sh
. "${0%/*}/story.sh"
. "${0%/*}/keys.sh"

# pass_through TLS [PRELOADED LIBRARY]
pass_through()
{
    sample haproxy.cfg "$1"
    (
        export LD_PRELOAD=${2:-}
        exec haproxy -db -f "$work/haproxy.cfg" >"$work/haproxy.log" 2>&1
    ) &
    started+=($!)
    wait_for_port 8449
    for _ in 1 2 3; do
        greeted https://127.0.0.1:8449/ "$1"
    done
    stop_last
}

doors_start
for kind in $all_keys; do
    keys_are "$kind"
    cat "$work/server.pem" "$work/server-key.pem" >"$work/server-both.pem"
    cp "$work/key.pem" "$work/card.pem.key"
    for version in $tls; do
        pass_through "$version"
    done
    pass_through 1.2 libjemalloc.so.2
done
