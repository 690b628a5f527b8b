#!/bin/bash
# ML-DSA and ML-KEM keys on a token, here that of Mozilla's NSS: made by genpkey,
# then certificates, CMS, TLS 1.3 and decapsulation, each judged by stock
# OpenSSL. An NSS that is too old refuses to make them, and says so.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

nss=$(dpkg -L libnss3 | grep -m 1 '/libsoftokn3\.so$')
token='pkcs11:token=NSS%20Certificate%20DB'
export NSS_LIB_PARAMS="configdir=sql:$work/nss" # for programs other than ours

make()
{
    openssl genpkey -propquery '?provider=tessera' -algorithm "$1" \
        -pkeyopt "pkcs11_uri:$token;object=$1" -out "$work/$1.key" "${@:2}"
}

uri()
{
    echo "$token;object=$1;type=private"
}

# has_mechanism NAME NUMBER: as pkcs11-tool calls it, with or without a name.
has_mechanism()
{
    grep -qE "^ *($1|mechtype-$2)," "$work/mechanisms"
}

mkdir "$work/nss"
printf '%s\n' "$PIN" >"$work/pin"
chmod 600 "$work/pin"
certutil -N -d "sql:$work/nss" -f "$work/pin"
env -u OPENSSL_CONF pkcs11-tool --module "$nss" --list-mechanisms \
    --token-label 'NSS Certificate DB' >"$work/mechanisms" 2>/dev/null
configure "pkcs11-module-path = $nss" \
    "pkcs11-module-init-args = configdir='sql:$work/nss'" \
    "pin = file:$work/pin" 'check-signatures = yes'
echo 'a message' >"$work/message"

if ! has_mechanism ML-DSA 0x1D; then
    refused make ML-DSA-65
    says "$work/said" CKR_MECHANISM_INVALID
    exit 0
fi

# --- ML-DSA -------------------------------------------------------------------

# verifies NAME
verifies()
{
    stock pkeyutl -verify -pubin -inkey "$work/$1.pub" -in "$work/message" \
        -sigfile "$work/sig" >/dev/null
}

# A process of its own: it is the one to stop.
exec_server()
{
    exec env ${TESSERA_PRELOAD:+"LD_PRELOAD=$TESSERA_PRELOAD"} \
        openssl s_server -accept 8443 -Verify 1 -verify_return_error -www "$@"
}

# tls_both_ways NAME: server and client have that key, both demand it.
tls_both_ways()
{
    local ours=(-cert "$work/$1.pem" -key "$(uri "$1")" -CAfile "$work/$1.pem")
    local theirs=(-CAfile "$work/$1.pem" -verify_return_error -tls1_3)

    exec_server "${ours[@]}" >/dev/null 2>&1 &
    started+=($!)
    wait_for_port 8443
    openssl s_client -connect 127.0.0.1:8443 "${ours[@]}" "${theirs[@]}" \
        </dev/null >"$work/tls" 2>&1
    says "$work/tls" "Peer signature type: mldsa${1##*-}"
    says "$work/tls" 'Verification: OK'
    # What the server makes of a client without a key.
    refused stock s_client -connect 127.0.0.1:8443 "${theirs[@]}" \
        -ign_eof </dev/null
    stop_started
}

for name in ML-DSA-44 ML-DSA-65 ML-DSA-87; do
    make "$name"
    openssl pkey -in "$(uri "$name")" -pubout -out "$work/$name.pub"
    says <(stock pkey -pubin -in "$work/$name.pub" -noout -text) "$name"
    openssl pkeyutl -sign -inkey "$work/$name.key" -in "$work/message" \
        -out "$work/sig"
    verifies "$name"
    openssl pkeyutl -verify -inkey "$work/$name.key" -in "$work/message" \
        -sigfile "$work/sig" >/dev/null
    with_runtime "$build/tests/ml_message" "$(uri "$name")" "$name" \
        "$work/sig" <"$work/message"
    verifies "$name"
    openssl req -x509 -new -key "$(uri "$name")" -subj "/CN=$name" -days 30 \
        -out "$work/$name.pem"
    stock verify -check_ss_sig -CAfile "$work/$name.pem" "$work/$name.pem" \
        >/dev/null
    openssl cms -sign -md sha512 -in "$work/message" \
        -signer "$work/$name.pem" -inkey "$(uri "$name")" -out "$work/cms"
    stock cms -verify -in "$work/cms" -CAfile "$work/$name.pem" -purpose any \
        -out /dev/null 2>/dev/null
    tls_both_ways "$name"
done

# What the token is not asked for is refused, and said.
refused openssl pkeyutl -sign -inkey "$work/ML-DSA-65.key" \
    -in "$work/message" -pkeyopt context-string:mail -out "$work/sig"
says "$work/said" 'without a context-string'
refused openssl pkeyutl -sign -inkey "$work/ML-DSA-65.key" \
    -in "$work/message" -pkeyopt mu:1 -out "$work/sig"
says "$work/said" 'not their mu'
refused openssl dgst -sha256 -sign "$work/ML-DSA-65.key" "$work/message"
says "$work/said" 'name no digest'

# --- ML-KEM -------------------------------------------------------------------

if ! has_mechanism ML-KEM 0x17; then
    refused make ML-KEM-768
    says "$work/said" CKR_MECHANISM_INVALID
    exit 0
fi

# opens NAME: the secret in $work/theirs, from the ciphertext.
opens()
{
    openssl pkeyutl -decap -inkey "$(uri "$1")" -in "$work/ciphertext" \
        -secret "$work/ours" || fail "$1: no secret at all"
    cmp -s "$work/theirs" "$work/ours"
}

for name in ML-KEM-512 ML-KEM-768 ML-KEM-1024; do
    make "$name"
    openssl pkey -in "$(uri "$name")" -pubout -out "$work/$name.pub"
    stock pkeyutl -encap -pubin -inkey "$work/$name.pub" \
        -out "$work/ciphertext" -secret "$work/theirs"
    opens "$name" || fail "$name: another secret"
    openssl pkeyutl -encap -inkey "$work/$name.key" \
        -out "$work/ciphertext" -secret "$work/theirs"
    opens "$name" || fail "$name: another secret of our own"
    # Bent, it has a secret too, but another one (FIPS 203, 6.3).
    printf '\0\0\0\0\0\0\0\0' |
        dd of="$work/ciphertext" conv=notrunc status=none
    ! opens "$name" || fail "$name: a bent ciphertext opens"
    truncate -s -1 "$work/ciphertext"
    refused openssl pkeyutl -decap -inkey "$(uri "$name")" \
        -in "$work/ciphertext" -secret "$work/ours"
    says "$work/said" 'a ciphertext for'
done

# All six are there for who looks.
openssl storeutl -noout "$token;type=private" >"$work/list" 2>&1
says "$work/list" 'Total found: 6'
