#!/bin/bash
# curl logs in with a key of a PKCS#11 token: by PEM-wrapped URI, with the
# certificate in the same file, and by the engine.
# shellcheck source=tests/e2e/keys.sh
. "${0%/*}/story.sh"
. "${0%/*}/keys.sh"

# login OPTION...: with both versions of TLS.
login()
{
    local version

    for version in $tls; do
        curl --fail --cacert "$work/server-ca.pem" --tls-max "$version" "$@" \
            "https://localhost:$(door_port "$version")/" >"$work/said"
        says "$work/said" "^welcome CN=client-$kind"
    done
}

doors_start
for kind in $token_keys; do
    keys_are "$kind"
    cat "$work/card.pem" "$work/key.pem" >"$work/both.pem"
    cat "$work/key.pem" "$work/card.pem" >"$work/other-order.pem"
    login --cert "$work/card.pem" --key "$work/key.pem"
    login --cert "$work/both.pem"
    login --cert "$work/other-order.pem"

    # A PIN that nobody configured, in the URI.
    keys_without_pin
    bash "$conf/uri2pem.sh" "$client_uri?pin-value=$PIN" >"$work/pin-key.pem"
    login --cert "$work/card.pem" --key "$work/pin-key.pem"
    login --cert "$work/card.pem" --key "$work/key.pem" --pass "$PIN"

    has_engine || continue
    keys_by_engine
    login --engine tessera --key-type ENG --key "$client_uri" \
        --cert "$work/card.pem"
    login --engine tessera --key-type ENG --key "$client_uri" \
        --cert-type ENG --cert "${client_uri/private/cert}"
    # curl itself asks the engine of this name for such URIs.
    keys_by_engine pkcs11
    login --key "$client_uri" --cert "$work/card.pem"
done
