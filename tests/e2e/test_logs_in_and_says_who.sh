#!/bin/bash
# `tessera test https://...` logs in with the card through the provider and says
# who was recognised; what stands in the way of a login is said in plain words.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

export OPENSSL_MODULES=$build/ossl-modules
unset OPENSSL_CONF
cd "$work"
printf '%s\n' "$PIN" >pin
chmod 600 pin
ca=$cards/one/root.pem
card_start one 0

# visits STATUS URL [OPTION...]: what is said is in said.
visits()
{
    local status=0

    tessera test --pin-file pin "${@:2}" >said 2>&1 </dev/null || status=$?
    [ $status = "$1" ] || { cat said; fail "status $status, not $1: ${*:2}"; }
}

# door SED-EXPRESSION: the server, anew.
door()
{
    stop_started
    rm -rf "$work/door"
    door_start "$1"
}

# --- A server that takes the card ---------------------------------------------

door 's/TLSv1.2/TLSv1.2/'
visits 0 https://localhost:8443/ --ca "$ca"
says said '^The login works|The login works'
says said 'TLSv1.2'
says said 'page says +welcome '
says said 'HTTP/1.1 200'
says said 'for the certificate of whoever'
says said 'Its certificate until +20'
visits 0 https://127.0.0.1:8443/ --ca "$ca"
visits 0 --json https://localhost:8443/ --ca "$ca"
jq -e '.works and .asked and .accepted and .protocol == "TLSv1.2" and
    (.accepts | length > 0) and (.page | test("welcome"))' said >/dev/null ||
    { cat said; fail 'JSON'; }
visits 0 --redact https://localhost:8443/ --ca "$ca"
says said 'Certificate +\*\*\*'
tries_are 3

# Not trusted, not its name, not a server, no name.
visits 8 https://localhost:8443/
says said 'does not trust the CA'
sed 's/^127.0.0.1 *localhost.*/& elsewhere.example/' /etc/hosts >hosts
mount --bind hosts /etc/hosts
visits 8 https://elsewhere.example:8443/ --ca "$ca"
says said 'is not for elsewhere.example'
visits 8 https://localhost:8444/ --ca "$ca"
says said 'no server listens on port 8444'
visits 8 https://nowhere.invalid/ --ca "$ca"
says said 'cannot be looked up|there is no host'
visits 2 'https:localhost'
visits 1 https://localhost:8443/ --ca /etc/hosts
says said 'no CA certificate'
visits 1 https://localhost:8443/ --ca absent.pem
says said 'there is no file absent.pem'
visits 0 https://localhost:8443/ --cacert "$ca"
says said 'Next: tessera activate'
OPENSSL_CONF=$conf/openssl.cnf visits 0 https://localhost:8443/ --ca "$ca"
! grep Next: said || fail 'activated, and told to activate'

# What needs no PIN comes before it is asked for: here there is no terminal.
# asks_nothing STATUS URL [OPTION...]
asks_nothing()
{
    local status=0

    tessera test "${@:2}" >said 2>&1 </dev/null || status=$?
    [ $status = "$1" ] || { cat said; fail "status $status, not $1: ${*:2}"; }
}
asks_nothing 1 https://localhost:8443/ --ca absent.pem
asks_nothing 8 https://localhost:8444/ --ca "$ca"
asks_nothing 8 https://localhost:8443/
says said 'does not trust the CA'
asks_nothing 6 https://localhost:8443/ --ca "$ca"
visits 8 'https://[::1]:8443/' --ca "$ca"
says said 'no server listens|cannot be reached'

# --- Versions of TLS ----------------------------------------------------------

door 's/TLSv1.2/TLSv1.3/'
visits 8 https://localhost:8443/ --ca "$ca"
says said 'allows TLS 1.3 only, which wants RSA-PSS'

door 's/TLSv1.2/TLSv1.2 TLSv1.3/'
visits 0 https://localhost:8443/ --ca "$ca"
says said 'took a limit to TLS 1.2'

# --- Servers that recognise nobody --------------------------------------------

door '/ssl_verify/d'
visits 8 https://localhost:8443/ --ca "$ca"
says said 'did not ask for a certificate'
visits 8 --json https://localhost:8443/ --ca "$ca"
jq -e '(.works | not) and (.asked | not)' said >/dev/null || fail 'JSON'

# One that accepts the cards of others.
door 's|server-ca.pem|server-ca.pem|; s|/card-ca.pem|/server-ca.pem|'
visits 8 https://localhost:8443/ --ca "$ca"
tries_are 3

# --- PINs and provider --------------------------------------------------------

door 's/TLSv1.2/TLSv1.2/'
echo 9999 >pin
visits 4 https://localhost:8443/ --ca "$ca"
tries_are 2
visits 4 https://localhost:8443/ --ca "$ca"
tries_are 1
echo "$PIN" >pin
visits 6 https://localhost:8443/ --ca "$ca"
says said 'one try is left'
tries_are 1

# After a wrong one the right one gives the tries back.
card_set_tries 2
visits 0 https://localhost:8443/ --ca "$ca"
tries_are 3
card_set_tries 0
asks_nothing 5 https://localhost:8443/ --ca "$ca"
says said 'tessera pin unblock'
[ "$(grep -c blocked said)" = 1 ] || { cat said; fail 'not said once'; }
card_set_tries 3
converse 0 "test https://localhost:8443/ --ca $ca" \
    'PIN (4 digits), 3 of 3 tries left: ' 12 \
    'PIN (4 digits), 3 of 3 tries left: ' "$PIN"
says said 'The PIN has 4 digits'
says said 'The login works'
tries_are 3

# Connections are taken, and nothing is said.
python3 -c '
import socket, time
server = socket.create_server(("127.0.0.1", 8445))
time.sleep(60)' &
started+=($!)
wait_for_port 8445
visits 8 https://localhost:8445/ --ca "$ca"
says said 'does not answer any more'

OPENSSL_MODULES=$work visits 8 https://localhost:8443/ --ca "$ca"
says said 'provider cannot be loaded from'
