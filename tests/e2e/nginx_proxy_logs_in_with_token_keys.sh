#!/bin/bash
# The proxy samples: nginx logs in to a server with a key of a PKCS#11 token, by
# PEM-wrapped URI and by engine.
# shellcheck source=tests/e2e/keys.sh
. "${0%/*}/story.sh"
. "${0%/*}/keys.sh"

# proxy SAMPLE PORT TLS
proxy()
{
    sample "$1" "$3"
    sed -i "s|engine:tessera:card:usage=auth|\"engine:tessera:$client_uri\"|" \
        "$work/$1"
    nginx_config 2 "$work/$1"
    nginx_start "$2"
    for _ in $(seq 5); do
        visit "http://127.0.0.1:$2/" >"$work/said"
        says "$work/said" "^welcome CN=client-$kind"
    done
    stop_last
}

doors_start
for kind in $token_keys; do
    keys_are "$kind"
    proxy nginx-proxy.conf 8080 1.2
    proxy nginx-proxy.conf 8080 1.3
    has_engine || continue
    keys_by_engine
    proxy nginx-engine.conf 8081 1.2
    proxy nginx-engine.conf 8081 1.3
done
