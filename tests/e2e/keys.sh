# The keys that programs are tried with, sourced after story.sh:
#
#   card     the simulated CPS: PKCS#1 v1.5 only, so TLS 1.2
#   rsa, ec  a SoftHSM token's: TLS 1.2 and TLS 1.3
#
#   keys_are KIND     the configuration with the PIN, and in $work what samples
#                     of conf/ look for below /etc/tessera: card.pem, key.pem
#                     (a client's certificate and wrapped URI), server.pem,
#                     server-key.pem, server-ca.pem, card-ca.pem. Sets
#                     client_uri, server_uri (and pkcs11_uri, the same in
#                     that scheme), tls (the versions)
#   keys_without_pin  the configuration without it
#   keys_by_engine [ID]  the configuration for the engine instead, as tessera or
#                     under the id pkcs11
#   doors_start       servers that demand a certificate of those keys: port 8443
#                     speaks TLS 1.2, port 8444 TLS 1.3: door_port TLS
#   sample FILE [TLS] a sample of conf/, with this story's paths, in $work
#   greeted URL [TLS] who knows nothing of us is welcome there, in that version
#
# shellcheck shell=bash

# shellcheck source=tests/e2e/softhsm.sh
. "$top/tests/e2e/softhsm.sh"

all_keys=${TESSERA_KEYS:-card rsa ec} # a story may be tried with some only
token_keys=${all_keys#card}

keys_are()
{
    kind=$1
    case $kind in
    card)
        tls=1.2
        client_uri='card://usage=auth'
        server_uri='card://usage=auth'
        pkcs11_uri='pkcs11:object=CPS_PRIV_AUT;type=private'
        card_keys
        ;;
    *)
        tls='1.2 1.3'
        client_uri=$(hsm_uri "client-$kind")
        server_uri=$(hsm_uri "server-$kind")
        pkcs11_uri=$server_uri
        token_keys
        ;;
    esac
    bash "$conf/uri2pem.sh" "$client_uri" >"$work/key.pem"
    bash "$conf/uri2pem.sh" "$server_uri" >"$work/server-key.pem"
    chmod 600 "$work/key.pem" "$work/server-key.pem"
    cp "$cards/one/root.pem" "$work/server-ca.pem"
    cp "$card_ca" "$work/card-ca.pem"
}

card_keys()
{
    [ -e "$work/one.state" ] || card_start one 0
    configure_with_pin
    export_certificate "$client_uri" "$work/card.pem"
    cp "$work/card.pem" "$work/server.pem"
}

token_keys()
{
    if [ ! -e "$work/tokens" ]; then
        hsm_start
        hsm_users
        hsm_for www-data
    fi
    configure_module_with_pin
    cp "$work/client-$kind.pem" "$work/card.pem"
    cat "$work/server-$kind.pem" "$cards/one/ca.pem" >"$work/server.pem"
}

keys_without_pin()
{
    case $kind in
    card) configure ;;
    *) configure_module tessera ;;
    esac
}

keys_by_engine()
{
    client_uri=${client_uri/'://'/:}
    server_uri=${server_uri/'://'/:}
    case $kind in
    card) configure_engine "PIN = $PIN" ;;
    *) configure_module_engine "PIN = $PIN" ;;
    esac
    [ "${1:-tessera}" != tessera ] || return 0
    mkdir -p "$work/engines"
    ln -sf "$build/engines/tessera.so" "$work/engines/$1.so"
    export OPENSSL_ENGINES=$work/engines
    sed -i -e "s/^tessera = tessera_engine/$1 = tessera_engine/" \
        -e "s/^engine_id = tessera/engine_id = $1/" "$OPENSSL_CONF"
}

sample()
{
    sed -e "s|/etc/tessera/|$work/|g" "$conf/$1" >"$work/$1"
    [ "${2:-1.2}" = 1.2 ] ||
        sed -i -e "s/TLSv1\.2/TLSv$2/g" -e 's/:8443/:8444/g' "$work/$1"
}

doors_start()
{
    local door=$work/door

    mkdir "$door"
    cat "$cards/one/server.pem" "$cards/one/ca.pem" >"$door/server.pem"
    cp "$cards/one/server.key" "$door/server-key.pem"
    cp "$card_ca" "$door/card-ca.pem"
    (
        unset OPENSSL_CONF OPENSSL_MODULES OPENSSL_ENGINES TESSERA_PRELOAD
        work=$door
        sample nginx-server.conf 1.3
        mv "$door/nginx-server.conf" "$door/tls13.conf"
        sample nginx-server.conf
        nginx_config 1 "$door/nginx-server.conf" "$door/tls13.conf"
        exec_nginx "$door"
    ) &
    started+=($!)
    wait_for_port 8444
}

door_port()
{
    [ "$1" = 1.2 ] && echo 8443 || echo 8444
}

# The visitor's own key is the card's, in a file.
greeted()
{
    local said

    said=$(visit --tlsv"${2:-1.2}" --tls-max "${2:-1.2}" \
        --cert "$cards/one/auth.pem" --key "$cards/one/auth.key" "$1")
    [[ $said == welcome* ]] || fail "$1 said: $said"
}

# --- Servers with workers -----------------------------------------------------

workers()
{
    (pgrep -P "$1" || true) | sort
}

# until_others PID WORKERS: until none of these workers is left and there are
# others.
until_others()
{
    local now

    for _ in $(seq 100); do
        now=$(workers "$1")
        if [ -n "$now" ] && [ -z "$(comm -12 <(echo "$now") <(echo "$2"))" ]
        then
            return 0
        fi
        sleep 0.05
    done
    fail "the workers of $1 stay: $2"
}

# visits URL: 30 of them, and more until told.
visits()
{
    local count

    for ((count = 0; count < 30; count++)); do
        (greeted "$1") || return 1
    done
    until [ -e "$work/replaced" ]; do
        (greeted "$1") || return 1
    done
}

# loses_nothing PID SIGNAL URL: no visit, while the signal makes the server
# replace its workers three times.
loses_nothing()
{
    local pids=() before

    for _ in 1 2; do
        visits "$3" &
        pids+=($!)
    done
    for _ in 1 2 3; do
        before=$(workers "$1")
        kill -"$2" "$1"
        until_others "$1" "$before"
    done
    touch "$work/replaced"
    wait "${pids[0]}" || fail 'a visit was lost'
    wait "${pids[1]}" || fail 'a visit was lost'
    rm "$work/replaced"
}

# replaces_workers PID URL: workers that are killed have successors that sign.
replaces_workers()
{
    local old

    old=$(workers "$1")
    # shellcheck disable=SC2086
    kill -KILL $old
    until_others "$1" "$old"
    for _ in 1 2 3 4; do
        greeted "$2"
    done
}
