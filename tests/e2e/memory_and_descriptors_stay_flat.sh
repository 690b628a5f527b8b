#!/bin/bash
# A long-lived program that signs, or loads its key over and over, neither grows
# nor leaves descriptors open; what one signature took is given back.
# LIFE_SIGNATURES and LIFE_LOADS are how often.
# shellcheck source=tests/e2e/softhsm.sh
. "${0%/*}/story.sh"
. "${0%/*}/softhsm.sh"

hsm_start
hsm_key rsa 01 RSA:2048
hsm_key ec 02 EC:prime256v1
configure_module_with_pin

"$build/tests/p11_life" growth "${LIFE_SIGNATURES:-20000}" \
    "${LIFE_LOADS:-1000}" "$(hsm_uri ec)" "$work/ec.pub" >"$work/growth"
cat "$work/growth"
while read -r what kib; do
    [ "$kib" -le 256 ] || fail "grown by $kib KiB: $what"
done <"$work/growth"

for key in rsa ec; do
    valgrind -q --error-exitcode=99 --leak-check=full --num-callers=40 \
        --show-leak-kinds=definite,indirect \
        --errors-for-leak-kinds=definite,indirect \
        "$build/tests/p11_life" once "$(hsm_uri $key)" "$work/$key.pub"
done
