# What stories share: each sources it first. run.sh has put the story into
# namespaces of its own (tests/sim/netns.sh) and gives it
#
#   build   the build tree              top   the source tree
#   story_work  an empty folder
#
# shellcheck shell=bash
set -Eeuo pipefail
trap 'echo "story failed: ${BASH_SOURCE[0]##*/} line $LINENO: $BASH_COMMAND"' ERR

work=$story_work
conf=$top/conf
PIN=1234
export LC_ALL=C XDG_STATE_HOME=$work/state XDG_CACHE_HOME=$work/cache

# shellcheck source=tests/e2e/world.sh
. "$top/tests/e2e/world.sh"

# --- Programs -----------------------------------------------------------------

# Whole programs under a sanitizer build need its runtime first.
with_runtime()
{
    env ${TESSERA_PRELOAD:+"LD_PRELOAD=$TESSERA_PRELOAD"} "$@"
}

openssl()
{
    with_runtime timeout --foreground 60 openssl "$@"
}

curl()
{
    with_runtime timeout -k 1 60 curl --silent --show-error --max-time 30 "$@"
}

# The tool, as it was built.
tessera()
{
    with_runtime timeout --foreground 60 "$build/bin/tessera" "$@"
}

# A client that knows nothing of us.
visit()
{
    env -u OPENSSL_CONF -u OPENSSL_MODULES -u OPENSSL_ENGINES \
        curl --silent --show-error --fail --insecure --max-time 20 "$@"
}

# OpenSSL as Debian ships it: it knows nothing of us.
stock()
{
    env -u OPENSSL_CONF -u OPENSSL_MODULES -u OPENSSL_ENGINES openssl "$@"
}

# in_charset CHARSET COMMAND...: the command as a French user runs it. The
# locale is made once per build tree: the machine need not have it.
in_charset()
{
    local locale=fr_FR.$1 folder=$build/locale new

    if [ ! -d "$folder/$locale" ]; then
        mkdir -p "$folder"
        new=$(mktemp -d "$folder/XXXXXX")
        localedef -i fr_FR -f "$1" "$new/$locale" 2>"$work/localedef" || {
            cat "$work/localedef"
            fail "localedef made no $locale"
        }
        # Another story may have been faster.
        mv -nT "$new/$locale" "$folder/$locale"
        rm -rf "$new"
    fi
    env -u LANGUAGE LOCPATH="$folder" LC_ALL="$locale" "${@:2}"
}

in_french()
{
    in_charset UTF-8 "$@"
}

# --- Configuration ------------------------------------------------------------

# Debian's openssl.cnf with our sample behind it; more lines of the provider's
# section are the arguments.
configure()
{
    cat /etc/ssl/openssl.cnf "$conf/openssl.cnf" >"$work/openssl.cnf"
    printf '%s\n' "$@" >>"$work/openssl.cnf"
    export OPENSSL_CONF=$work/openssl.cnf
    export OPENSSL_MODULES=$build/ossl-modules
    export OPENSSL_ENGINES=$build/engines
}

# OpenSSL 4 has no engines. What a story does with ours stands at its end, after
# "has_engine || exit 0".
has_engine()
{
    grep -q '^HAVE_ENGINE:INTERNAL=1' "$build/CMakeCache.txt"
}

# The same for the engine alone; arguments are lines of its section.
configure_engine()
{
    {
        cat /etc/ssl/openssl.cnf
        sed '/^init = 1/d' "$conf/openssl-engine.cnf"
        printf '%s\n' "$@" 'init = 1'
    } >"$work/openssl.cnf"
    export OPENSSL_CONF=$work/openssl.cnf
    export OPENSSL_MODULES=$build/nowhere
    export OPENSSL_ENGINES=$build/engines
}

configure_with_pin()
{
    printf '%s\n' "${1:-$PIN}" >"$work/pin"
    chmod 600 "$work/pin"
    configure "pin = file:$work/pin"
}

# The certificate of a key, as programs want it beside a PEM-wrapped URI.
export_certificate()
{
    openssl storeutl -noout -certs "$1" >/dev/null
    openssl storeutl -certs "$1" 2>/dev/null | stock x509 >"$2"
}

# --- Assertions ---------------------------------------------------------------

fail()
{
    echo "story failed: $*"
    exit 1
}

# says FILE TEXT: at once, or as soon as a server has written it
says()
{
    for _ in $(seq 20); do
        ! grep -qiE -- "$2" "$1" || return 0
        sleep 0.1
    done
    echo "--- $1 does not say: $2"
    cat "$1"
    exit 1
}

# The command must fail, with an exit status and not by a signal; what it said
# is in $work/said.
refused()
{
    local status=0

    "$@" >"$work/said" 2>&1 </dev/null || status=$?
    if [ $status -eq 0 ] || [ $status -ge 124 ]; then
        cat "$work/said"
        fail "status $status of: $*"
    fi
}

# The same within 5 seconds.
refused_soon()
{
    local start=${EPOCHREALTIME/./} took

    refused "$@"
    took=$((${EPOCHREALTIME/./} - start))
    [ $took -le 5000000 ] || fail "$took microseconds until it failed: $*"
}

tries_are()
{
    local left

    left=$(card_tries)
    [ "$left" = "$1" ] || fail "$left tries are left, not $1"
}

