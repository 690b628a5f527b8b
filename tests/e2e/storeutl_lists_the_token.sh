#!/bin/bash
# What is on a token, by storeutl with its filters and by the commands that read
# keys and certificates: what is public without a PIN, all of it with one.
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
for name in rsa ec ed; do
    hsm_certify $name mail
done
hsm_forget_public ec # its public half is in the certificate only
token=pkcs11:token=$hsm_token
ec_subject='/O=TESSERA TEST/CN=ec'
cd "$work"

# lists KINDS ARGUMENT...: storeutl finds that many private keys, public keys
# and certificates, with no error on the way.
lists()
{
    local found

    openssl storeutl -noout "${@:2}" >list 2>errors </dev/null || true
    found=$(grep -c '^[0-9]*: Pkey' list || true)
    found+=/$(grep -c '^[0-9]*: Public key' list || true)
    found+=/$(grep -c '^[0-9]*: Certificate' list || true)
    if [ "$found" != "$1" ] || grep -q ':error:' errors; then
        cat list errors
        fail "found $found: ${*:2}"
    fi
}

# What is public needs no PIN, and none is asked for.
public_things()
{
    lists 0/0/3 -certs "$token"
    lists 0/0/3 "$token;type=cert"
    lists 0/0/0 -crls "$token"
    lists 0/2/0 "$token;type=public"
    lists 0/1/0 "$token;type=public;id=%01"
    lists 0/0/1 -certs "$token;object=ec"
    lists 0/0/1 -certs -alias ec "$token"
    lists 0/0/1 -certs -subject "$ec_subject" "$token"
    lists 0/0/1 -certs -issuer "$issuer" -serial "$serial" "$token"
    if grep -q 'pass phrase' errors; then fail 'a PIN was asked for'; fi
}

stock x509 -in ec.pem -noout -serial -issuer -nameopt compat >names
serial=0x$(sed -n 's/^serial=//p' names)
issuer=$(sed -n 's/^issuer=//p' names)
configure_module tessera
public_things
lists 0/2/3 "$token"
lists 0/0/1 -subject "$ec_subject" "$token"
refused_soon openssl storeutl -noout -keys "$token"
says "$work/said" 'PIN'

configure_module_with_pin
public_things
lists 3/2/3 "$token"
lists 3/0/0 -keys "$token"
lists 3/0/0 "$token;type=private"
lists 1/0/1 "$token;object=ec"
lists 1/1/1 "$token;id=%03"
lists 1/1/1 -alias rsa "$token"
lists 1/0/0 -keys -alias rsa "$token"
lists 0/0/1 -subject "$ec_subject" "$token"

# What there is none of is told.
for search in '-alias nobody' '-certs -subject /CN=nobody'; do
    # shellcheck disable=SC2086
    refused_soon openssl storeutl -noout $search "$token"
    says said 'not found'
done
for uri in 'pkcs11:token=nowhere' "$token;object=nobody" "$token;id=%99"; do
    refused_soon openssl storeutl -noout "$uri"
    refused_soon openssl x509 -in "$uri" -noout
    refused_soon openssl pkey -in "$uri" -noout
done

# What is listed is what stock OpenSSL has in its files.
for name in rsa ec ed; do
    uri="$token;object=$name"
    openssl storeutl -certs "$uri" | stock x509 | cmp - $name.pem
    openssl x509 -in "$uri" | cmp - $name.pem
    openssl x509 -in "$uri" -noout -pubkey | cmp - $name.pub
    openssl pkey -in "$uri" -pubout | cmp - $name.pub
    openssl verify -CAfile "$card_ca" "$uri" >/dev/null
    stock pkey -pubin -in $name.pub -noout -text >public.text
    openssl storeutl -keys -text -noout "$uri" >text
    tail -n "$(($(wc -l <public.text) + 1))" text | head -n -1 |
        cmp - public.text
    [ $name != ec ] || continue
    openssl pkey -pubin -in "$uri;type=public" | cmp - $name.pub
    openssl pkey -pubin -in "$uri" -noout -text | cmp - public.text
    openssl storeutl "$uri;type=public" | stock pkey -pubin | cmp - $name.pub
done
