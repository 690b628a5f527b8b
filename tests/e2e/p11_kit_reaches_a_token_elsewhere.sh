#!/bin/bash
# A token of another machine: "p11-kit server" has the token, a unix socket
# leads there, and its client module is the module of our configuration.
# shellcheck source=tests/e2e/keys.sh
. "${0%/*}/story.sh"
. "${0%/*}/keys.sh"

hsm_start
hsm_users
p11-kit server -f -n "$work/p11-kit.socket" --provider "$hsm_module" \
    "pkcs11:token=$hsm_token" >"$work/p11-kit.log" 2>&1 &
started+=($!)
wait_for_socket "$work/p11-kit.socket"
chmod 666 "$work/p11-kit.socket" # for the workers of nginx
export P11_KIT_SERVER_ADDRESS=unix:path=$work/p11-kit.socket
hsm_module=$(dpkg -L p11-kit-modules | grep '/p11-kit-client\.so$')
unset SOFTHSM2_CONF # it is the server's

doors_start
for kind in $token_keys; do
    keys_are "$kind"
    openssl dgst -sha256 -sign "$client_uri" -out "$work/sig" "$work/card.pem"
    stock dgst -sha256 -verify "$work/client-$kind.pub" -signature "$work/sig" \
        "$work/card.pem"
    for version in $tls; do
        printf 'GET / HTTP/1.0\r\n\r\n' |
            openssl s_client -connect "127.0.0.1:$(door_port "$version")" \
                -cert "$work/card.pem" -key "$work/key.pem" -ign_eof \
                >"$work/said" 2>&1
        says "$work/said" "^welcome CN=client-$kind"
    done
    # A server with workers: each has a connection of its own.
    sample nginx-server.conf
    sed -i 's/:8443/:8449/' "$work/nginx-server.conf"
    nginx_config 2 "$work/nginx-server.conf"
    nginx_start 8449
    for _ in 1 2 3 4; do
        greeted https://127.0.0.1:8449/
    done
    stop_last
done

# The way is gone: an error, soon.
kill "${started[0]}"
refused_soon openssl dgst -sign "$client_uri" -out "$work/sig" "$work/card.pem"
