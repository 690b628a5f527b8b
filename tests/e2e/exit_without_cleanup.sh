#!/bin/bash
# Programs end with their keys still there, in every way there is: with the
# status they meant to, and without a call of a module that has ended already.
# shellcheck source=tests/e2e/softhsm.sh
. "${0%/*}/story.sh"
. "${0%/*}/softhsm.sh"

hsm_start
hsm_key ec 02 EC:prime256v1

every_end()
{
    configure_module_with_pin
    for how in return _exit cleanup exit late latest child; do
        timeout 30 "$build/tests/p11_life" end $how "$(hsm_uri ec)" \
            "$work/ec.pub" || fail "status $? of end $how, $hsm_module"
    done
}

every_end
export P11_STRICT_MODULE=$hsm_module
hsm_module=$build/tests/p11-strict.so
every_end
