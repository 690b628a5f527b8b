#!/bin/bash
# Two library contexts of one program use one module: what is freed in one does
# not disturb the other, nor the program that had initialised the module itself.
# shellcheck source=tests/e2e/softhsm.sh
. "${0%/*}/story.sh"
. "${0%/*}/softhsm.sh"

hsm_start
hsm_key rsa 01 RSA:2048
hsm_key ec 02 EC:prime256v1
configure_module_with_pin

life()
{
    timeout 60 "$build/tests/p11_life" "$@"
}

for key in rsa ec; do
    life contexts 20 "$(hsm_uri $key)" "$work/$key.pub"
    life module-first "$hsm_module" "$(hsm_uri $key)" "$work/$key.pub"
done
