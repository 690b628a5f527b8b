#!/bin/bash
# run.sh [SECONDS [TARGET...]]: build the fuzz targets with clang, ASan and
# UBSan, and run each on its corpus for that long (60), as many at a time as
# there are processors. What it finds stays in build/fuzz/found (FUZZ_BUILD:
# another folder than build/fuzz).
set -u -o pipefail
top=$(cd "$(dirname "$0")/../.." && pwd) || exit
seconds=${1:-60}
shift $(($# > 0))
work=${FUZZ_BUILD:-$top/build/fuzz}

build()
{
    cmake -S "$top" -B "$work" -G Ninja -DCMAKE_C_COMPILER=clang \
        -DCMAKE_BUILD_TYPE=RelWithDebInfo -DTESSERA_FUZZ=ON \
        -DTESSERA_SANITIZE=fuzzer-no-link,address,undefined >/dev/null ||
        return
    if ! cmake --build "$work" --target fuzz-targets >"$work/build.log"; then
        tail -n 30 "$work/build.log"
        return 1
    fi
}

# fuzz TARGET: one line, and more if something was found.
fuzz()
{
    local corpus=$work/corpus/$1 log=$work/$1.log status words

    mkdir -p "$corpus"
    "$work/tests/fuzz/fuzz_$1" -max_total_time="$seconds" -max_len=16384 \
        -timeout=20 -artifact_prefix="$work/found/$1-" -print_final_stats=1 \
        "$corpus" "$top/tests/fuzz/corpus/$1" >"$log" 2>&1
    status=$?
    words=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    printf 'fuzz %-10s %12s executions, %6s edges\n' "$1" "${words:-?}" \
        "$(grep -o 'cov: [0-9]*' "$log" | tail -n 1 | cut -d ' ' -f 2)"
    if [ $status -ne 0 ]; then
        printf 'fuzz %s: found something (%s)\n' "$1" "$log"
        grep -A 30 -m 1 -E '^(does not hold|==[0-9]+==|.*runtime error)' "$log"
    fi
    return $status
}

targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    for source in "$top"/tests/fuzz/fuzz_*.c; do
        source=${source##*/fuzz_}
        targets+=("${source%.c}")
    done
fi
build || exit
mkdir -p "$work/found"
status=0
running=0
for target in "${targets[@]}"; do
    if [ $running -ge "$(nproc)" ]; then
        wait -n || status=1
        running=$((running - 1))
    fi
    fuzz "$target" &
    running=$((running + 1))
done
while [ $running -gt 0 ]; do
    wait -n || status=1
    running=$((running - 1))
done
exit $status
