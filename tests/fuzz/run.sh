#!/bin/bash
# run.sh [SECONDS]: build the fuzz targets with clang, ASan and UBSan, and run
# each on its corpus for that long (60). What it finds stays in build/fuzz.
set -eu -o pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$top/build/fuzz
mkdir -p "$work/found" "$work/corpus"
cd "$top"
clang -g -O1 -fsanitize=fuzzer,address,undefined \
    -fno-sanitize-recover=undefined -std=c11 -D_POSIX_C_SOURCE=200809L -I. \
    $(pkg-config --cflags libpcsclite libcrypto libp11 p11-kit-1) \
    tests/fuzz/fuzz_card.c \
    card/*.c card/*/*.c -o "$work/fuzz_card" \
    $(pkg-config --libs libpcsclite libcrypto libp11) -pthread
"$work/fuzz_card" -max_total_time="${1:-60}" -max_len=16384 \
    -artifact_prefix="$work/found/" -print_final_stats=1 \
    "$work/corpus" tests/fuzz/corpus 2>&1 | tail -n 12
