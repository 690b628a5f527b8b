#!/bin/bash
# The PINs a person gives to tessera are in no command line, on no screen, in no
# document, log or transcript, and in no core file.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

# Canaries.
pin=7351
new=8462
puk=91736284
wrong=6047
out=$work/out
mkdir "$out"
export TESSERA_LOG=stderr TESSERA_TRACE=$out/trace

# leaked FOLDER: as text, and as dumps have it. Among the hexadecimal digits of
# a dump the four of a PIN are found by chance: there only what stands for its
# characters counts.
leaked()
{
    local value hex dump='^[^:]*:[0-9]+:[<>] [0-9A-Fa-fX ]*$' status=1

    : >"$work/texts"
    : >"$work/dumps"
    for value in $pin $new $puk $wrong; do
        hex=$(printf %s "$value" | od -An -v -tx1 | tr -d '\n')
        printf '%s\n' "$value" >>"$work/texts"
        printf '%s\n' "${hex# }" "${hex// /}" >>"$work/dumps"
    done
    ! grep -ranF -f "$work/texts" "$1" | grep -avE "$dump" || status=0
    ! grep -raniF -f "$work/dumps" "$1" || status=0
    return $status
}

run=0
keep()
{
    run=$((run + 1))
    cp "$work/shown" "$out/shown.$run"
}

keep_converse()
{
    converse "$@"
    keep
}

pins()
{
    printf '%s\n' "$@" >"$work/pins"
    chmod 600 "$work/pins"
}

# by_file STATUS ACTION VALUE...: as text and as a document.
by_file()
{
    local status form

    pins "${@:3}"
    for form in '' --json; do
        run=$((run + 1))
        status=0
        tessera pin "$2" $form --pin-file "$work/pins" >"$out/run.$run" 2>&1 ||
            status=$?
        [ $status -eq "$1" ] || fail "status $status of $2"
    done
}

printf 'x%sx' "$new" >"$out/planted"
leaked "$out" >"$work/found" || fail 'the search finds nothing'
unlink "$out/planted"
card_start_family one ias 0 maker=cps3 pin=$pin puk=$puk

# --- Right, wrong, malformed: by hand and by file -----------------------------
asks='PIN (4 digits): '
keep_converse 0 'pin change' "$asks" $pin 'New PIN (4 digits): ' $new \
    'New PIN again: ' $new
keep_converse 0 '--json pin change' "$asks" $new 'New PIN (4 digits): ' $pin \
    'New PIN again: ' $pin
keep_converse 4 'pin verify' "$asks" $wrong
keep_converse 6 'pin change' "$asks" $puk "$asks" x$wrong \
    "$asks" "$wrong"$'\a\r'
by_file 0 verify $pin
by_file 6 change $pin $pin
by_file 6 change $pin
by_file 6 verify $puk$puk
# Where a card is named: who types it there is not shown it again.
for form in '' --json; do
    run=$((run + 1))
    status=0
    tessera pin verify $wrong $form >"$out/run.$run" 2>&1 || status=$?
    [ $status -eq 2 ] || fail "status $status"
    says "$out/run.$run" 'PINs do not belong on the command line'
done
card_set_tries 0
keep_converse 4 'pin unblock' 'PUK (8 digits): ' $wrong$wrong \
    'New PIN (4 digits): ' $new 'New PIN again: ' $new
pins $puk $new
tessera pin unblock --force --pin-file "$work/pins" >"$out/unblock" 2>&1

# --- In memory while it waits -------------------------------------------------

cat >"$work/person" <<'END'
set timeout 20
proc wait_for {text} {
    expect {
        -ex $text {}
        timeout { exit 90 }
        eof { exit 90 }
    }
}
cd $env(CORES)
spawn -noecho bash -c "ulimit -c unlimited; exec $env(TOOL) pin change"
wait_for "PIN (4 digits): "
send -- "$env(FIRST)\r"
wait_for "New PIN (4 digits): "
send -- [string range $env(SECOND) 0 2]
set pid [exp_pid]
exec tr "\\0" "\\n" </proc/$pid/cmdline >$env(OUT)/cmdline
exec cat /proc/$pid/limits >$env(OUT)/limits
exec kill -ABRT $pid
expect eof
END
mkdir "$work/cores"
(
    cd "$work/cores"
    ulimit -c unlimited
    sleep 60 &
    kill -ABRT $!
    wait $! || true
)
if ! compgen -G "$work/cores/*core*" >"$work/found"; then
    echo 'this machine writes no core files here'
fi
find "$work/cores" -type f -delete
preload=${TESSERA_PRELOAD:+LD_PRELOAD=$TESSERA_PRELOAD}
CORES=$work/cores OUT=$out FIRST=$new SECOND=$pin \
    TOOL="env $preload $build/bin/tessera" \
    expect -f "$work/person" >"$out/aborted" 2>&1 </dev/null ||
    { cat "$out/aborted"; fail 'it did not come to the question'; }
says "$out/cmdline" '^change$'
says "$out/limits" 'Max core file size  *0  *0 '
! compgen -G "$work/cores/*core*" || fail 'a core file was left'

[ -s "$out/trace" ] || fail 'there is no transcript'
! leaked "$out" || fail 'a PIN is there'
