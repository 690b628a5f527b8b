#!/bin/bash
# exports.sh BUILD: the plugins export what OpenSSL looks up and nothing else.
status=0

expect_exports()
{
    local found

    [ -e "$1" ] || {
        echo "$1 was not built"
        status=1
        return
    }
    found=$(nm -D --defined-only --format=just-symbols "$1" | sort |
        tr '\n' ' ')
    if [ "$found" != "$2 " ]; then
        printf '%s exports "%s", not "%s "\n' "$1" "$found" "$2"
        status=1
    fi
}

expect_exports "$1/ossl-modules/tessera.so" "OSSL_provider_init"
if grep -q '^HAVE_ENGINE:INTERNAL=1' "$1/CMakeCache.txt"; then
    expect_exports "$1/engines/tessera.so" "bind_engine v_check"
fi
exit $status
