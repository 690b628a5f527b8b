#!/bin/bash
# activate checks the PIN and makes of a card what a stock curl logs in with:
# the files and the environment that it prints, and nothing else. deactivate
# leaves nothing of it.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

export HOME=$work/home OPENSSL_MODULES=$build/ossl-modules
unset XDG_CONFIG_HOME
mkdir "$HOME"
printf '%s\n' "$PIN" >"$work/pin"
printf '%s\n' 9999 >"$work/wrong"
chmod 600 "$work/pin" "$work/wrong"
folder=$HOME/.config/tessera
card_start one 0

# The wrong PIN costs its one try, and registers nothing.
refused tessera activate --pin-file "$work/wrong"
says "$work/said" 'PIN was wrong'
tries_are 2
[ ! -e "$HOME/.config" ] || fail 'a wrong PIN registered something'

# What is there already is no hindrance, and stays.
umask 077
tessera activate --pin-file "$work/pin" >"$work/activated" 2>"$work/said"
tries_are 3
says "$work/said" '2 of 3 tries left'
says "$work/activated" "^2 certificates are registered in $folder:"
[ "$(stat -c %a "$folder")" = 700 ] || fail 'others may look into the folder'
! grep -rq "$PIN" "$folder" || fail 'the PIN is in a file'
(cd "$folder" && sha256sum --quiet --check registered.sha256)

# Certificates with what is known of their chain, and keys.
for usage in auth sign; do
    cmp <(stock x509 -in "$folder/99002752-$usage.pem" -outform DER) \
        <(stock x509 -in "$cards/one/$usage.pem" -outform DER)
    cmp "$folder/99002752-$usage.key.pem" \
        <(bash "$conf/uri2pem.sh" "card://serial=99002752;usage=$usage")
done

# The two lines as they are printed, where somebody would put the server. It
# speaks TLS 1.3 too, so without its limit the second would log nobody in.
door_start 's|TLSv1.2|& TLSv1.3|'
says "$work/activated" "^ *export OPENSSL_CONF=$folder/openssl.cnf\$"
{
    grep '^ *export OPENSSL_CONF=' "$work/activated"
    sed -n "s|^ *curl \(.*\)https://SERVER/\$|curl --silent --fail --cacert \
$work/server-ca.pem \1https://localhost:8443/|p" "$work/activated"
} >"$work/typed"
[ "$(wc -l <"$work/typed")" = 2 ] || fail "not two lines to type"
if [ -z "${TESSERA_PRELOAD-}" ]; then
    type_at_prompt "$PIN" "sh -e $work/typed"
    says "$work/said" 'welcome '
    tries_are 3
fi
tr -s '\n ' ' ' <"$work/activated" >"$work/words"
says "$work/words" 'a "PEM pass phrase": that is the card.s PIN'
says "$work/words" 'add --cacert FILE'
says "$work/words" 'Error 58 of curl means that the line with export'

# And for every new terminal.
grep 'profile$' "$work/activated" >"$work/typed"
sh -e "$work/typed"
[ "$(cat "$HOME/.profile")" = "export OPENSSL_CONF=$folder/openssl.cnf" ]
rm "$HOME/.profile"

# Where a program finds the PIN is the person's to say, in that file; activate
# does not take it back, nor does it write again what is right.
echo "pin = file:$work/pin" >>"$folder/openssl.cnf"
cd "$work"
OPENSSL_CONF=$folder/openssl.cnf curl_logs_in "$folder/99002752-auth.pem" \
    "$folder/99002752-auth.key.pem" --tls-max 1.2
sed -i '$d' "$folder/openssl.cnf"
before=$(stat -c '%n %i %Y' "$folder"/*)
tessera activate --no-pin >"$work/said"
says "$work/said" 'activated already'
[ "$before" = "$(stat -c '%n %i %Y' "$folder"/*)" ] ||
    fail 'the second time wrote something'

# For programs.
tessera activate --no-pin --json >"$work/json"
python3 - "$work/json" "$folder" <<'END'
import json, sys
said = json.load(open(sys.argv[1]))
assert said["folder"] == sys.argv[2] and said["certificates"] == 2
assert said["changed"] is False
auth, = [e for e in said["registered"] if e["usage"] == "auth"]
assert auth["certificate"] == sys.argv[2] + "/99002752-auth.pem"
END
tessera activate --no-pin --redact >"$work/said"
! grep -q DUPONT "$work/said" || fail 'the holder is named'

# A second card beside it: each goes by itself, in either order, and without
# being in a reader.
card_start other 1
refused tessera activate --no-pin
says "$work/said" 'more than one card'
tessera activate 'Sim 1' --no-pin >"$work/said"
tessera deactivate 99002752 >"$work/said"
says "$work/said" 'removed from'
says <(ls "$folder") '^99002753-auth.pem'
! ls "$folder"/99002752* 2>/dev/null || fail 'the first card is still there'
[ -e "$folder/openssl.cnf" ] || fail 'the second card has lost openssl.cnf'

# What was changed since is left, and said so.
echo mine >>"$folder/openssl.cnf"
tessera deactivate --all >"$work/said" 2>"$work/warned"
says "$work/warned" 'openssl.cnf is left: it was changed'
says "$work/said" "^$folder/openssl.cnf\$"
[ "$(ls -A "$folder")" = openssl.cnf ] || fail "left: $(ls -A "$folder")"
rm "$folder/openssl.cnf"
rmdir "$folder" "$HOME/.config"

# Nothing is left: neither of folders that were there, nor of others.
tessera activate 'Sim 0' --no-pin >"$work/said"
tessera deactivate >"$work/said"
[ -z "$(ls -A "$HOME")" ] || fail "left: $(find "$HOME")"
mkdir "$HOME/.config"
tessera activate 'Sim 0' --no-pin >"$work/said"
tessera deactivate 99002752 >"$work/said"
[ "$(find "$HOME" -mindepth 1)" = "$HOME/.config" ] ||
    fail "left: $(find "$HOME")"
tessera deactivate >"$work/said"
says "$work/said" 'Nothing was registered'
