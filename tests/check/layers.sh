#!/bin/bash
# Who may include whom: faces -> card/*.h -> card/*.c -> driver -> wire ->
# reader, never back; OpenSSL and PC/SC headers where their one place is.
cd "$(dirname "$0")/../.." || exit
status=0

# forbid WHERE PATTERN WHY: no #include in WHERE (paths) matches PATTERN.
forbid()
{
    local hits
    # shellcheck disable=SC2086
    hits=$(grep -nrE --include='*.[ch]' "^#include $2" $1)
    if [ -n "$hits" ]; then
        printf '%s:\n%s\n' "$3" "$hits"
        status=1
    fi
}

inner='"card/(driver|pkcs11|wire|reader)/'
forbid "provider engine card/tool" "$inner" "a face reaches under card/*.h"
forbid "provider engine card/tool" '"card/[a-z_]*_int\.h' \
    "a face sees struct card"
forbid "provider" '"engine/' "the provider includes the engine"
forbid "engine" '"provider/([^b]|b[^u])' "the engine includes the provider (its
face for that is provider/builtin.h)"
forbid "card" '"(provider|engine|tests)/' "the card layer includes a face"
forbid "card/base card/wire card/reader card/driver card/pkcs11" \
    '"card/(card|card_int|pin|uri|use|search_int)\.h' \
    "a lower layer includes card/*.h"
forbid "card/driver card/wire card/reader card/base" '"card/pkcs11/' \
    "a lower layer includes card/pkcs11"
forbid "card/wire card/reader card/base" '"card/driver/' \
    "a lower layer includes a driver"
forbid "card/reader card/base" '"card/wire/' "a lower layer includes card/wire"
forbid "card/base" '"card/reader/' "card/base includes a reader"
forbid "provider engine card/tool" '<(winscard|PCSC/|pcsclite|reader\.h)' \
    "PC/SC in a face"
forbid "$(find card -name '*.[ch]' ! -path card/reader/pcsc.c \
    ! -path card/reader/pcsc_list.c | tr '\n' ' ')" \
    '<(PCSC/)?(winscard|pcsclite|wintypes|ifdhandler)' \
    "PC/SC outside card/reader/pcsc.c and pcsc_list.c"
forbid "$(find card -name '*.[ch]' ! -path card/base/crypto.c \
    ! -path 'card/tool/*' \
    ! -path card/pkcs11/module.c | tr '\n' ' ')" \
    '<(openssl/|libp11)' \
    "OpenSSL outside card/base/crypto.c, libp11 outside card/pkcs11/module.c"
forbid "$(find card provider engine -name '*.[ch]' ! -path 'card/pkcs11/*' |
    tr '\n' ' ')" '<p11-kit/' "Cryptoki outside card/pkcs11"
forbid "$(find card provider engine -name '*.[ch]' \
    ! -path card/base/inflate.c | tr '\n' ' ')" '<zlib' \
    "zlib outside card/base/inflate.c"
forbid "$(find card -name '*.[ch]' ! -path 'card/tool/*' | tr '\n' ' ')" \
    '<openssl/(core|provider|engine|store)' \
    "the card layer includes a face's OpenSSL interface"
forbid "card provider engine" '"(\.\.?/|[^/"]*")' \
    "an include that is not a path from the root"
exit $status
