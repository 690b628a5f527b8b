#!/bin/bash
# A full disk, a folder that cannot be written, what is there already, a program
# killed at any moment: activate has done all or nothing, and can be repeated
# and taken back.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

export HOME=$work/home
unset XDG_CONFIG_HOME
folder=$HOME/.config/tessera
mkdir "$HOME"
card_start one 0

# What is there, to the last byte.
content()
{
    (
        cd "$HOME"
        find . ! -name big -printf '%p %y %m %l\n' | sort
        find . -type f ! -name big -exec sha256sum {} + | sort
    )
}

# all_or_nothing COMMAND...: the command's status is its own.
all_or_nothing()
{
    content >"$work/before"
    # Through a pipe: a limit on files would be one on what is said.
    if "$@" 2>&1 | cat >"$work/said"; then
        (cd "$folder" && sha256sum --quiet --check registered.sha256) ||
            fail "what is listed is not there: $*"
        [ -z "$(find "$HOME" -name '.tessera*')" ] ||
            fail "temporaries are left: $*"
        return 0
    fi
    says "$work/said" 'cannot be|file too large|no space'
    content | cmp "$work/before" - || fail "half of it is there: $*"
    return 1
}

# --- The disk is full ---------------------------------------------------------

done_at=0 refused_at=0
for size in $(seq 1 30); do
    mount -t tmpfs -o "size=$((size * 4))k" none "$HOME"
    if all_or_nothing tessera activate --no-pin; then
        done_at=$((done_at + 1))
    else
        refused_at=$((refused_at + 1))
    fi
    umount "$HOME"
done
[ "$done_at" -gt 0 ] && [ "$refused_at" -gt 2 ] ||
    fail "$done_at times done, $refused_at times not"

# There is something already, to be replaced.
replaced=no
for free in $(seq 0 24); do
    mount -t tmpfs -o size=400k none "$HOME"
    tessera activate --no-pin >"$work/said"
    dd if=/dev/zero of="$HOME/big" bs=4k 2>"$work/dd" || true
    truncate -s "-$((free * 4))k" "$HOME/big"
    if all_or_nothing tessera chain --ca "$cards/one/chain.pem" --install; then
        replaced=yes
    fi
    umount "$HOME"
done
[ "$replaced" = yes ] || fail 'the chains were never replaced'

# So it is with a limit on what the user may write.
for blocks in 0 1 2 3; do
    all_or_nothing bash -c "ulimit -f $blocks
        exec $build/bin/tessera activate --no-pin" || continue
    tessera deactivate >"$work/said"
done

# --- It cannot be written -----------------------------------------------------

mount -t tmpfs -o ro none "$HOME"
refused tessera activate --no-pin
says "$work/said" 'cannot be made: Read-only file system'
umount "$HOME"

tessera activate --no-pin >"$work/said"
rm "$folder/99002752-auth.pem"
mount --bind "$HOME" "$HOME"
mount -o remount,ro,bind "$HOME"
all_or_nothing tessera activate --no-pin && fail 'written where nobody can'
all_or_nothing tessera deactivate && fail 'removed where nobody can'
umount "$HOME"
tessera deactivate >"$work/said"

# --- Something is there already -----------------------------------------------

install -d -m 700 "$folder"
echo mine >"$work/mine"
for there in file symlink folder; do
    case $there in
    file) echo mine >"$folder/99002752-sign.key.pem" ;;
    symlink) ln -s "$work/mine" "$folder/99002752-sign.key.pem" ;;
    folder) mkdir "$folder/99002752-sign.key.pem" ;;
    esac
    content >"$work/before"
    refused tessera activate --no-pin
    says "$work/said" 'sign.key.pem is there already'
    content | cmp "$work/before" -
    rm -r "$folder/99002752-sign.key.pem"
done
[ "$(cat "$work/mine")" = mine ] || fail 'written through a symbolic link'

# A list that somebody else made names nothing that is not in the folder.
hash=$(sha256sum <"$work/mine")
hash=${hash%% *}
for line in "$hash  $work/mine" "$hash  ../../../mine" "$hash  x-1.crt" \
    "$hash" nonsense; do
    printf '%s\n' "$line" >"$folder/registered.sha256"
    refused tessera deactivate --all
    says "$work/said" 'is damaged'
    refused tessera activate --no-pin
    [ -e "$work/mine" ] || fail 'a file of somebody else is gone'
done
rm "$folder/registered.sha256"

chmod 777 "$folder"
refused tessera activate --no-pin
says "$work/said" 'nobody else to write'
rmdir "$folder"
mkdir -m 700 "$work/elsewhere"
ln -s "$work/elsewhere" "$folder"
refused tessera activate --no-pin
says "$work/said" 'is not used'
[ -z "$(ls -A "$work/elsewhere")" ] || fail 'written somewhere else'
rm "$folder"
rmdir "$HOME/.config"

# --- Killed -------------------------------------------------------------------

# killed_at CALL NUMBER ARGUMENT...: false if there was no such call.
killed_at()
{
    local status=0

    # The shell's word of it is not wanted.
    (
        strace -qq -o "$work/strace" -e "trace=$1" \
            -e "inject=$1:signal=KILL:when=$2" "$build/bin/tessera" "${@:3}" \
            >"$work/said" 2>&1
        exit $?
    ) 2>/dev/null || status=$?
    [ $status -ne 0 ] || return 1
    [ $status -ge 128 ] || fail "status $status: $(cat "$work/said")"
}

# Whatever is in the folder, the list has it, as it is.
all_is_listed()
{
    local file

    for file in "$folder"/[a-z0-9]*; do
        case $file in
        */registered.sha256 | */\[*) ;;
        *) grep -qx "$(cd "$folder" && sha256sum "${file##*/}")" \
            "$folder/registered.sha256" || fail "$file is not listed" ;;
        esac
    done
}

# killed_everywhere CALL ARGUMENT...: from what prepare makes.
killed_everywhere()
{
    local call=$1 number

    shift
    for number in $(seq 100); do
        prepare >"$work/said"
        killed_at "$call" "$number" "$@" || break
        all_is_listed
        # Either is enough to be whole again.
        [ $((number % 2)) = 0 ] || tessera "$@" >"$work/said"
        tessera deactivate --all >"$work/said" 2>"$work/warned"
        [ ! -s "$work/warned" ] || fail "$(cat "$work/warned")"
        [ ! -d "$folder" ] || [ -z "$(ls -A "$folder")" ] ||
            fail "left: $(ls -A "$folder")"
        rm -rf "$HOME/.config"
        kills=$((kills + 1))
    done
    rm -rf "$HOME/.config"
}

# A sanitizer traces too, to look for leaks.
[ -z "${TESSERA_PRELOAD-}" ] || exit 0
kills=0
for call in mkdir fchmod fsync renameat; do
    prepare()
    {
        :
    }
    killed_everywhere $call activate --no-pin
    prepare()
    {
        tessera activate --no-pin
    }
    killed_everywhere $call chain --ca "$cards/one/chain.pem" --install
done
[ "$kills" -ge 40 ] || fail "killed $kills times only"
