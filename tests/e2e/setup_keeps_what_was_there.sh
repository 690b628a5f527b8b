#!/bin/bash
# tessera setup --write changes its own block of a file and nothing else, keeps
# the file as it was, and leaves alone what is not the user's; versions that are
# absent or too old are told, PINs are never printed.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

export HOME=$work/home
mkdir "$HOME"
uri='card:usage=auth;serial=1'
file=$HOME/.pg_service.conf
setup=(setup postgres "$uri")

text()
{
    tessera --json "${setup[@]}" | jq -r .text
}

# --- a file that is there -----------------------------------------------------
printf '[mine]\nhost=elsewhere' >"$file"
cp "$file" "$work/mine"
chmod 640 "$file"
tessera "${setup[@]}" --write >"$work/said"
says "$work/said" 'it is kept in .*/\.pg_service\.conf\.tessera-backup\.$'
cmp "$file.tessera-backup" "$work/mine"
[ "$(stat -c %a "$file") $(stat -c %a "$file.tessera-backup")" = '640 640' ]
{
    cat "$work/mine"
    echo
    echo '# >>> tessera setup postgres'
    text
    echo '# <<< tessera setup postgres'
} >"$work/expected"
grep -q '^\[mine\]$' "$file"
diff <(grep . "$work/expected") <(grep . "$file")

# Twice is once.
cp "$file" "$work/once"
tessera "${setup[@]}" --write >"$work/said"
says "$work/said" 'as it should be already'
cmp "$file" "$work/once"
[ ! -e "$file.tessera-backup.2" ]

# Another key: our block alone changes, and there is a second backup.
printf '[more]\nhost=there\n' >>"$file"
cp "$file" "$work/second"
tessera setup postgres 'card:usage=auth;serial=2' --write >"$work/said"
cmp "$file.tessera-backup.2" "$work/second"
cmp "$file.tessera-backup" "$work/mine"
[ "$(head -n 2 "$file")" = "$(cat "$work/mine")" ]
[ "$(tail -n 2 "$file")" = "$(printf '[more]\nhost=there')" ]
[ "$(grep -c '^# >>> tessera' "$file")" = 1 ]
grep -q 'serial=2' "$file"
refused grep -q 'serial=1' "$file"

# Our last line was lost: who knows what is behind it.
sed -i '/^# <<< tessera/d' "$file"
cp "$file" "$work/cut"
refused tessera "${setup[@]}" --write
says "$work/said" 'the last line is missing'
cmp "$file" "$work/cut"

# --- files that are left alone ------------------------------------------------
left_alone()
{
    refused tessera "${setup[@]}" --write --file "$1"
    says "$work/said" "$2"
}

mkdir "$work/dir"
echo mine >"$work/dir/real"
ln -s real "$work/dir/link"
ln -s nowhere "$work/dir/dangling"
mkfifo "$work/dir/pipe"
install -m 666 /dev/null "$work/dir/shared"
for name in link dangling pipe shared; do
    left_alone "$work/dir/$name" 'is left alone'
done
[ "$(cat "$work/dir/real")" = mine ]
[ -L "$work/dir/link" ]
[ ! -e "$work/dir/nowhere" ]
ln -s dir "$work/folder"
left_alone "$work/folder/new" 'is not used'
install -d -m 777 "$work/open"
left_alone "$work/open/new" 'is not used'
left_alone "$work/absent/new" 'is not there'
[ -z "$(ls -A "$work/open")" ]

# Nothing half-written, and nothing left over, on a disk that is full or
# read-only.
install -d "$work/disk"
mount -t tmpfs -o size=8k,mode=755 none "$work/disk"
head -c 4096 /dev/zero >"$work/disk/filler"
echo '[mine]' >"$work/disk/conf"
before=$(ls -A "$work/disk")
left_alone "$work/disk/conf" 'cannot be written'
[ "$(ls -A "$work/disk")" = "$before" ]
mount -o remount,ro "$work/disk"
left_alone "$work/disk/new" 'cannot be written'

# --- URIs ---------------------------------------------------------------------
refused tessera setup curl "card:usage=auth?pin-value=$PIN"
says "$work/said" 'pin-source'
refused grep -q "$PIN" "$work/said"
refused tessera setup curl $'card:object=a\nkey = "/tmp/x"'
refused tessera setup curl 'card:nonsense=1'
refused tessera setup emacs
says "$work/said" 'openssl, curl, nginx'
refused tessera setup curl --server
says "$work/said" 'no server'
refused env -u HOME "$build/bin/tessera" setup curl "$uri"
refused env HOME="$work/a b" XDG_CONFIG_HOME= "$build/bin/tessera" setup mutt \
    "$uri"

# A quote stays inside of the commands' words.
tessera --json setup curl "card:object=it's" |
    jq -r '.needs[].command // empty' | grep ^tessera >"$work/commands"
bash -c 'tessera() { printf "%s\n" "$3"; }; . "$1"' - "$work/commands" \
    >"$work/said"
says "$work/said" "^card:object=it's\$"

# --- cards --------------------------------------------------------------------
refused tessera setup curl
says "$work/said" 'no card is in '
card_start one 0
tessera setup curl >"$work/said"
says "$work/said" '^tls-max = 1\.2$'
says "$work/said" 'PKCS#1 v1\.5'
card_start_family other piv 1
refused tessera setup curl
says "$work/said" 'more than one card'
tessera --card 'Sim 1' setup curl >"$work/said"
refused grep -q tls-max "$work/said"

# --- versions -----------------------------------------------------------------
# stands_in PROGRAM LINE...: what that program says in the place of its own.
stands_in()
{
    printf '#!/bin/sh\n' >"$work/program"
    printf 'echo "%s"\n' "${@:2}" >>"$work/program"
    chmod 755 "$work/program"
    mount --bind "$work/program" "$(readlink -f "/usr/bin/$1")"
}

# told TEXT: of curl.
told()
{
    tessera setup curl "$uri" >"$work/said"
    says "$work/said" "$1"
    says "$work/said" '^key = '
}

version=$(/usr/bin/curl --version | sed -n '1s/^curl \([0-9.]*\).*/\1/p')
told "^# For curl $version with OpenSSL 3"
stands_in curl 'curl 7.50.1 (x86_64) libcurl/7.50.1 OpenSSL/1.0.2'
told 'is too old: it takes'
stands_in curl 'curl 7.88.1 (x86_64) libcurl/7.88.1 OpenSSL/1.1.1w'
told 'runs with OpenSSL 1\.1\.1'
stands_in curl 'curl 8.14.1 (x86_64) libcurl/8.14.1 GnuTLS/3.8'
told 'does not say that it uses'
stands_in curl
told '^# For curl \?\.$'

# Not that of the package, which is linked with GnuTLS.
stands_in git "$work/none"
tessera setup git "$uri" >"$work/said"
says "$work/said" '^ *sslKey = /etc/tessera/key\.pem$'

# One that never answers, and one that never ends.
for command in 'sleep 60' yes; do
    printf '#!/bin/sh\nexec %s\n' "$command" >"$work/program"
    timeout 9 "$build/bin/tessera" setup curl "$uri" >"$work/said"
    says "$work/said" '^key = '
done

mount --bind /dev/null "$(readlink -f /usr/bin/curl)"
told 'curl is not installed'
