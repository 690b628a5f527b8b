#!/bin/bash
# A timestamp authority and an OCSP responder with keys on a token: openssl ts
# reads files, so its key is a PEM file with the URI; openssl ocsp takes URIs.
# Stock OpenSSL asks and verifies.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"
# shellcheck source=tests/e2e/softhsm.sh
. "$top/tests/e2e/softhsm.sh"

hsm_start
hsm_key tsa-rsa 01 RSA:2048
hsm_key tsa-ec 02 EC:prime256v1
hsm_key ocsp-rsa 03 RSA:2048
hsm_key ocsp-ec 04 EC:prime256v1
stock genpkey -algorithm ED25519 -out "$work/ed.key"
hsm_import ocsp-ed 05 "$work/ed.key"
rm "$work/ed.key"
for type in rsa ec; do
    hsm_certify tsa-$type timeStamping
    hsm_certify ocsp-$type OCSPSigning
done
hsm_certify ocsp-ed OCSPSigning
configure_module_with_pin
cd "$work"
ca=$cards/one/ca.pem
seq 1000 >file
seq 999 >other

# --- Timestamps ---------------------------------------------------------------

ts_configuration()
{
    cat <<END
[tsa]
default_tsa = token
[token]
serial = serial
signer_cert = tsa-$type.pem
signer_key = key.pem
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384
ess_cert_id_alg = sha256
END
}

stamped() # REPLY
{
    stock ts -verify -data file -in "$1" -CAfile "$card_ca"
    stock ts -verify -queryfile query -in "$1" -CAfile "$card_ca"
    refused stock ts -verify -data other -in "$1" -CAfile "$card_ca"
    rm "$1"
}

for type in rsa ec; do
    openssl pkey -in "$(hsm_uri tsa-$type)" -out key.pem
    ts_configuration >ts.cnf
    for hash in sha256 sha384; do
        stock ts -query -data file -$hash -cert -out query 2>/dev/null
        openssl ts -reply -config ts.cnf -queryfile query -out reply
        stamped reply
    done
    sed -i '/^signer_[ck]/d' ts.cnf
    openssl ts -reply -config ts.cnf -queryfile query -inkey key.pem \
        -signer tsa-$type.pem -chain "$ca" -out reply
    stamped reply
done

# --- OCSP ---------------------------------------------------------------------

serial_of()
{
    stock x509 -in "$1" -noout -serial | cut -d = -f 2
}

# The CA's list: one good, one revoked.
printf '%s\t301231235959Z\t%s\t%s\tunknown\t/CN=%s\n' \
    V '' "$(serial_of tsa-rsa.pem)" good \
    R 260101000000Z,keyCompromise "$(serial_of tsa-ec.pem)" bad >index

ocsp_ask() # CERTIFICATE [OPTION...]
{
    stock ocsp -issuer "$ca" -cert "$1" -CAfile "$card_ca" "${@:2}" \
        >said 2>&1 || {
        cat said
        fail "no answer about $1"
    }
    says said 'Response verify OK'
}

# Without a connection: the responder waits for the request of the first one.
wait_for_responder()
{
    for _ in $(seq 100); do
        if ss -ltnH "sport = :$port" | grep -q .; then
            return 0
        fi
        sleep 0.1
    done
    cat ocsp.log
    fail "nothing listens on port $port"
}

port=2560
for type in rsa ec ed; do
    key=$(hsm_uri ocsp-$type)
    cert=${key/private/cert}
    port=$((port + 1))
    openssl ocsp -port $port -index index -CA "$ca" -rsigner "$cert" \
        -rkey "$key" >ocsp.log 2>&1 &
    started+=($!)
    wait_for_responder
    ocsp_ask tsa-rsa.pem -url "http://127.0.0.1:$port/"
    says said 'tsa-rsa.pem: good'
    ocsp_ask tsa-ec.pem -url "http://127.0.0.1:$port/"
    says said 'tsa-ec.pem: revoked'

    # Without a network, the question signed by a key of the token.
    openssl ocsp -issuer "$ca" -cert tsa-rsa.pem -signer "$cert" \
        -signkey "$key" -reqout request
    says <(stock ocsp -reqin request -req_text) 'Signature Algorithm'
    openssl ocsp -index index -CA "$ca" -rsigner "$cert" -rkey "$key" \
        -reqin request -respout response >/dev/null
    ocsp_ask tsa-rsa.pem -no_nonce -respin response
    says said 'tsa-rsa.pem: good'
done