# type_at_prompt TEXT COMMAND: run the command with a terminal and answer its
# prompts with the text; what the terminal showed is in $work/said.
type_at_prompt()
{
    with_runtime timeout 60 script -qec "$2" /dev/null >"$work/said" 2>&1 < <(
        for _ in 1 2 3; do
            sleep 1
            printf '%s\n' "$1"
        done 2>/dev/null
    )
}

# converse STATUS WORDS [QUESTION ANSWER]...: tessera with a terminal. Each question
# is waited for and answered; an answer with a control character is that key, not
# a line. It must end with that status, and leave the terminal as it was; what
# was shown is in $work/shown, and as one line, which sentences are looked for
# in, in $work/said. COLUMNS_WIDE: the terminal's width, 80 by default.
# SPEAKER: in_french.
converse()
{
    local status=0 wanted=$1

    TESSERA="$build/bin/tessera $2" WORK=$work \
        COLUMNS_WIDE=${COLUMNS_WIDE:-80} \
        ${SPEAKER:-env} expect -f "$top/tests/e2e/converse.exp" -- "${@:3}" \
        >"$work/shown" 2>&1 </dev/null || status=$?
    tr -s '\r\n' ' ' <"$work/shown" >"$work/said"
    if [ $status -ne "$wanted" ]; then
        cat "$work/shown"
        fail "status $status, not $wanted, of: tessera $2"
    fi
    cmp "$work/terminal.before" "$work/terminal.after" ||
        fail "the terminal is left changed by: tessera $2"
}

# --- Servers ------------------------------------------------------------------

wait_for_port()
{
    for _ in $(seq 100); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
            return 0
        fi
        sleep 0.1
    done
    fail "nothing listens on port $1"
}

wait_for_socket()
{
    for _ in $(seq 100); do
        [ ! -S "$1" ] || return 0
        sleep 0.1
    done
    fail "no socket $1"
}

started=()

stop_started()
{
    local pid

    for pid in ${started[@]+"${started[@]}"}; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    started=()
}

stop_last()
{
    kill "${started[-1]}"
    wait "${started[-1]}" || true
    unset 'started[-1]'
}

story_ends()
{
    local status=$?

    stop_started
    world_stop
    exit $status
}
trap story_ends EXIT

# nginx_sample FILE: a sample of conf/ with this story's folder in it.
nginx_sample()
{
    sed "s|/etc/tessera/|$work/|" "$conf/$1" >"$work/$1"
}

# nginx_config WORKERS FILE...: an nginx.conf that includes the files.
nginx_config()
{
    local workers=$1 file

    shift
    {
        printf 'daemon off; worker_processes %s;\n' "$workers"
        [ "$(id -u)" != 0 ] || printf 'user www-data;\n'
        printf 'pid nginx.pid; error_log nginx.log info;\n'
        # What modules read; workers would not see it.
        printf 'env SOFTHSM2_CONF; env P11_KIT_SERVER_ADDRESS;\n'
        printf 'events { worker_connections 64; }\n'
        printf 'http { access_log off; ssl_session_cache off;\n'
        for file in client_body proxy fastcgi uwsgi scgi; do
            printf '%s_temp_path tmp_%s;\n' $file $file
        done
        for file in "$@"; do
            printf 'include %s;\n' "$file"
        done
        printf '}\n'
    } >"$work/nginx.conf"
}

# nginx_with_key KEY WORKERS: an nginx.conf for a server with this key, that asks
# clients for no certificate.
nginx_with_key()
{
    nginx_sample nginx-server.conf
    sed -i -e '/ssl_client_certificate/d' -e '/ssl_verify/d' \
        -e "s|^\(  *ssl_certificate_key\).*|\1 $1;|" "$work/nginx-server.conf"
    nginx_config "$2" "$work/nginx-server.conf"
}

# Its pid is the subshell's, which becomes it.
exec_nginx()
{
    exec env ${TESSERA_PRELOAD:+"LD_PRELOAD=$TESSERA_PRELOAD"} \
        nginx -p "$1" -c "$1/nginx.conf" -e "$1/nginx.log"
}

# nginx_start PORT: in the background; its pid is $!.
nginx_start()
{
    exec_nginx "$work" &
    started+=($!)
    wait_for_port "$1"
}

# The sample server that demands the card's certificate: port 8443.
door_start()
{
    nginx_sample nginx-server.conf
    cat "$cards/one/server.pem" "$cards/one/ca.pem" >"$work/server.pem"
    cp "$cards/one/server.key" "$work/server-key.pem"
    cp "$cards/one/root.pem" "$work/server-ca.pem"
    cp "$card_ca" "$work/card-ca.pem"
    sed "${1:-}" -i "$work/nginx-server.conf"
    mkdir -p "$work/door"
    (
        work=$work/door
        nginx_config 1 "${work%/door}/nginx-server.conf"
    )
    (
        unset OPENSSL_CONF OPENSSL_MODULES OPENSSL_ENGINES TESSERA_PRELOAD
        exec_nginx "$work/door"
    ) &
    started+=($!)
    wait_for_port 8443
}

# curl_logs_in CERTIFICATE KEY [OPTION...]: at that door, from $work. Not
# under a sanitizer, where curl does not start.
curl_logs_in()
{
    [ -z "${TESSERA_PRELOAD-}" ] || return 0
    curl --fail --cacert server-ca.pem --cert "$1" --key "$2" "${@:3}" \
        https://localhost:8443/ >said
    says said '^welcome '
}
