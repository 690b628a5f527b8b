#!/bin/bash
# tests/demo.sh [--reader NAME | --card FAMILY]: what tessera does, each step as
# the command a user would type and its result. A simulated CPS3 card in a
# virtual reader, or one of another family: cps4, ias, piv, openpgp; with
# --reader the card in that reader of this machine.
set -u
top=$(cd "$(dirname "$0")/.." && pwd) || exit
build=$top/build/dev
work=$top/build/demo
# shellcheck source=tests/lib.sh
. "$top/tests/lib.sh"
# shellcheck source=tests/e2e/world.sh
. "$top/tests/e2e/world.sh"

prepare()
{
    install_packages "${packages_build[@]}" "${packages_sim[@]}"
    [ -n "$reader" ] || fetch_virtual_reader
    say "building"
    build_tree dev
    rm -rf "$work"
    mkdir -p "$work" && chmod 711 "$work" || exit
}

# --- The steps ----------------------------------------------------------------

step=0

title()
{
    step=$((step + 1))
    printf '\n\033[1m%d. %s\033[0m\n' $step "$*"
}

# Print a command, run it, and stop the demonstration if it fails.
show()
{
    printf '\n$ %s\n' "$1"
    eval "$1" || die "the last command failed"
}

wait_for_port()
{
    for _ in $(seq 100); do
        ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null || return 0
        sleep 0.1
    done
    die "nothing listens on port $1"
}

nginx_pids=()

# start_nginx NAME: a sample of conf/ in an nginx of its own.
start_nginx()
{
    mkdir -p "$1.d"
    sed "s|/etc/tessera/|$work/|; s|card:usage=auth|&$which|" \
        "$top/conf/$1.conf" >"$1.conf"
    if [ "$1" = nginx-server ] && [ -n "$reader" ]; then
        # The CA of a real card is not at hand: its holder's certificate is
        # demanded, and shown unverified.
        sed -i -e '/ssl_client_certificate/d' -e '/ssl_verify_depth/d' \
            -e 's/ssl_verify_client on/ssl_verify_client optional_no_ca/' \
            -e '/location/i if ($ssl_client_verify = NONE) { return 403; }' \
            "$1.conf"
    fi
    {
        [ "$(id -u)" != 0 ] || echo 'user www-data;'
        echo "daemon off; worker_processes 2; pid nginx.pid;"
        echo "events { worker_connections 64; }"
        echo "http { access_log off;"
        for folder in client_body proxy fastcgi uwsgi scgi; do
            echo "${folder}_temp_path tmp_$folder;"
        done
        echo "include $work/$1.conf; }"
    } >"$1.d/nginx.conf"
    printf '\n$ nginx  # with conf/%s.conf:\n' "$1"
    grep -vE '^ *(#.*)?$' "$1.conf"
    nginx -p "$work/$1.d" -c "$work/$1.d/nginx.conf" -e "$work/$1.d/log" &
    nginx_pids+=($!)
    wait_for_port "$2"
}

clean_up()
{
    local pid

    for pid in ${nginx_pids[@]+"${nginx_pids[@]}"}; do
        kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
    done
    [ -n "$reader" ] || world_stop
    rm -f "$work/pin"
}

# All but the plainest characters of a URI attribute's value.
uri_escape()
{
    local LC_ALL=C i c

    for ((i = 0; i < ${#1}; i++)); do
        c=${1:i:1}
        case $c in
        [A-Za-z0-9._-]) printf '%s' "$c" ;;
        *) printf '%%%02X' "'$c" ;;
        esac
    done
}

start_card()
{
    if [ "$family" = cps3 ]; then
        card_start one 0
    else
        card_start_family one "$family" 0
    fi
}

get_card()
{
    if [ -n "$reader" ]; then
        IFS= read -rs -p "PIN of the card in \"$reader\": " PIN </dev/tty
        echo
        which=";reader=$(uri_escape "$reader")"
        trust=-noverify
    else
        start_card || die "no simulated card"
        cp "$card_ca" card-ca.pem
        case $family in
        piv | openpgp) PIN=123456 ;;
        *) PIN=1234 ;;
        esac
        which=
        trust="-CAfile card-ca.pem"
    fi
    (umask 077 && printf '%s\n' "$PIN" >pin)
    unset PIN
    cat "$cards/one/server.pem" "$cards/one/ca.pem" >server.pem
    cp "$cards/one/server.key" server-key.pem
    cp "$cards/one/root.pem" server-ca.pem
}

