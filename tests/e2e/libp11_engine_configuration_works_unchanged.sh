#!/bin/bash
# A configuration written for libp11's engine works when dynamic_path names our
# file: its controls, its key ids of the time before URIs, its name.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"
# shellcheck source=tests/e2e/softhsm.sh
. "$top/tests/e2e/softhsm.sh"

hsm_start
hsm_key 'my key' 0A RSA:2048
hsm_key ec 0b0C EC:prime256v1
hsm_certify ec client
seq 100 >"$work/file"
slot=$(softhsm2-util --show-slots | sed -n 's/^Slot \([0-9]*\)$/\1/p' |
    head -n 1)

# theirs LINE...: openssl.cnf as in libp11's README, with these lines.
theirs()
{
    {
        cat /etc/ssl/openssl.cnf
        printf '%s\n' '[openssl_init]' 'engines = engine_section' \
            '[engine_section]' 'pkcs11 = pkcs11_section' '[pkcs11_section]' \
            'engine_id = pkcs11' "dynamic_path = $build/engines/tessera.so" \
            "$@" 'init = 0'
    } >"$work/openssl.cnf"
    export OPENSSL_CONF=$work/openssl.cnf OPENSSL_MODULES=$build/nowhere
}

# signs NAME ID: what was said to stderr is in $work/said.
signs()
{
    rm -f "$work/sig"
    openssl dgst -sha256 -engine pkcs11 -keyform engine -sign "$2" \
        -out "$work/sig" "$work/file" 2>"$work/said" ||
        fail "$2: $(cat "$work/said")"
    stock dgst -sha256 -verify "$work/$1.pub" -signature "$work/sig" \
        "$work/file"
}

control()
{
    with_runtime timeout 60 "$build/tests/engine_controls" "$@"
}

# libcrypto does not tell the engine its id here: it is that of the section.
theirs
openssl engine >"$work/said"
says "$work/said" '^\(pkcs11\) tessera:'
sed -i 's/^engine_id = pkcs11/engine_id = tessera/' "$OPENSSL_CONF"
openssl engine >"$work/said"
says "$work/said" '^\(tessera\) tessera:'

theirs "MODULE_PATH = $hsm_module" "PIN = $PIN"
for id in 0a 0A id_0A "label_my key" "$slot:0A" "slot_$slot-id_0a" \
    "slot_$slot-label_my key" "pkcs11:object=my%20key;type=private" \
    "pkcs11:token=$hsm_token;id=%0A;type=private"; do
    signs 'my key' "$id"
done
for id in 0b0c "slot_$slot-label_ec" 'pkcs11:object=ec'; do
    signs ec "$id"
done
for id in 0d "slot_$((slot + 1))-id_0a" slot_x 'my key'; do
    refused openssl dgst -engine pkcs11 -keyform engine -sign "$id" \
        -out /dev/null "$work/file"
done

# The sample, as it is.
{
    cat /etc/ssl/openssl.cnf
    sed -e "s|^dynamic_path = .*|dynamic_path = $build/engines/tessera.so|" \
        -e "s|^MODULE_PATH = .*|MODULE_PATH = $hsm_module|" \
        -e "s|^#PIN = .*|PIN = $PIN|" "$conf/openssl-engine-pkcs11.cnf"
} >"$work/openssl.cnf"
signs ec label_ec

theirs "MODULE_PATH = $hsm_module" "PIN = $PIN"

# Keys that are loaded serve on, whatever becomes of engine and settings.
control outlive label_ec
control threads "$PIN" label_ec

# Certificates, as curl and stunnel ask for them, and key pairs.
control cert label_ec | stock x509 -noout -pubkey | cmp - "$work/ec.pub"
control cert 'pkcs11:object=ec;type=cert' | stock x509 -noout -subject
control rsa "$hsm_token" made-rsa
control ec "$hsm_token" made-ec
for name in made-rsa made-ec; do
    hsm_tool --read-object --type pubkey --label $name 2>/dev/null |
        stock pkey -pubin -inform DER -out "$work/$name.pub"
    signs $name label_$name
done
refused control extractable "$hsm_token" never
says "$work/said" 'never leave the token'

# The log: off by default, and as loud as it gets.
signs ec label_ec
! grep 'tessera' "$work/said" || fail 'a log that nobody wanted'
for control in 'VERBOSE = EMPTY' 'DEBUG_LEVEL = 7' 'DEBUG_LEVEL = 6'; do
    theirs "MODULE_PATH = $hsm_module" "PIN = $PIN" "$control"
    signs ec label_ec
    says "$work/said" 'tessera engine: pkcs11:object=ec by'
done
theirs "MODULE_PATH = $hsm_module" "PIN = $PIN" 'VERBOSE = EMPTY' \
    'QUIET = EMPTY' 'RE_ENUMERATE = EMPTY' 'FORCE_LOGIN = EMPTY'
signs ec label_ec
! grep 'tessera' "$work/said" || fail 'a log that nobody wanted'
control log "$PIN" label_ec >"$work/said"
says "$work/said" '^6 tessera engine: pkcs11:object=ec by'

# Where the module is named by a variable, as libp11 has it.
theirs "PIN = $PIN"
PKCS11_MODULE_PATH=$hsm_module signs ec 0b0c
refused openssl dgst -engine pkcs11 -keyform engine -sign 0b0c -out /dev/null \
    "$work/file"

# The module of the engine's section goes before the provider's, and before
# the provider's variable.
configure_module pkcs11 "pin = 9999"
sed -i "s|^pkcs11-module-path = .*|pkcs11-module-path = $work/absent.so|" \
    "$OPENSSL_CONF"
printf '%s\n' '[openssl_init]' 'engines = engine_section' '[engine_section]' \
    'pkcs11 = pkcs11_engine' '[pkcs11_engine]' 'engine_id = pkcs11' \
    "dynamic_path = $build/engines/tessera.so" \
    "MODULE_PATH = $hsm_module" "PIN = $PIN" >>"$OPENSSL_CONF"
signs ec label_ec
PKCS11_PROVIDER_MODULE=$work/absent.so signs ec label_ec

# Without it the provider serves, and says what is the provider's to say.
sed -i '/^MODULE_PATH/d' "$OPENSSL_CONF"
refused openssl dgst -engine pkcs11 -keyform engine -sign label_ec \
    -out /dev/null "$work/file"
says "$work/said" 'absent.so'
echo 'FORCE_LOGIN = EMPTY' >>"$OPENSSL_CONF"
refused openssl dgst -engine pkcs11 -keyform engine -sign label_ec \
    -out /dev/null "$work/file"
says "$work/said" 'FORCE_LOGIN without MODULE_PATH'
