#!/bin/bash
# The Python sample: the standard library's ssl logs in with the key of a card
# or token, the PIN configured or the program's own.
# shellcheck source=tests/e2e/keys.sh
. "${0%/*}/story.sh"
. "${0%/*}/keys.sh"

login()
{
    with_runtime timeout 30 /usr/bin/python3 "$work/python-client.py" \
        >"$work/said"
    says "$work/said" '^welcome'
}

doors_start
for kind in $all_keys; do
    keys_are "$kind"
    for version in $tls; do
        sample python-client.py "$version"
        sed -i "s/TLSv1_2/TLSv${version/./_}/; s/localhost:8443/localhost:$(
            door_port "$version")/" "$work/python-client.py"
        login
    done
    keys_without_pin
    sed -i "s|/key.pem\"|&, password=\"$PIN\"|" "$work/python-client.py"
    login
    # Nobody to ask: an exception, not a hang.
    sample python-client.py
    refused_soon with_runtime /usr/bin/python3 "$work/python-client.py"
done
