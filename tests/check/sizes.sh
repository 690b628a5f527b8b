#!/bin/bash
# A report, not a rule: long files, and functions over 45 lines (80 is a
# smell). A function is what stands between "{" and "}" in the first column.
cd "$(dirname "$0")/../.." || exit
find card provider engine tests -name '*.c' | sort | xargs awk '
    FNR == 1 {
        if (file != "" && lines > 600)
            printf "%5d lines  %s\n", lines, file
        file = FILENAME
    }
    { lines = FNR }
    /^[a-z].*\(/ { name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name) }
    /^\{/ { start = FNR }
    /^\}/ && start {
        len = FNR - start - 1
        start = 0
        count++
        all[count] = len
        if (len > 45)
            printf "%5d lines  %s:%s\n", len, FILENAME, name
    }
    END {
        if (lines > 600)
            printf "%5d lines  %s\n", lines, file
        asort_len(all, count)
        printf "%d functions, median %d lines, longest %d\n", count,
            all[int((count + 1) / 2)], all[count]
    }
    function asort_len(a, n,    i, j, t) {
        for (i = 2; i <= n; i++)
            for (j = i; j > 1 && a[j - 1] > a[j]; j--) {
                t = a[j]; a[j] = a[j - 1]; a[j - 1] = t
            }
    }'
