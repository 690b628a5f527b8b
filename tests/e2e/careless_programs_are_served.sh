#!/bin/bash
# A program that passes texts without an end, parameters of another type or an
# empty label gets its signature or a refusal, and no error behind a success.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"
# shellcheck source=tests/e2e/softhsm.sh
. "$top/tests/e2e/softhsm.sh"

hsm_start
hsm_key rsa 01 RSA:2048
hsm_key ec 02 EC:prime256v1
hsm_certify rsa client
configure_module_with_pin
with_runtime "$build/tests/careless" "$(hsm_uri rsa)" "$(hsm_uri ec)" \
    "pkcs11:token=$hsm_token"
