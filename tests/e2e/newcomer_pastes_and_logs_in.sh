#!/bin/bash
# What tessera prints to somebody who never used it, pasted line by line, logs
# curl in: by setup curl, by setup curl --write, and together with activate. A
# user's openssl.cnf is one file for both.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

# Somebody who is not root, in a home with nothing in it.
export HOME=$work/home OPENSSL_MODULES=$build/ossl-modules
export XDG_STATE_HOME=$HOME/state XDG_CACHE_HOME=$HOME/cache
unset XDG_CONFIG_HOME OPENSSL_CONF
folder=$HOME/.config/tessera
user=(setpriv --reuid 65534 --regid 65534 --clear-groups)
printf '%s\n' "$PIN" >"$work/pin"

# as_user LINE...: each as it is pasted into one shell; its PIN typed.
as_user()
{
    {
        printf 'PATH=%q:$PATH\ncd\n' "$build/bin"
        printf '%s\n' "$@" |
            sed "s|https://SERVER/|--silent --fail --cacert \
$work/server-ca.pem https://localhost:8443/|"
    } >"$work/typed"
    type_at_prompt "$PIN" "${user[*]} bash -e $work/typed"
}

# A home that is empty again.
new_home()
{
    rm -rf "${work:?}/home"
    install -d -o 65534 -g 65534 "$HOME"
}

logs_in()
{
    as_user "$@"
    says "$work/said" 'PEM pass phrase'
    says "$work/said" '^welcome '
    tries_are 3
}

card_start one 0
door_start 's|TLSv1.2|& TLSv1.3|'
chmod -R a+rX "$work"

# --- As it is printed ---------------------------------------------------------
new_home
"${user[@]}" "$build/bin/tessera" setup curl >"$work/printed" 2>"$work/warned"
says "$work/warned" 'Nothing is written yet: tessera setup curl --write'
[ ! -e "$HOME/.config" ] || fail 'something was written'
mapfile -t steps < <(sed -n 's/^#   //p' "$work/printed")
[ "${steps[0]}" = 'tessera setup curl --write' ]
[ -n "${TESSERA_PRELOAD-}" ] || logs_in "${steps[@]}"
[ "$(stat -c '%a %u' "$folder")" = '700 65534' ]

# --- As --write prints it -----------------------------------------------------
new_home
as_user 'tessera setup curl --write'
mapfile -t steps < <(tr -d '\r' <"$work/said" | sed -n '/^tessera/,/^curl/p' |
    sed '/SERVER\/$/q')
[ ${#steps[@]} = 5 ] || fail "not five lines to paste: ${steps[*]}"
[ -n "${TESSERA_PRELOAD-}" ] || logs_in "${steps[@]}"

# --- One openssl.cnf ----------------------------------------------------------
sum=$(md5sum <"$folder/openssl.cnf")
as_user 'tessera activate --no-pin' 'tessera setup openssl --write'
! grep -E 'kept as it is|backup' "$work/said" || fail 'one undoes the other'
says "$work/said" 'openssl.cnf is there already'
[ "$sum" = "$(md5sum <"$folder/openssl.cnf")" ]

# What activate did not put there is named, and left.
as_user 'tessera deactivate --all'
says "$work/said" 'OPENSSL_CONF into ~/\.profile, take it out'
for name in card.pem curlrc key.pem; do
    says "$work/said" "^$folder/$name"
done
[ "$(ls -A "$folder")" = $'card.pem\ncurlrc\nkey.pem' ]

# --- Folders ------------------------------------------------------------------
# A folder of ours is made below a home that is there, and no other.
new_home
as_user "tessera cert export --usage auth --out $folder/card.pem"
says "$work/said" "^$folder/card.pem is written\."
[ "$(stat -c %a "$HOME/.config" "$folder" | xargs)" = '700 700' ]
refused "${user[@]}" "$build/bin/tessera" cert export --out "$HOME/x/card.pem"
refused "${user[@]}" env HOME="$HOME/none" "$build/bin/tessera" cert export \
    --out "$HOME/none/.config/tessera/card.pem"
[ ! -e "$HOME/none" ]
