#!/bin/bash
# s_server and s_client with each type of key, on both ends of TLS 1.2 and 1.3,
# with key and certificate by URI; the other end is stock OpenSSL with keys in
# files. The card's key does TLS 1.2.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"
# shellcheck source=tests/e2e/softhsm.sh
. "$top/tests/e2e/softhsm.sh"

card_start one 0
hsm_start
hsm_key rsa 01 RSA:2048
hsm_key ec 02 EC:prime256v1
stock genpkey -algorithm ED25519 -out "$work/ed.key"
hsm_import ed 03 "$work/ed.key"
rm "$work/ed.key"
hsm_ids[client-rsa]=01 hsm_ids[client-ec]=02 hsm_ids[client-ed]=03
for name in rsa ec ed; do
    hsm_certify $name server
    cp "$work/$name.pub" "$work/client-$name.pub"
    hsm_certify client-$name client
done
configure_module_with_pin
cd "$work"
file=(-cert "$cards/one/auth.pem" -key "$cards/one/auth.key")

# --- Our servers --------------------------------------------------------------

# serve PORT OPTION...: to clients that have a certificate.
serve()
{
    openssl s_server -accept "127.0.0.1:$1" -www -Verify 3 \
        -verify_return_error -CAfile "$card_ca" "${@:2}" \
        >"server-$1.log" 2>&1 &
    started+=($!)
    wait_for_port "$1"
}

# visited PORT NAME OPTION...: the answer, from who has that key.
visited()
{
    printf 'GET / HTTP/1.0\r\n\r\n' |
        stock s_client -connect "127.0.0.1:$1" -CAfile "$card_ca" \
            -verify_return_error -ign_eof -showcerts "${file[@]}" "${@:3}" \
            >said 2>&1 || true
    says said 'HTTP/1.0 200'
    stock x509 -in said -noout -pubkey | cmp - "$2.pub"
}

serves()
{
    serve "$1" -cert "$cert" -key "$key" -cert_chain "$cards/one/ca.pem"
    visited "$1" $name -tls1_2
    visited "$1" $name -tls1_3
}

# --- Our clients --------------------------------------------------------------

stock s_server -accept 127.0.0.1:4440 -www -Verify 3 -verify_return_error \
    -CAfile "$card_ca" -cert "$cards/one/server.pem" \
    -key "$cards/one/server.key" >server.log 2>&1 &
started+=($!)
wait_for_port 4440

# visits SUBJECT OPTION...: the server knows us by that name.
visits()
{
    printf 'GET / HTTP/1.0\r\n\r\n' |
        openssl s_client -connect 127.0.0.1:4440 -ign_eof "${@:2}" \
            >said 2>&1 || true
    says said 'HTTP/1.0 200'
    sed '1,/HTTP.1.0 200/d' said >page
    says page "Subject:.*CN ?= ?$1"
}

port=4441
for name in rsa ec ed; do
    key=$(hsm_uri $name)
    cert=${key/private/cert}
    serves $port
    port=$((port + 1))
    for version in -tls1_2 -tls1_3; do
        visits client-$name $version -key "$key" -cert client-$name.pem
        visits client-$name $version -key "$key" \
            -cert "pkcs11:object=client-$name;type=cert"
    done
done

# Each way to sign that TLS has for these keys.
for scheme in rsa_pkcs1_sha256 rsa_pkcs1_sha512 rsa_pss_rsae_sha256 \
    rsa_pss_rsae_sha512 ecdsa_secp256r1_sha256; do
    type=${scheme%%_*}
    [ "$type" != ecdsa ] || type=ec
    key=$(hsm_uri "$type")
    visits "client-$type" -tls1_2 -key "$key" -cert "client-$type.pem" \
        -client_sigalgs $scheme
done

# One server with two keys of the token, chosen by what the client knows.
key=$(hsm_uri rsa)
rsa=rsa_pss_rsae_sha256:rsa_pkcs1_sha256
serve 4450 -cert rsa.pem -key "$key" -dcert ec.pem -dkey "$(hsm_uri ec)" \
    -cert_chain "$cards/one/ca.pem" -dcert_chain "$cards/one/ca.pem"
for version in -tls1_2 -tls1_3; do
    visited 4450 rsa $version -sigalgs "$rsa"
    visited 4450 ec $version -sigalgs "ecdsa_secp256r1_sha256:$rsa"
done

# Without a signature of a token key.
serve 4451 -cert rsa.pem -key "$key" -tls1_2 -cipher kRSA
visited 4451 rsa -cipher kRSA

# The card.
export_certificate 'card://usage=auth' card.pem
stock x509 -in card.pem -noout -pubkey >card.pub
serve 4452 -cert 'card://usage=auth' -key 'card://usage=auth' -tls1_2
visited 4452 card -purpose any
visited 4452 card -purpose any -cipher kRSA
visits '[0-9]+' -tls1_2 -cert 'card://usage=auth' -key 'card://usage=auth'

# A certificate that does not belong to the key is not shown to anybody.
refused openssl s_client -connect 127.0.0.1:4440 -key "$key" -cert client-ec.pem

# The PIN as the pass phrase of the key.
configure_module tessera
visits client-rsa -tls1_3 -cert client-rsa.pem -key "$key" -pass "pass:$PIN"
tries_are 3
