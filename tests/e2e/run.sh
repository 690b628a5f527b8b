#!/bin/bash
# run.sh BUILD [STORY...]: run end-to-end stories (all of them by default), each
# with a pcscd and two readers of its own, or as many as a line "# readers: N"
# in it says.
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit
top=$(cd "$here/../.." && pwd)
build=$(cd "$1" && pwd) || exit
shift
if [ $# -eq 0 ]; then
    for story in "$here"/*.sh; do
        case ${story##*/} in
        run.sh | story.sh | world.sh | softhsm.sh | keys.sh | apache.sh) ;;
        *) set -- "$@" "$(basename "$story" .sh)" ;;
        esac
    done
fi

if grep -q '^TESSERA_SANITIZE:STRING=address' "$build/CMakeCache.txt"; then
    TESSERA_PRELOAD=$(gcc -print-file-name=libasan.so)
    export TESSERA_PRELOAD
fi

# A leak counts when our code stands in its stack: programs around us leak what
# they like at exit, and what hangs on that is theirs too.
reports_of_ours()
{
    local report

    for report in "$1"/sanitizer.*; do
        [ -e "$report" ] || continue
        awk -v RS= '/ERROR: (Address|Undefined)|runtime error/ ||
            (/Direct leak of / &&
             /tessera\.so|\/(card|provider|engine)\/[a-z0-9_\/]*\.c:/)' \
            "$report"
    done
}

run_story()
{
    local work status reports

    work=$(mktemp -d)
    chmod 1777 "$work" # servers drop to other users, and report here
    export top build story_work=$work
    ASAN_OPTIONS=exitcode=0:log_path=$work/sanitizer:fast_unwind_on_malloc=0
    export ASAN_OPTIONS
    export UBSAN_OPTIONS=log_path=$work/sanitizer:print_stacktrace=1
    LSAN_OPTIONS=exitcode=0:suppressions=$top/tests/e2e/lsan.supp:print_suppressions=0
    export LSAN_OPTIONS
    SIM_READERS=$(sed -n 's/^# readers: //p' "$here/$1.sh")
    export SIM_READERS
    # No terminal to ask at, unless the story makes one.
    setsid --wait bash -c '. "$1" && enter_world bash "$2"' - \
        "$here/world.sh" "$here/$1.sh" >"$work/output" 2>&1
    status=$?
    reports=$(reports_of_ours "$work")
    if [ $status -eq 0 ] && [ -z "$reports" ]; then
        echo "pass  $1"
        rm -rf "$work"
    else
        echo "FAIL  $1"
        cat "$work/output"
        printf '%s\n' "$reports"
        [ ! -e "$work/nginx.log" ] || tail -n 20 "$work/nginx.log"
        echo "(left in $work)"
        return 1
    fi
}

# shellcheck source=tests/e2e/world.sh
. "$here/world.sh"

failed=0
for story in "$@"; do
    run_story "$story" || failed=1
done
exit $failed
