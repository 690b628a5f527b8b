#!/bin/bash
# Where a program writes a private key, a PEM file with the key's URI comes out,
# and that file is the key to programs that read one: alone, or with the
# certificate before or behind it. Public halves are written as ever.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"
# shellcheck source=tests/e2e/softhsm.sh
. "$top/tests/e2e/softhsm.sh"

card_start one 0
hsm_start
hsm_key rsa 01 RSA:2048
hsm_key ec 02 EC:prime256v1
stock genpkey -algorithm ED25519 -out "$work/ed.key"
hsm_import ed 03 "$work/ed.key"
rm "$work/ed.key"
hsm_certify rsa client
hsm_certify ec client
configure_module_with_pin
echo "trace = $work/trace" >>"$OPENSSL_CONF"
seq 1000 >"$work/file"

# signs KEY: stock OpenSSL knows the signature of the file by $work/pub.
signs()
{
    openssl pkeyutl -sign -rawin -inkey "$1" -in "$work/file" -out "$work/sig"
    stock pkeyutl -verify -rawin -pubin -inkey "$work/pub" -in "$work/file" \
        -sigfile "$work/sig"
}

is_wrapped()
{
    [ "$(grep -c '^-----BEGIN' "$1")" = 1 ] || fail "$1 has other blocks"
    says "$1" '^-----BEGIN PKCS#11 PROVIDER URI-----$'
    stock asn1parse -in "$1" >"$work/asn1"
    says "$work/asn1" 'VISIBLESTRING *:PKCS#11 Provider URI v1.0$'
    says "$work/asn1" "UTF8STRING *:$2"
    ! grep -q 'pin' "$work/asn1" || fail "a PIN is in $1"
}

for uri in 'card://usage=auth' "$(hsm_uri rsa)" "$(hsm_uri ec)" \
    "$(hsm_uri ed)"; do
    scheme=${uri%%:*}
    openssl pkey -in "$uri?pin-value=$PIN" -out "$work/key.pem"
    is_wrapped "$work/key.pem" "$scheme:"

    openssl pkey -in "$uri" -pubout -out "$work/pub"
    openssl pkey -in "$work/key.pem" -pubout -out "$work/pub2"
    says "$work/pub" '^-----BEGIN PUBLIC KEY-----$'
    cmp "$work/pub" "$work/pub2"
    stock pkey -pubin -in "$work/pub" -noout
    signs "$work/key.pem"

    openssl pkey -in "$work/key.pem" -out "$work/again.pem"
    cmp "$work/key.pem" "$work/again.pem"
    openssl storeutl -keys "$uri" | sed -n '/^---/,/^---/p' >"$work/again.pem"
    cmp "$work/key.pem" "$work/again.pem"

    # For people: which key it is, and its public half.
    openssl pkey -in "$work/key.pem" -noout -text >"$work/text"
    says "$work/text" 'Private-Key: \([0-9]+ bit\)'
    says "$work/text" "URI $scheme:"
    stock pkey -pubin -in "$work/pub" -noout -text >"$work/public.text"
    tail -n "$(wc -l <"$work/public.text")" "$work/text" |
        cmp - "$work/public.text"
    openssl pkey -in "$uri" -noout -text_pub | cmp - "$work/public.text"
    ! grep -q 'pin-value' "$work/text" || fail 'a PIN is in the text'

    # What only a private key itself could give is refused, with the reason.
    refused openssl pkey -in "$uri" -outform DER -out "$work/der"
    says "$work/said" 'does not leave'
    refused openssl pkcs8 -topk8 -nocrypt -in "$work/key.pem" \
        -out "$work/pkcs8"
    says "$work/said" 'does not leave'
    refused openssl pkcs12 -export -nocerts -inkey "$uri" \
        -passout pass:secret -out "$work/pkcs12"
    says "$work/said" 'does not leave'
    for file in der pkcs8 pkcs12; do
        [ ! -s "$work/$file" ] || fail "something is in $file"
    done
done

# The commands for one type of key; the file of another type is refused.
openssl rsa -in "$(hsm_uri rsa)" -out "$work/rsa.key" 2>/dev/null
is_wrapped "$work/rsa.key" pkcs11:
openssl ec -in "$(hsm_uri ec)" -out "$work/ec.key" 2>/dev/null
is_wrapped "$work/ec.key" pkcs11:
refused openssl rsa -in "$work/ec.key" -noout
for type in RSA EC; do
    file=$work/${type,,}.key
    [ "$(with_runtime "$build/tests/decode_as" "$type" "$file")" = "$type" ] ||
        fail "$file is not read as $type"
done
# Not all versions of OpenSSL mind; none must crash.
with_runtime "$build/tests/decode_as" RSA "$work/ec.key" >"$work/said" 2>&1 ||
    says "$work/said" 'another type'

# In one file with its certificate, in any order, and with another key behind.
openssl genpkey -algorithm RSA -out "$work/soft.key" 2>/dev/null
for type in rsa ec; do
    cat "$work/$type.pem" "$work/$type.key" >"$work/$type-after"
    cat "$work/$type.key" "$work/$type.pem" >"$work/$type-before"
    cat "$work/$type.key" "$work/soft.key" >"$work/$type-first"
    cp "$work/$type.pub" "$work/pub"
    for order in after before first; do
        signs "$work/$type-$order"
    done
    openssl x509 -in "$work/$type-before" -noout
done

# A file is looked up once, whatever the type of the key.
counted()
{
    : >"$work/trace"
    openssl pkey -in "$1" -noout
    grep -c '^' "$work/trace"
}
openssl pkey -in 'card://usage=auth' -out "$work/key.pem"
says <(stock asn1parse -in "$work/key.pem") 'card:'
[ "$(counted "$work/key.pem")" = "$(counted 'card://usage=auth')" ] ||
    fail 'the card is read more often for the file'

# One file is all that curl needs, which does not start under a sanitizer.
if [ -z "${TESSERA_PRELOAD:-}" ]; then
    door_start
    for order in after before; do
        curl --fail --cacert "$cards/one/root.pem" --cert "$work/ec-$order" \
            https://localhost:8443/ >"$work/said"
        says "$work/said" 'welcome'
    done
fi

# A key made on the token comes as such a file too.
openssl genpkey -propquery "provider=tessera" -algorithm EC \
    -pkeyopt ec_paramgen_curve:P-256 \
    -pkeyopt "pkcs11_uri:pkcs11:token=$hsm_token;object=made;id=%09" \
    -out "$work/made.key"
is_wrapped "$work/made.key" pkcs11:
openssl pkey -in "$work/made.key" -pubout -out "$work/pub"
signs "$work/made.key"
tries_are 3
