#!/bin/bash
# A certificate authority whose key is on a token: openssl ca with the key and
# its certificate named in the configuration, x509 and req with both as options.
# Stock OpenSSL follows the chains and the revocation lists.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"
# shellcheck source=tests/e2e/softhsm.sh
. "$top/tests/e2e/softhsm.sh"

hsm_start
hsm_key rsa 01 RSA:2048
hsm_key ec 02 EC:prime256v1
stock genpkey -algorithm ED25519 -out "$work/ed.key"
hsm_import ed 03 "$work/ed.key"
rm "$work/ed.key"
hsm_key leaf 04 EC:prime256v1
configure_module_with_pin
cd "$work"
openssl req -new -key "$(hsm_uri leaf)" -subj /CN=leaf -out leaf.req

ca_configuration()
{
    cat <<END
[ca]
default_ca = token
[token]
private_key = $key
certificate = $cert
database = $1/index
new_certs_dir = $1
serial = $1/serial
crlnumber = $1/crlnumber
default_md = default
default_days = 30
default_crl_days = 30
policy = any
x509_extensions = user
[any]
commonName = supplied
[user]
basicConstraints = critical, CA:FALSE
authorityKeyIdentifier = keyid
END
}

# root NAME: its own certificate, on the token too.
root()
{
    openssl req -x509 -key "$key" -subj "/CN=$1 root" -days 30 \
        -addext keyUsage=critical,keyCertSign,cRLSign -out "$1.pem"
    stock x509 -in "$1.pem" -outform DER -out "$1.der"
    hsm_tool --write-object "$1.der" --type cert --label "$1" \
        --id "${hsm_ids[$1]}" >/dev/null 2>&1
    mkdir "$1"
    touch "$1/index"
    echo 01 >"$1/serial"
    echo 01 >"$1/crlnumber"
    ca_configuration "$1" >"$1/ca.cnf"
}

# issued FILE: for the leaf's key, by this root and no other.
issued()
{
    stock verify -CAfile $name.pem "$1"
    stock x509 -in "$1" -noout -pubkey | cmp - leaf.pub
    refused stock verify -CAfile "$cards/one/ca.pem" "$1"
    rm "$1"
}

authority()
{
    local ca=(openssl ca -config "$1/ca.cnf" -batch -notext)
    local verify=(stock verify -CAfile "$1.pem" -crl_check -CRLfile crl.pem)

    "${ca[@]}" -in leaf.req -out good.pem 2>/dev/null
    "${ca[@]}" -in leaf.req -subj /CN=other -out bad.pem 2>/dev/null
    "${ca[@]}" -gencrl -out crl.pem
    "${verify[@]}" good.pem bad.pem
    "${ca[@]}" -revoke bad.pem 2>/dev/null
    "${ca[@]}" -gencrl -out crl.pem
    "${verify[@]}" good.pem
    refused "${verify[@]}" bad.pem
    says said 'revoked'
    stock crl -in crl.pem -noout -CAfile "$1.pem" >said 2>&1
    says said 'verify OK'
    # Options in place of the configuration.
    "${ca[@]}" -in leaf.req -subj /CN=third -keyfile "$key" -cert "$1.pem" \
        -out third.pem 2>/dev/null
    issued third.pem
}

for name in rsa ec ed; do
    key=$(hsm_uri $name)
    cert=${key/private/cert}
    root $name
    authority $name
    openssl x509 -req -in leaf.req -CA "$cert" -CAkey "$key" -out leaf.pem
    issued leaf.pem
    openssl x509 -new -force_pubkey "pkcs11:object=leaf;type=public" \
        -subj /CN=leaf -CA "$cert" -CAkey "$key" -out leaf.pem
    issued leaf.pem
    openssl req -x509 -key "$(hsm_uri leaf)" -subj /CN=leaf -CA "$cert" \
        -CAkey "$key" -out leaf.pem
    issued leaf.pem
    # What is verified may be named by URI too.
    openssl verify -CAfile $name.pem good.pem "$cert"
done

# A root that has another key.
refused openssl x509 -req -in leaf.req -CA ec.pem -CAkey "$(hsm_uri rsa)" \
    -out leaf.pem
