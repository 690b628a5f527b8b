# A SoftHSM token for stories, sourced after story.sh:
#
#   hsm_start                an empty token "$hsm_token" with the PIN $PIN below
#                            $work; SOFTHSM2_CONF names it
#   hsm_key NAME ID TYPE     make a key pair on the token, with the label NAME,
#                            the hexadecimal ID and the TYPE as pkcs11-tool has
#                            it: RSA:2048, EC:prime256v1, ... More arguments are
#                            pkcs11-tool's. The public half is in $work/NAME.pub
#   hsm_import NAME ID FILE  the same with a key of a PEM file
#   hsm_certify NAME USAGE   a certificate of the test CA for the key, on the
#                            token and in $work/NAME.pem. USAGE: server (name
#                            localhost), client, mail, timeStamping, OCSPSigning
#   hsm_forget_public NAME   delete the public key object: what is left is in
#                            the certificate
#   hsm_users                four keys with certificates: server-rsa 01,
#                            server-ec 02 without public object, client-rsa 03
#                            without public object, client-ec 04
#   hsm_for USER             give the token's folder to the user
#   hsm_uri NAME             print the private key's URI
#   hsm_tool ARGUMENT...     pkcs11-tool on the token, logged in
#
#   configure_module NAME [LINE...]   OPENSSL_CONF with our provider under the
#                            name NAME (tessera, pkcs11), using SoftHSM; more
#                            lines of its section, such as a PIN, behind
#   configure_module_with_pin [NAME]  the same with the PIN in a file
#   configure_module_engine [LINE...] the same for the engine alone
#
# The test CA is that of the simulated card "one": $cards/one, $card_ca.
#
# shellcheck shell=bash

hsm_module=${hsm_module:-/usr/lib/softhsm/libsofthsm2.so}
hsm_token=tessera-test

# Programs that use OpenSSL and are none of the story's.
unaware()
{
    env -u OPENSSL_CONF -u OPENSSL_MODULES -u OPENSSL_ENGINES "$@"
}

hsm_start()
{
    mkdir "$work/tokens"
    printf '%s\n' "directories.tokendir = $work/tokens" 'log.level = ERROR' \
        'objectstore.backend = file' >"$work/softhsm2.conf"
    export SOFTHSM2_CONF=$work/softhsm2.conf
    unaware softhsm2-util --init-token --free --label "$hsm_token" \
        --so-pin 87654321 --pin "$PIN" >/dev/null
}

hsm_tool()
{
    unaware pkcs11-tool --module "$hsm_module" --token-label "$hsm_token" \
        --login --pin "$PIN" "$@"
}

declare -A hsm_ids

hsm_key()
{
    hsm_ids[$1]=$2
    hsm_tool --keypairgen --label "$1" --id "$2" --key-type "$3" "${@:4}" \
        >/dev/null 2>&1
    hsm_public "$1"
}

hsm_import()
{
    hsm_ids[$1]=$2
    stock pkcs8 -topk8 -nocrypt -in "$3" -out "$work/$1.p8"
    unaware softhsm2-util --import "$work/$1.p8" --token "$hsm_token" \
        --label "$1" --id "$2" --pin "$PIN" >/dev/null
    stock pkey -in "$3" -pubout -out "$work/$1.pub"
    rm "$work/$1.p8"
}

hsm_public()
{
    hsm_tool --read-object --type pubkey --id "${hsm_ids[$1]}" 2>/dev/null |
        stock pkey -pubin -inform DER -out "$work/$1.pub"
}

hsm_extensions()
{
    echo 'basicConstraints = critical, CA:FALSE'
    echo 'subjectKeyIdentifier = hash'
    echo 'authorityKeyIdentifier = keyid'
    case $1 in
    server)
        echo 'keyUsage = critical, digitalSignature, keyEncipherment'
        echo 'extendedKeyUsage = serverAuth'
        echo 'subjectAltName = DNS:localhost, IP:127.0.0.1'
        ;;
    client)
        echo 'keyUsage = critical, digitalSignature'
        echo 'extendedKeyUsage = clientAuth'
        ;;
    mail)
        echo 'keyUsage = digitalSignature, keyEncipherment, keyAgreement'
        echo 'extendedKeyUsage = emailProtection'
        echo 'subjectAltName = email:me@localhost'
        ;;
    timeStamping | OCSPSigning)
        echo 'keyUsage = critical, digitalSignature'
        echo "extendedKeyUsage = critical, $1"
        ;;
    esac
}

hsm_certify()
{
    local cn=$1

    [ "$2" != server ] || cn=localhost
    stock x509 -new -force_pubkey "$work/$1.pub" \
        -subj "/O=TESSERA TEST/CN=$cn" -days 30 -sha256 \
        -CA "$cards/one/ca.pem" -CAkey "$cards/one/ca.key" \
        -extfile <(hsm_extensions "$2") -out "$work/$1.pem"
    stock x509 -in "$work/$1.pem" -outform DER -out "$work/$1.der"
    hsm_tool --write-object "$work/$1.der" --type cert --label "$1" \
        --id "${hsm_ids[$1]}" >/dev/null 2>&1
    rm "$work/$1.der"
}

hsm_forget_public()
{
    hsm_tool --delete-object --type pubkey --id "${hsm_ids[$1]}" >/dev/null 2>&1
}

hsm_users()
{
    hsm_key server-rsa 01 RSA:2048
    hsm_key server-ec 02 EC:prime256v1
    hsm_key client-rsa 03 RSA:2048
    hsm_key client-ec 04 EC:prime256v1
    hsm_certify server-rsa server
    hsm_certify server-ec server
    hsm_certify client-rsa client
    hsm_certify client-ec client
    hsm_forget_public server-ec
    hsm_forget_public client-rsa
}

hsm_for()
{
    chown -R "$1" "$work/tokens"
}

hsm_uri()
{
    printf 'pkcs11:token=%s;object=%s;type=private\n' "$hsm_token" "$1"
}

configure_module()
{
    configure "pkcs11-module-path = $hsm_module" "${@:2}"
    [ "$1" = tessera ] ||
        sed -i -e "s/^tessera = tessera_sect/$1 = tessera_sect/" \
            -e "\$a module = $build/ossl-modules/tessera.so" "$OPENSSL_CONF"
}

configure_module_with_pin()
{
    printf '%s\n' "$PIN" >"$work/pin"
    chmod 600 "$work/pin"
    configure_module "${1:-tessera}" \
        "pkcs11-module-token-pin = file:$work/pin"
}

configure_module_engine()
{
    configure_engine "MODULE_PATH = $hsm_module" "$@"
}
