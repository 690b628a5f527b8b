#!/bin/bash
# What tessera setup writes, with the commands it tells and nothing else, makes
# each program work with the card. The server speaks TLS 1.3 too, so a text
# without its limit to TLS 1.2 logs nobody in.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

export HOME=$work/home OPENSSL_MODULES=$build/ossl-modules 
mkdir "$HOME"
mkdir "$work/etc"
cp -a /etc/. "$work/etc" 2>/dev/null || true
mount --bind "$work/etc" /etc
mkdir -p /etc/nginx/conf.d /etc/stunnel /etc/haproxy \
    /etc/apache2/sites-available

# needs PROGRAM [OPTION...]: what it says is needed, as a shell does it. There
# is no systemd here, no polkit, and no other site of Apache's.
needs()
{
    tessera --json setup "$@" | jq -r '.needs[].command // empty' |
        grep -vE '^(install -D|install .*50-tessera|a2en|curl |psql )' \
            >"$work/commands"
    # shellcheck source=/dev/null
    . "$work/commands" >>"$work/output.needs" 2>&1
}

write()
{
    tessera setup "$@" --write >"$work/said"
    says "$work/said" ' is (written|as it should be already)\.$'
}

# Their certificates are no part of it.
authorities()
{
    cp "$cards/one/root.pem" /etc/tessera/server-ca.pem
    cp "$card_ca" /etc/tessera/card-ca.pem
}

greeted()
{
    visit --cert "$cards/one/auth.pem" --key "$cards/one/auth.key" "$1" \
        >"$work/said"
    says "$work/said" '^welcome'
}

# ends PORT: what listens there, which became a daemon.
ends()
{
    local pid

    pid=$(ss -Hltnp "sport = :$1" | sed -n 's/.*pid=\([0-9]*\).*/\1/p')
    kill "$pid"
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.1
    done
}

repository()
{
    mkdir -p "$work/www"
    echo welcome >"$work/www/index.html"
    git -c init.defaultBranch=main init -q "$work/tree"
    git -C "$work/tree" -c user.name=me -c user.email=me@localhost \
        commit -q --allow-empty -m 'by the card'
    git clone -q --bare "$work/tree" "$work/www/tree.git"
    git -C "$work/www/tree.git" update-server-info
}

card_start one 0
repository
door_start "s|TLSv1.2|& TLSv1.3|; s|return .*|root $work/www;|"

