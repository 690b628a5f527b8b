#!/bin/bash
# Sixteen threads sign with one key, and with two in turn, while others load the
# key and list the token: every signature is right. LIFE_SIGNATURES is how many
# each thread makes.
# shellcheck source=tests/e2e/softhsm.sh
. "${0%/*}/story.sh"
. "${0%/*}/softhsm.sh"

hsm_start
hsm_key rsa 01 RSA:2048
hsm_key ec 02 EC:prime256v1
configure_module_with_pin

life()
{
    timeout 170 "$build/tests/p11_life" "$@"
}

number=${LIFE_SIGNATURES:-100}
life threads "$number" "$(hsm_uri ec)" "$work/ec.pub"
life threads "$number" "$(hsm_uri rsa)" "$work/rsa.pub"
life threads "$number" "$(hsm_uri rsa)" "$work/rsa.pub" \
    "$(hsm_uri ec)" "$work/ec.pub"
