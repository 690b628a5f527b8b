#!/bin/bash
# The samples for services: polkit's rule, by the interpreter that polkitd has,
# lets the users and the group it names have cards and nothing else; systemd
# finds no fault in the drop-in for nginx, whose workers keep the mark of a wrong
# PIN in the folder that it makes for them.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

# --- polkit -------------------------------------------------------------------

pcsc=org.debian.pcsc-lite.access_pcsc
card=org.debian.pcsc-lite.access_card

# decides ACTION USER GROUP RESULT: what polkit is told of such a process.
decides()
{
    {
        cat <<'END'
var polkit = {
    Result: {YES: "yes", NO: "no", NOT_HANDLED: null},
    addRule: function(rule) { this.rule = rule; }
};
END
        cat "$conf/50-tessera.rules"
        cat <<END
print(polkit.rule({id: "$1"}, {
    user: "$2",
    isInGroup: function(name) { return name === "$3"; }
}) || "not handled");
END
    } >"$work/rule.js"
    duk "$work/rule.js" >"$work/said"
    [ "$(cat "$work/said")" = "$4" ] || {
        cat "$work/said"
        fail "$1 for $2 of group $3 is not: $4"
    }
}

for action in $pcsc $card; do
    decides $action www-data www-data yes
    decides $action martin scard yes
    decides $action martin users 'not handled'
    decides $action daemon www-data 'not handled'
done
for action in org.freedesktop.login1.reboot $card.more org.debian.pcsc-lite; do
    decides $action www-data scard 'not handled'
done

# --- systemd ------------------------------------------------------------------

unit=$work/nginx.service
mkdir "$unit.d"
printf '%s\n' '[Service]' 'ExecStart=/usr/sbin/nginx -g "daemon off;"' >"$unit"

# What is wrong with the unit with this drop-in: systemd's status does not tell.
complaints()
{
    cat >"$unit.d/tessera.conf"
    systemd-analyze verify --man=no "$unit" 2>&1 | grep -F tessera.conf || true
}

[ -z "$(complaints <"$conf/tessera-service.conf")" ] ||
    fail "$(complaints <"$conf/tessera-service.conf")"
[ -n "$(sed 's/^StateDirectory/StateFolder/' "$conf/tessera-service.conf" |
    complaints)" ] || fail 'systemd-analyze finds no fault in a wrong key'

# With what it says in comments too.
sed 's/^#\([A-Z][A-Za-z]*=\)/\1/' "$conf/tessera-service.conf" >"$work/all"
grep -q '^LoadCredential=' "$work/all"
[ -z "$(complaints <"$work/all")" ] || fail "$(complaints <"$work/all")"

# --- A service with that drop-in ----------------------------------------------

[ "$(id -u)" = 0 ] || exit 0 # only root has workers of another user
PIN=123456
key='card://issuer=TEST%20CERTEUROPE%20ADVANCED%20CA%20V3'
card_start_family one gemsafe 0 "serial=$(stock rand -hex 8)"
configure_with_pin
export_certificate "$key" "$work/server.pem"
bash "$conf/uri2pem.sh" "$key" >"$work/key.pem"
configure_with_pin 999999
nginx_with_key "$work/key.pem" 1
sed -i '1i env STATE_DIRECTORY;' "$work/nginx.conf"

# As systemd would: the folder, its name, and what comes before the service.
unset XDG_STATE_HOME
export STATE_DIRECTORY=$work/tessera-nginx
mkdir "$STATE_DIRECTORY"
before=$(sed -n 's/^ExecStartPre=+//p' "$conf/tessera-service.conf")
before=${before//%N/nginx}
${before//"/var/lib"/"$work"}

nginx_start 8443
refused visit https://127.0.0.1:8443/
tries_are 2
[ -n "$(find "$STATE_DIRECTORY/tessera" -type f -user www-data)" ] ||
    fail 'no mark is where the drop-in wants it'