# --- openssl: the others need it ----------------------------------------------
needs openssl
[ "$OPENSSL_CONF" = /etc/tessera/openssl.cnf ]
tessera setup openssl --write >"$work/said"
[ "$(tail -n 2 "$work/said")" = "export OPENSSL_CONF=$OPENSSL_CONF
openssl list -providers" ] || fail 'more than two commands to paste'
needs stunnel
echo "$PIN" >/etc/tessera/pin
needs nginx
[ "$(stat -c %a /etc/tessera/pin)" = 600 ]
[ "$(cat /etc/tessera/pin)" = "$PIN" ] || fail 'the PIN is lost'
[ "$(grep -c '^pin = ' "$OPENSSL_CONF")" = 1 ] || fail 'pin stands there twice'
authorities
openssl dgst -sha256 -sign 'card://usage=auth' -out "$work/sig" \
    "$OPENSSL_CONF"

# --- curl ---------------------------------------------------------------------
write curl
needs curl
grep -q '^tls-max = 1.2$' /etc/tessera/curlrc
curl --cacert /etc/tessera/server-ca.pem --fail --config /etc/tessera/curlrc \
    https://localhost:8443/ >"$work/said"
says "$work/said" '^welcome'

# --- nginx, and git through it ------------------------------------------------
nginx_config 2 /etc/nginx/conf.d/tessera-proxy.conf
with_runtime nginx -t -q -p "$work" -c "$work/nginx.conf" -e "$work/nginx.log"
nginx_start 8080
greeted http://127.0.0.1:8080/
write git
git clone -q https://localhost:8443/tree.git "$work/clone"
[ "$(git -C "$work/clone" log --format=%s)" = 'by the card' ]

# --- haproxy and stunnel let in, with nginx behind them -----------------------
needs haproxy --server
write haproxy --server
haproxy -c -f /etc/haproxy/haproxy.cfg >/dev/null
(
    exec env ${TESSERA_PRELOAD:+"LD_PRELOAD=$TESSERA_PRELOAD"} \
        haproxy -db -f /etc/haproxy/haproxy.cfg >"$work/haproxy.log" 2>&1
) &
started+=($!)
wait_for_port 8449
greeted https://127.0.0.1:8449/
stop_last

write stunnel --server
with_runtime stunnel /etc/stunnel/tessera-server.conf 2>"$work/stunnel.log"
wait_for_port 8449
greeted https://127.0.0.1:8449/
ends 8449
stop_last

# --- stunnel and haproxy log in -----------------------------------------------
write stunnel
with_runtime stunnel /etc/stunnel/tessera-client.conf 2>"$work/stunnel.log"
wait_for_port 8080
greeted http://127.0.0.1:8080/

# Apache does not; it goes on to stunnel.
write apache
. "${0%/*}/apache.sh"
apache_config /etc/apache2/sites-available/tessera-proxy.conf
with_runtime apache2 -t -f "$work/apache.conf" 2>/dev/null
apache_start 8081
greeted http://127.0.0.1:8081/
stop_last
ends 8080

needs haproxy
rm /etc/haproxy/haproxy.cfg
write haproxy
haproxy -c -f /etc/haproxy/haproxy.cfg >/dev/null
(
    exec env ${TESSERA_PRELOAD:+"LD_PRELOAD=$TESSERA_PRELOAD"} \
        haproxy -db -f /etc/haproxy/haproxy.cfg >"$work/haproxy.log" 2>&1
) &
started+=($!)
wait_for_port 8080
greeted http://127.0.0.1:8080/
stop_last

# --- nginx and Apache let in, with the card's key as their own ----------------
stop_last
write nginx --server
nginx_config 1 /etc/nginx/conf.d/tessera-server.conf
with_runtime nginx -t -q -p "$work" -c "$work/nginx.conf" -e "$work/nginx.log"
nginx_start 8443
greeted https://127.0.0.1:8443/
stop_last

write apache --server
sed -i "s|/etc/tessera/www|$work/www|" \
    /etc/apache2/sites-available/tessera-server.conf
apache_config /etc/apache2/sites-available/tessera-server.conf
with_runtime apache2 -t -f "$work/apache.conf" 2>/dev/null
apache_start 8443
greeted https://127.0.0.1:8443/
stop_last

# --- mutt: it reads the file, and its commands sign and decrypt ---------------
write mutt
needs mutt
[ "$(mutt -F "$HOME/.muttrc" -Q smime_sign_as)" = 'smime_sign_as="00000001.0"' ]

# mutt_runs COMMAND NUMBER FILE
mutt_runs()
{
    local command

    command=$(mutt -F "$HOME/.muttrc" -Q "smime_$1_command" |
        sed -e 's/^[^"]*"//' -e 's/"$//')
    command=${command//%a/aes256}
    command=${command//%d/sha256}
    command=${command//%c/"$HOME/.smime/certificates/$2"}
    command=${command//%k/"$HOME/.smime/keys/$2"}
    command=${command//%i/"$cards/one/ca.pem"}
    command=${command//%f/"$3"}
    printf '%s\n' "$PIN" | with_runtime sh -c "$command"
}

printf 'Content-Type: text/plain\r\n\r\nmeet me at noon\r\n' >"$work/mail"
mutt_runs sign 00000001.0 "$work/mail" >"$work/signature"
stock smime -verify -inform DER -in "$work/signature" -content "$work/mail" \
    -CAfile "$card_ca" >/dev/null 2>&1
mutt_runs encrypt 00000002.0 "$work/mail" >"$work/secret"
mutt_runs decrypt 00000002.0 "$work/secret" >"$work/read"
cmp "$work/read" "$work/mail"

# --- postgres: a server that demands the card ---------------------------------
write postgres
needs postgres
postgres=$(echo /usr/lib/postgresql/*/bin)
data=$work/postgres
as_postgres=(env -u OPENSSL_CONF -u OPENSSL_MODULES
    setpriv --reuid postgres --regid postgres --clear-groups)
install -d -o postgres -m 700 "$data"
"${as_postgres[@]}" "$postgres/initdb" -D "$data" --no-sync -A trust \
    -U postgres >/dev/null
echo 'hostssl all all 127.0.0.1/32 cert clientcert=verify-full map=cards' \
    >"$data/pg_hba.conf"
echo 'cards /^.*$ holder' >"$data/pg_ident.conf"
echo 'create role holder login' |
    "${as_postgres[@]}" "$postgres/postgres" --single -D "$data" postgres \
        >/dev/null
cat "$cards/one/server.pem" "$cards/one/ca.pem" >"$data/server.crt"
install -o postgres -m 600 "$cards/one/server.key" "$data/server.key"
install -o postgres -m 644 "$card_ca" "$data/root.crt"
(
    cd "$data"
    exec "${as_postgres[@]}" "$postgres/postgres" -D "$data" -F \
        -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
        -c ssl=on -c ssl_ca_file=root.crt >"$work/postgres.log" 2>&1
) &
started+=($!)
wait_for_port 5432
with_runtime timeout 30 "$postgres/psql" -X -w -t service=card -c '
    select client_dn, version from pg_stat_ssl where pid = pg_backend_pid()' \
    >"$work/said"
says "$work/said" 'TLSv1\.2'

tries_are 3
