#!/bin/bash
# What is encrypted to an RSA key without us is decrypted by the token whatever
# the padding: PKCS#1 v1.5, OAEP with its hashes and label, none at all, and the
# key exchange of old TLS. The simulated card has PKCS#1 v1.5 and says so.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"
# shellcheck source=tests/e2e/softhsm.sh
. "$top/tests/e2e/softhsm.sh"

card_start one 0
hsm_start
hsm_key rsa 01 RSA:2048
hsm_certify rsa server
cat "$work/rsa.pem" "$cards/one/ca.pem" >"$work/server.pem"
configure_module_with_pin
token_key=$(hsm_uri rsa)
card_key='card://usage=decrypt'
export_certificate "$card_key" "$work/card.pem"
stock x509 -in "$work/card.pem" -noout -pubkey >"$work/card.pub"
printf 'meet me at noon' >"$work/plain"

# decrypts KEY PUBLIC [OPTION...]: options of pkeyutl, for both sides.
decrypts()
{
    local options=() word

    for word in "${@:3}"; do
        options+=(-pkeyopt "$word")
    done
    stock pkeyutl -encrypt -pubin -inkey "$2" -in "$work/plain" \
        -out "$work/secret" "${options[@]}"
    openssl pkeyutl -decrypt -inkey "$1" -in "$work/secret" \
        -out "$work/read" "${options[@]}"
    cmp "$work/plain" "$work/read"
    rm "$work/read"
}

decrypts "$card_key" "$work/card.pub"
decrypts "$card_key" "$work/card.pub" rsa_padding_mode:pkcs1
decrypts "$token_key" "$work/rsa.pub"
decrypts "$token_key" "$work/rsa.pub" rsa_padding_mode:oaep
for hash in sha1 sha224 sha256 sha384 sha512; do
    decrypts "$token_key" "$work/rsa.pub" rsa_padding_mode:oaep \
        rsa_oaep_md:$hash
    decrypts "$token_key" "$work/rsa.pub" rsa_padding_mode:oaep \
        rsa_oaep_md:sha256 rsa_mgf1_md:$hash rsa_oaep_label:6e6f6f6e
done
# Another label is another message.
refused openssl pkeyutl -decrypt -inkey "$token_key" -in "$work/secret" \
    -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 \
    -pkeyopt rsa_mgf1_md:sha512 -pkeyopt rsa_oaep_label:6e6f6f6f
refused openssl pkeyutl -decrypt -inkey "$token_key" -in "$work/secret" \
    -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha3-256
says "$work/said" 'sha3-256'
refused openssl pkeyutl -decrypt -inkey "$token_key" -in "$work/secret" \
    -pkeyopt rsa_padding_mode:x931

# No padding: as long as the modulus on both sides.
{ printf '\0' && head -c 255 /dev/urandom; } >"$work/block"
cp "$work/block" "$work/plain"
decrypts "$token_key" "$work/rsa.pub" rsa_padding_mode:none
printf 'meet me at noon' >"$work/plain"

# Bad padding decrypts without an error, to something that is no message.
head -c 256 /dev/zero | tr '\0' '\2' >"$work/bad"
for key in "$card_key" "$token_key"; do
    openssl pkeyutl -decrypt -inkey "$key" -in "$work/bad" -out "$work/read"
    if cmp -s "$work/read" "$work/plain"; then fail 'not random'; fi
done

for padding in oaep none; do
    refused openssl pkeyutl -decrypt -inkey "$card_key" -in "$work/secret" \
        -pkeyopt rsa_padding_mode:$padding
    says "$work/said" 'PKCS#1|padded'
done

# Mail with either padding.
cms_decrypts() # KEY CERTIFICATE [OPTION...]
{
    stock cms -encrypt -aes256 -in "$work/plain" -out "$work/secret" \
        -recip "$2" "${@:3}"
    openssl cms -decrypt -in "$work/secret" -recip "$2" -inkey "$1" |
        tr -d '\r' | cmp - "$work/plain"
}

echo 'meet me at noon' >"$work/plain"
cms_decrypts "$card_key" "$work/card.pem"
cms_decrypts "$token_key" "$work/rsa.pem"
cms_decrypts "$token_key" "$work/rsa.pem" -keyopt rsa_padding_mode:oaep
cms_decrypts "$token_key" "$work/rsa.pem" -keyopt rsa_padding_mode:oaep \
    -keyopt rsa_oaep_md:sha256 -keyopt rsa_oaep_label:6e6f6f6e
stock smime -encrypt -aes256 -in "$work/plain" -out "$work/secret" \
    "$work/rsa.pem"
for recipient in "$work/rsa.pem" "${token_key/private/cert}"; do
    openssl smime -decrypt -in "$work/secret" -recip "$recipient" \
        -inkey "$token_key" | tr -d '\r' | cmp - "$work/plain"
done

# TLS 1.2 whose key exchange is encryption to the server's key.
tls_server() # PORT KEY CERTIFICATE
{
    openssl s_server -accept "127.0.0.1:$1" -www -tls1_2 -key "$2" \
        -cert "$3" >"$work/server.log" 2>&1 &
    started+=($!)
    wait_for_port "$1"
}

tls_client() # PORT
{
    stock s_client -connect "127.0.0.1:$1" -tls1_2 -cipher kRSA \
        </dev/null >"$work/said" 2>&1
    says "$work/said" 'Cipher is AES256-GCM-SHA384'
}

tls_server 4433 "$token_key" "$work/server.pem"
tls_server 4434 "$card_key" "$work/card.pem"
for port in 4433 4434 4433 4434; do
    tls_client $port
done
tries_are 3
