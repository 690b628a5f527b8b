#!/bin/bash
# SoftHSM uses the OpenSSL that uses it. Whatever our provider is called and
# wherever it is listed, neither waits for the other, keys in files still sign,
# and programs end as they should.
# shellcheck source=tests/e2e/softhsm.sh
. "${0%/*}/story.sh"
. "${0%/*}/softhsm.sh"

# listed PROVIDER...: activated in this order; a name OpenSSL lacks is ours.
listed()
{
    local name

    {
        printf '%s\n' 'openssl_conf = init' '[init]' 'providers = list' '[list]'
        for name in "$@"; do
            echo "$name = ${name}_sect"
        done
        for name in "$@"; do
            printf '[%s_sect]\nactivate = 1\n' "$name"
            case $name in
            default | base) ;;
            *)
                echo "module = $build/ossl-modules/tessera.so"
                echo "pkcs11-module-path = $hsm_module"
                echo "pkcs11-module-token-pin = $PIN"
                ;;
            esac
        done
    } >"$work/openssl.cnf"
    export OPENSSL_CONF=$work/openssl.cnf
}

signs()
{
    with_runtime timeout 10 openssl dgst -sha256 -sign "$1" \
        -out "$work/sig" "$OPENSSL_CONF" ||
        fail "status $? of $1 with providers in this order: $order"
    stock dgst -sha256 -verify "$2" -signature "$work/sig" "$OPENSSL_CONF"
}

hsm_start
hsm_key rsa 01 RSA:2048
hsm_key ec 02 EC:prime256v1
stock genrsa -out "$work/file.pem" 2048
stock pkey -in "$work/file.pem" -pubout -out "$work/file.pub"

for order in 'default tessera' 'tessera default' 'tessera base default' \
    'default pkcs11 base' 'zcard default base' 'default tessera pkcs11' \
    'tessera pkcs11 default'; do
    # shellcheck disable=SC2086
    listed $order
    signs "$(hsm_uri rsa)" "$work/rsa.pub"
    signs "$(hsm_uri ec)" "$work/ec.pub"
    signs "$work/file.pem" "$work/file.pub"
done

# A name before "default" would put us before it in all it does, wherever we are
# listed: that is told, and keys in files still sign.
for order in 'card default base' 'default card base'; do
    # shellcheck disable=SC2086
    listed $order
    refused_soon openssl dgst -sign "$(hsm_uri rsa)" -out "$work/sig" /dev/null
    says "$work/said" 'sorts after'
    signs "$work/file.pem" "$work/file.pub"
done
