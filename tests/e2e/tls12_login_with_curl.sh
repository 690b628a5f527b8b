#!/bin/bash
# A TLS 1.2 login by curl with no setting changed: by a PEM-wrapped URI and by
# the engine.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

configure_with_pin
card_start one 0
door_start
export_certificate 'card://usage=auth' "$work/card.pem"
bash "$conf/uri2pem.sh" 'card://usage=auth' >"$work/key.pem"
page=https://localhost:8443/

refused curl --fail --cacert "$work/server-ca.pem" $page

curl --fail --cacert "$work/server-ca.pem" --cert "$work/card.pem" \
    --key "$work/key.pem" $page >"$work/said"
says "$work/said" '^welcome '

# Certificate and wrapped URI in one file.
cat "$work/card.pem" "$work/key.pem" >"$work/both.pem"
curl --fail --cacert "$work/server-ca.pem" --cert "$work/both.pem" $page \
    >"$work/said"
says "$work/said" '^welcome '

# The sample in conf/ is the same key.
curl --fail --cacert "$work/server-ca.pem" --cert "$work/card.pem" \
    --key "$conf/key.pem" $page >"$work/said"
says "$work/said" '^welcome '

bash "$conf/uri2pem.sh" 'card://object=nobody' >"$work/nobody.pem"
refused_soon curl --cacert "$work/server-ca.pem" --key "$work/nobody.pem" \
    --cert "$work/card.pem" $page
tries_are 3

has_engine || exit 0
configure_engine "PIN = $PIN"
curl --fail --cacert "$work/server-ca.pem" --engine tessera \
    --key-type ENG --key 'card:usage=auth' --cert "$work/card.pem" $page \
    >"$work/said"
says "$work/said" '^welcome '

# curl reads "name:password" in --cert: the colon is escaped.
curl --fail --cacert "$work/server-ca.pem" --engine tessera \
    --key-type ENG --key 'card:usage=auth' \
    --cert-type ENG --cert 'card\:usage=auth' $page >"$work/said"
says "$work/said" '^welcome '

refused_soon curl --cacert "$work/server-ca.pem" --engine tessera \
    --key-type ENG --key 'card:object=nobody' --cert "$work/card.pem" $page

# The PIN as curl's own option, none in the configuration.
configure_engine
curl --fail --cacert "$work/server-ca.pem" --engine tessera --pass "$PIN" \
    --key-type ENG --key 'card:usage=auth' --cert "$work/card.pem" $page \
    >"$work/said"
says "$work/said" '^welcome '
tries_are 3
