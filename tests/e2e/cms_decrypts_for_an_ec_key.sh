#!/bin/bash
# Messages encrypted to EC keys, without us, are decrypted by the token, and so
# is ECDH by itself; EC keys in files go on to work beside it.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"
# shellcheck source=tests/e2e/softhsm.sh
. "$top/tests/e2e/softhsm.sh"

hsm_start
hsm_key p256 01 EC:prime256v1
hsm_key p521 03 EC:secp521r1
hsm_key other 04 EC:prime256v1
configure_module_with_pin
# pkcs11-tool does not give the public half of this curve.
hsm_ids[p384]=02
hsm_tool --keypairgen --label p384 --id 02 --key-type EC:secp384r1 \
    >/dev/null 2>&1
openssl pkey -in "$(hsm_uri p384)" -pubout -out "$work/p384.pub"
printf 'Content-Type: text/plain\r\n\r\nmeet me at noon\r\n' >"$work/mail"

# decrypts NAME [OPTION...]: what stock OpenSSL encrypted with the options.
decrypts()
{
    stock cms -encrypt -aes256 -in "$work/mail" -out "$work/secret" \
        -recip "$work/$1.pem" "${@:2}"
    openssl cms -decrypt -in "$work/secret" -recip "$work/$1.pem" \
        -inkey "$(hsm_uri "$1")" -out "$work/read"
    cmp "$work/read" "$work/mail"
    rm "$work/read"
}

for name in p256 p384 p521; do
    hsm_certify $name mail
    decrypts $name
    decrypts $name -keyopt ecdh_kdf_md:sha256
    decrypts $name -keyopt ecdh_kdf_md:sha512 -keyopt ecdh_cofactor_mode:1
done

# With the PEM file of the URI as well.
openssl pkey -in "$(hsm_uri p521)" -out "$work/key.pem"
openssl cms -decrypt -in "$work/secret" -inkey "$work/key.pem" \
    -recip "$work/p521.pem" -out "$work/read"
cmp "$work/read" "$work/mail"

# For somebody else it stays secret.
refused openssl cms -decrypt -in "$work/secret" -inkey "$(hsm_uri p384)" \
    -recip "$work/p521.pem" -out "$work/read"
if cmp -s "$work/read" "$work/mail"; then fail 'another key decrypted it'; fi

# ECDH by itself: both sides come to the same secret.
agree() # OUR_KEY PEER_KEY PEER_PUBLIC SIZE
{
    openssl pkeyutl -derive -inkey "$(hsm_uri "$1")" -peerkey "$3" \
        -out "$work/ours"
    openssl pkeyutl -derive -inkey "$2" -peerkey "$work/$1.pub" \
        -out "$work/theirs"
    cmp "$work/ours" "$work/theirs"
    [ "$(stat -c %s "$work/ours")" = "$4" ] || fail "secret of $1"
}

for peer in p256:prime256v1:32 p384:secp384r1:48 p521:secp521r1:66; do
    IFS=: read -r name curve size <<<"$peer"
    stock genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:$curve" \
        -out "$work/$name.peer" 2>/dev/null
    stock pkey -in "$work/$name.peer" -pubout -out "$work/$name.peer.pub"
    agree "$name" "$work/$name.peer" "$work/$name.peer.pub" "$size"
done

# The peer's key is on the token too: given by a file, and by URI.
agree p256 "$(hsm_uri other)" "$work/other.pub" 32
agree p256 "$(hsm_uri other)" "pkcs11:object=other;type=public" 32

refused openssl pkeyutl -derive -inkey "$(hsm_uri p256)" \
    -peerkey "$work/p384.peer.pub" -out "$work/ours"
hsm_key signer 05 EC:prime256v1 --usage-sign
refused openssl pkeyutl -derive -inkey "$(hsm_uri signer)" \
    -peerkey "$work/other.pub" -out "$work/ours"
says "$work/said" 'no key agreement'

# Keys in files, with our provider there: nothing of theirs comes to us.
openssl pkeyutl -derive -inkey "$work/p384.peer" \
    -peerkey "$work/p384.pub" -out "$work/ours"
stock pkeyutl -derive -inkey "$work/p384.peer" \
    -peerkey "$work/p384.pub" -out "$work/theirs"
cmp "$work/ours" "$work/theirs"
openssl dgst -sha256 -sign "$work/p256.peer" -out "$work/sig" "$work/mail"
openssl dgst -sha256 -verify "$work/p256.peer.pub" -signature "$work/sig" \
    "$work/mail"
# Preferred to the default provider, we verify with what we are given.
openssl dgst -propquery '?provider=tessera' -sha256 \
    -verify "$work/p256.peer.pub" -signature "$work/sig" "$work/mail"
