#!/bin/bash
# The stunnel sample: keys of a card or token at both ends of a tunnel, by
# PEM-wrapped URI and by engine.
# shellcheck source=tests/e2e/keys.sh
. "${0%/*}/story.sh"
. "${0%/*}/keys.sh"

# tunnel TLS: visit through both ends.
tunnel()
{
    (
        exec env ${TESSERA_PRELOAD:+"LD_PRELOAD=$TESSERA_PRELOAD"} \
            stunnel "$work/stunnel.conf" 2>"$work/stunnel.log"
    ) &
    started+=($!)
    wait_for_port 8449
    for _ in 1 2 3; do
        greeted https://127.0.0.1:8449/ "$1"
        greeted http://127.0.0.1:8080/
    done
    stop_last
}

doors_start
for kind in $all_keys; do
    keys_are "$kind"
    for version in $tls; do
        sample stunnel.conf "$version"
        tunnel "$version"
    done

    has_engine || continue
    keys_by_engine
    sample stunnel.conf
    sed -i -e '1i engine = tessera' \
        -e "s|^key = .*/key.pem|engineId = tessera\nkey = $client_uri|" \
        -e "s|^key = .*/server-key.pem|engineId = tessera\nkey = $server_uri|" \
        "$work/stunnel.conf"
    tunnel 1.2
done
