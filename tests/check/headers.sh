#!/bin/bash
# Each header compiles alone, and twice in a row.
cd "$(dirname "$0")/../.." || exit
status=0
for header in $(find card provider engine tests -name '*.h' | sort); do
    printf '#include "%s"\n#include "%s"\n' "$header" "$header" |
        cc -std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Wpedantic \
            -Werror -fsyntax-only -I. $(pkg-config --cflags libpcsclite p11-kit-1) \
            -x c - || {
        echo "$header does not compile alone"
        status=1
    }
done
exit $status
