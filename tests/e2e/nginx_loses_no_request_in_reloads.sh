#!/bin/bash
# nginx with two workers whose server key is on a card or token: reloads under
# load lose no request, and successors of killed workers sign.
# shellcheck source=tests/e2e/keys.sh
. "${0%/*}/story.sh"
. "${0%/*}/keys.sh"

for kind in $all_keys; do
    keys_are "$kind"
    sample nginx-server.conf
    nginx_config 2 "$work/nginx-server.conf"
    nginx_start 8443
    master=${started[-1]}
    loses_nothing "$master" HUP https://127.0.0.1:8443/
    replaces_workers "$master" https://127.0.0.1:8443/
    stop_started
done
