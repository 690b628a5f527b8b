#!/bin/bash
# PEM-wrapped URIs cut short, changed or of another kind give an error; plain
# PEM keys and certificates stay what they are.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

card_start one 0
configure_with_pin
echo "log = $work/log" >>"$OPENSSL_CONF"

sed '/^M/s/.\{8\}$//' "$conf/key.pem" >"$work/short.pem"
refused openssl pkey -in "$work/short.pem" -noout
sed '/^M/s/^MC4/MFF/' "$conf/key.pem" >"$work/length.pem"
refused openssl pkey -in "$work/length.pem" -noout
bash "$conf/uri2pem.sh" 'card://usge=auth' >"$work/misspelt.pem"
# OpenSSL's own commands drop what decoders say; the log has it, and nginx.
refused openssl pkey -in "$work/misspelt.pem" -noout
says "$work/log" 'usge'
nginx_sample nginx-server.conf
cp "$cards/one/server.pem" "$cards/one/chain.pem" "$work/"
sed -i -e "s|^\(  *ssl_certificate_key\).*|\1 $work/misspelt.pem;|" \
    "$work/nginx-server.conf"
nginx_config 1 "$work/nginx-server.conf"
refused with_runtime nginx -t -p "$work" -c "$work/nginx.conf"
says "$work/said" 'usge'
bash "$conf/uri2pem.sh" 'https://example.org/' >"$work/foreign.pem"
refused openssl pkey -in "$work/foreign.pem" -noout

openssl pkey -in "$conf/key.pem" -pubout -out "$work/pub"
openssl genpkey -algorithm RSA -out "$work/soft.pem" 2>/dev/null
openssl rsa -in "$work/soft.pem" -noout -check
openssl dgst -sign "$work/soft.pem" -out "$work/sig" "$work/soft.pem"
tries_are 3