demonstrate()
{
    local auth sign decrypt tool

    cd "$work" || exit
    trap clean_up EXIT
    get_card
    auth=card://usage=auth$which
    sign=card://usage=sign$which
    decrypt=card://usage=decrypt$which

    title "OpenSSL learns of cards: conf/openssl.cnf behind its own file"
    show "cat /etc/ssl/openssl.cnf $top/conf/openssl.cnf >openssl.cnf"
    show "printf '%s\n' 'pin = file:$work/pin' 'pin-for-signature = yes' >>openssl.cnf"
    show "export OPENSSL_CONF=$work/openssl.cnf"
    show "export OPENSSL_MODULES=$build/ossl-modules OPENSSL_ENGINES=$build/engines"

    title "What is on the card, and does it work: the tool"
    tool="tessera${reader:+ --card '$reader'}"
    show "PATH=$build/bin:\$PATH"
    show "$tool"
    show "$tool pin"
    show "$tool test --pin-file pin"

    title "The same by openssl (no PIN needed)"
    show "openssl storeutl -noout -text 'card:${which#;}' | grep -E '^[0-9]|Subject:|Issuer:|Total'"
    show "openssl storeutl -certs '$auth' | openssl x509 -out card.pem"
    show "openssl storeutl -certs '$sign' | openssl x509 -out sign.pem"
    show "openssl storeutl -certs '$decrypt' | openssl x509 -out decrypt.pem"

    title "A signed file, verified by OpenSSL without tessera"
    show "date >letter.txt"
    show "openssl dgst -sha256 -sign '$sign' -out letter.sig letter.txt"
    show "openssl x509 -in sign.pem -noout -pubkey >sign.pub"
    show "env -u OPENSSL_CONF openssl dgst -sha256 -verify sign.pub -signature letter.sig letter.txt"

    title "A signed S/MIME message, verified by OpenSSL without tessera"
    show "openssl cms -sign -text -in letter.txt -signer sign.pem -inkey '$sign' -out message.eml"
    show "head -n 5 message.eml"
    show "env -u OPENSSL_CONF openssl cms -verify -text -in message.eml $trust"

    title "An S/MIME message encrypted without tessera, decrypted by the card"
    show "env -u OPENSSL_CONF openssl cms -encrypt -aes256 -in letter.txt -out secret.eml decrypt.pem"
    show "openssl cms -decrypt -in secret.eml -recip decrypt.pem -inkey '$decrypt'"

    title "A server that demands the card's certificate"
    start_nginx nginx-server 8443

    title "curl logs in, the key by a PEM-wrapped URI"
    show "bash $top/conf/uri2pem.sh '$auth' | tee key.pem"
    show "curl -sS --fail --cacert server-ca.pem --cert card.pem --key key.pem https://localhost:8443/"

    title "curl logs in by the engine"
    show "curl -sS --fail --cacert server-ca.pem --engine tessera --key-type ENG --key 'card:usage=auth$which' --cert card.pem https://localhost:8443/"

    title "nginx logs in as a proxy with the card, for a client that knows no cards"
    start_nginx nginx-proxy 8080
    show "env -u OPENSSL_CONF curl -sS --fail http://localhost:8080/"
    say "done"
}

# Nothing of a simulated card is to be taken for a real one's later.
export XDG_CACHE_HOME=$work/cache
reader=
family=cps3
case $#:${1-} in
2:--reader)
    reader=$2
    prepare
    demonstrate
    ;;
2:--in-namespace)
    family=$2
    demonstrate
    ;;
2:--card | 0:)
    family=${2-cps3}
    prepare
    enter_world bash "$0" --in-namespace "$family"
    ;;
*) die "usage: tests/demo.sh [--reader NAME | --card FAMILY]" ;;
esac
