#!/bin/bash
# The libpq sample: psql logs in to a server that demands a certificate, with
# the key of a card or token, by PEM-wrapped URI and by engine. The server's own
# key is on the token too.
# shellcheck source=tests/e2e/keys.sh
. "${0%/*}/story.sh"
. "${0%/*}/keys.sh"

postgres=$(echo /usr/lib/postgresql/*/bin)
data=$work/postgres

as_postgres="setpriv --reuid postgres --regid postgres --clear-groups"

# cluster: the server demands a certificate, whose name is mapped to "holder".
cluster()
{
    install -d -o postgres -m 700 "$data"
    # shellcheck disable=SC2086
    unaware $as_postgres "$postgres/initdb" -D "$data" --no-sync -A trust \
        -U postgres >/dev/null
    echo 'hostssl all all 127.0.0.1/32 cert clientcert=verify-full map=cards' \
        >"$data/pg_hba.conf"
    echo 'cards /^.*$ holder' >"$data/pg_ident.conf"
    # shellcheck disable=SC2086
    echo 'create role holder login' |
        unaware $as_postgres "$postgres/postgres" --single -D "$data" \
            postgres >/dev/null
}

# server KEY CERTIFICATE CONFIGURATION: that user may be kept from the folders
# above the build tree.
server()
{
    install -D -m 755 -t "$work/modules" "$build/ossl-modules/tessera.so"
    install -o postgres -m 600 "$1" "$data/server.key"
    install -o postgres -m 644 "$2" "$data/server.crt"
    install -o postgres -m 644 "$card_ca" "$data/root.crt"
    (
        if [ -n "$3" ]; then export OPENSSL_CONF=$3; else unset OPENSSL_CONF; fi
        export OPENSSL_MODULES=$work/modules
        cd "$data"
        # shellcheck disable=SC2086
        exec $as_postgres "$postgres/postgres" -D "$data" -F \
            -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
            -c ssl=on -c ssl_ca_file=root.crt >"$work/postgres.log" 2>&1
    ) &
    started+=($!)
    wait_for_port 5432
}

# login [LINE]: with the line in place of the sample's key.
login()
{
    [ $# -eq 0 ] || sed -i "s|^sslkey=.*|sslkey=$1|" "$work/pg_service.conf"
    PGSERVICEFILE=$work/pg_service.conf PGPASSFILE=$work/none \
        with_runtime timeout 30 "$postgres/psql" -X -w -t service=card -c '
            select client_dn, version from pg_stat_ssl
            where pid = pg_backend_pid()' >"$work/said"
    says "$work/said" "TLSv$version"
}

cluster
for kind in $all_keys; do
    keys_are "$kind"
    if [ "$kind" = card ]; then
        cat "$cards/one/server.pem" "$cards/one/ca.pem" >"$work/server.pem"
        server "$cards/one/server.key" "$work/server.pem" ''
    else
        hsm_for postgres
        install -o postgres -m 600 "$work/pin" "$work/postgres.pin"
        sed "s|file:$work/pin|file:$work/postgres.pin|" "$OPENSSL_CONF" \
            >"$work/postgres.cnf"
        server "$work/server-key.pem" "$work/server.pem" "$work/postgres.cnf"
    fi
    for version in $tls; do
        sample pg_service.conf "$version"
        login
    done
    if has_engine; then
        keys_by_engine
        login "tessera:$client_uri"
    fi
    stop_last
done
