#!/bin/bash
# The server sample: nginx with two workers whose key is on a PKCS#11 token, by
# PEM-wrapped URI and by engine.
# shellcheck source=tests/e2e/keys.sh
. "${0%/*}/story.sh"
. "${0%/*}/keys.sh"

# serve TLS [KEY]
serve()
{
    local port

    port=$(door_port "$1")
    sample nginx-server.conf "$1"
    sed -i "s|$work/server-key.pem|\"${2:-&}\"|" "$work/nginx-server.conf"
    nginx_config 2 "$work/nginx-server.conf"
    nginx_start "$port"
    for _ in $(seq 5); do
        greeted "https://127.0.0.1:$port/" "$1"
    done
    stop_started
}

for kind in $token_keys; do
    keys_are "$kind"
    serve 1.2
    serve 1.3
    has_engine || continue
    keys_by_engine
    serve 1.2 "engine:tessera:$server_uri"
    serve 1.3 "engine:tessera:$server_uri"
done
