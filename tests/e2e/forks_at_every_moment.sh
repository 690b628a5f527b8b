#!/bin/bash
# A program forks before it loads a key, after, in the middle of an operation,
# twice, before exec, under threads, and inside its answer to the prompt for the
# PIN: children and parent sign. With SoftHSM, where it forgets its state in a
# child, and with a module as strict as one may be. LIFE_FORKS is how often.
# shellcheck source=tests/e2e/softhsm.sh
. "${0%/*}/story.sh"
. "${0%/*}/softhsm.sh"

hsm_start
hsm_key rsa 01 RSA:2048
hsm_key ec 02 EC:prime256v1
times=${LIFE_FORKS:-20}

# life MOMENT KEY [PIN]
life()
{
    timeout 170 "$build/tests/p11_life" fork "$1" "$times" "$(hsm_uri "$2")" \
        "$work/$2.pub" "${@:3}" || fail "fork $1, key $2, $module"
}

every_moment()
{
    module=$1
    configure_module_with_pin
    life before-load ec
    life after-load ec
    life after-load rsa
    life mid-operation ec
    life mid-operation rsa
    life twice ec
    life with-exec ec
    # gcc 12's sanitizer runtime copies its own locks into the child.
    if [ -z "${TESSERA_PRELOAD:-}" ]; then
        life under-threads ec
        life under-threads rsa
    fi
    configure_module tessera
    life in-callback ec "$PIN"
}

every_moment SoftHSM
echo 'library.reset_on_fork = true' >>"$SOFTHSM2_CONF"
every_moment 'SoftHSM that starts anew'
sed -i '$d' "$SOFTHSM2_CONF"
export P11_STRICT_MODULE=$hsm_module
hsm_module=$build/tests/p11-strict.so
every_moment 'strict module'
