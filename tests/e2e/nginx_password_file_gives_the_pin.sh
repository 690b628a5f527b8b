#!/bin/bash
# nginx reads the PIN from its ssl_password_file as root; workers that are not
# root sign with it, and so do their successors.
# shellcheck source=tests/e2e/keys.sh
. "${0%/*}/story.sh"
. "${0%/*}/keys.sh"

for kind in $all_keys; do
    keys_are "$kind"
    keys_without_pin
    sample nginx-server.conf
    sed -i "s|^ *ssl_certificate_key .*|&\n    ssl_password_file $work/pin;|" \
        "$work/nginx-server.conf"
    nginx_config 2 "$work/nginx-server.conf"
    nginx_start 8443
    greeted https://127.0.0.1:8443/
    replaces_workers "${started[-1]}" https://127.0.0.1:8443/
    stop_started

    # Without it nobody tells the workers; a token does not even show the key.
    sed -i '/ssl_password_file/d' "$work/nginx-server.conf"
    if [ "$kind" != card ]; then
        refused_soon with_runtime nginx -t -p "$work" -c "$work/nginx.conf"
        says "$work/said" 'PIN is needed'
        continue
    fi
    nginx_start 8443
    refused visit --cert "$cards/one/auth.pem" --key "$cards/one/auth.key" \
        https://127.0.0.1:8443/
    stop_started
done
