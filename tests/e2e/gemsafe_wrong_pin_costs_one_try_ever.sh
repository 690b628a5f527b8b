#!/bin/bash
# A card that never tells how many tries are left: a wrong stored PIN under
# nginx with four workers, restarted ten times, costs one try in all. Who types
# the right one, as the user of the workers, is told that there is no number,
# and the stored one works again.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

PIN=123456
key='card://issuer=TEST%20CERTEUROPE%20ADVANCED%20CA%20V3'
# An empty VERIFY may cost a try: nobody knows, and here it does. The number is
# of no card before: marks outlive a story, where nginx has no HOME.
card_start_family one gemsafe 0 empty-verify=costs "serial=$(stock rand -hex 8)"
configure_with_pin
export_certificate "$key" "$work/server.pem"
bash "$conf/uri2pem.sh" "$key" >"$work/key.pem"
configure_with_pin 999999
nginx_with_key "$work/key.pem" 4

for _ in $(seq 10); do
    nginx_start 8443
    for _ in 1 2 3 4; do
        refused visit https://127.0.0.1:8443/
    done
    stop_started
done
tries_are 2

# As the workers' user, who has the same folder for marks. The tree may be where
# that user cannot read it.
worker=()
install -m 755 "$build/ossl-modules/tessera.so" "$work"
[ "$(id -u)" != 0 ] ||
    worker=(env -u HOME -u XDG_STATE_HOME "OPENSSL_MODULES=$work" setpriv
        --reuid=www-data --regid=www-data --clear-groups)
sign=(openssl dgst -sign "$key" -out /dev/null /dev/null)

# The right stored PIN is not presented either, under no rule.
configure "pin = $PIN"
refused with_runtime "${worker[@]}" "${sign[@]}"
says "$work/said" 'does not tell how many tries are left'
configure "pin = $PIN" 'pin-rule = not-last'
refused with_runtime "${worker[@]}" "${sign[@]}"
tries_are 2

# A person's is, and then the stored one is again.
configure
type_at_prompt "$PIN" "${worker[*]} ${sign[*]}"
says "$work/said" 'does not tell the tries left'
tries_are 3
configure "pin = $PIN"
with_runtime "${worker[@]}" "${sign[@]}"
configure_with_pin
nginx_start 8443
visit https://127.0.0.1:8443/ >"$work/said"
says "$work/said" '^welcome'
tries_are 3
