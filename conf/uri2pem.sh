#!/bin/sh
# uri2pem.sh URI: write the URI as a PEM file that every program reading a PEM
# key takes for one, as in:
#
#   uri2pem.sh 'card://usage=auth' >key.pem
#
# The block is pkcs11-provider's: SEQUENCE { VisibleString, UTF8String URI }.
# It holds no secret, unless the URI has a pin-value.
set -e
LC_ALL=C
export LC_ALL

if [ $# -ne 1 ] || [ ${#1} -gt 4096 ]; then
    echo "usage: uri2pem.sh URI >key.pem" >&2
    exit 2
fi

# Octal escapes of a DER length.
der_length()
{
    if [ "$1" -lt 128 ]; then
        printf '\\%03o' "$1"
    elif [ "$1" -lt 256 ]; then
        printf '\\201\\%03o' "$1"
    else
        printf '\\202\\%03o\\%03o' $(($1 / 256)) $(($1 % 256))
    fi
}

# der TAG CONTENT
der()
{
    # shellcheck disable=SC2059
    printf "\\$1$(der_length ${#2})"
    printf '%s' "$2"
}

label='PKCS#11 Provider URI v1.0'
body=$(der 032 "$label" | wc -c)
body=$((body + $(der 014 "$1" | wc -c)))

echo '-----BEGIN PKCS#11 PROVIDER URI-----'
{
    # shellcheck disable=SC2059
    printf "\\060$(der_length $body)"
    der 032 "$label"
    der 014 "$1"
} | base64 -w 64
echo '-----END PKCS#11 PROVIDER URI-----'
