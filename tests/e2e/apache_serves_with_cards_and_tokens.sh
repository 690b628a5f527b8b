#!/bin/bash
# The Apache server sample, its key on a card or token: by PEM-wrapped URI, by a
# pkcs11: URI without and with an engine of that name, the PIN from a program;
# graceful restarts under load lose no request.
# shellcheck source=tests/e2e/keys.sh
. "${0%/*}/story.sh"
. "${0%/*}/keys.sh"
. "${0%/*}/apache.sh"

# serve TLS [KEY]
serve()
{
    local port

    port=$(door_port "$1")
    sample apache-server.conf "$1"
    sed -i "s|$work/server-key.pem|\"${2:-&}\"|" "$work/apache-server.conf"
    apache_config "$work/apache-server.conf"
    [ -z "$dialog" ] ||
        echo "SSLPassPhraseDialog exec:$work/ask" >>"$work/apache.conf"
    apache_start "$port"
    for _ in 1 2 3; do
        greeted "https://127.0.0.1:$port/" "$1"
    done
}

printf '#!/bin/sh\necho %s\n' "$PIN" >"$work/ask"
chmod 700 "$work/ask"

for kind in $all_keys; do
    keys_are "$kind"
    dialog=
    for version in $tls; do
        serve "$version" "$pkcs11_uri"
        stop_started
    done
    serve 1.2
    loses_nothing "${started[-1]}" USR1 https://127.0.0.1:8443/
    replaces_workers "${started[-1]}" https://127.0.0.1:8443/
    stop_started

    dialog=yes
    keys_without_pin
    serve 1.2 "$pkcs11_uri"
    stop_started

    has_engine || continue
    dialog=
    keys_by_engine pkcs11
    serve 1.2 "$pkcs11_uri"
    stop_started
done
