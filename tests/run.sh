#!/bin/bash
# tests/run.sh [--asan|--tsan] [--long]: install what is missing, build, run
# every test. Needs root for packages and for the stories' namespaces.
#
#   --asan  build and test under AddressSanitizer and UBSan instead
#   --tsan  build and run what has threads under ThreadSanitizer instead
#   --long  each test five times, to find those that fail now and then, the
#           slowest ones too, a thousand forks at every moment, and a minute of
#           fuzzing
set -u
top=$(cd "$(dirname "$0")/.." && pwd) || exit
# shellcheck source=tests/lib.sh
. "$top/tests/lib.sh"

preset=dev
long=no
repeat=()
select=()
for argument in "$@"; do
    case $argument in
    --asan) preset=asan ;;
    --tsan)
        preset=tsan
        select=(--label-regex 'unit|threads')
        ;;
    --long)
        long=yes
        repeat=(--repeat until-fail:5)
        export SWEEP_ALL=yes
        packages_test+=(libclang-rt-dev)
        ;;
    *) die "usage: tests/run.sh [--asan|--tsan] [--long]" ;;
    esac
done

install_packages "${packages_build[@]}" "${packages_sim[@]}" \
    "${packages_test[@]}"
fetch_virtual_reader

say "building with gcc ($preset)"
build_tree $preset
if [ $preset = dev ]; then
    say "building with clang"
    build_tree dev-clang
fi

say "tests"
cd "$top" || exit
[ $long = yes ] || select+=(--label-exclude slow)
ctest --preset $preset --parallel "$(nproc)" ${repeat[@]+"${repeat[@]}"} \
    ${select[@]+"${select[@]}"}
status=$?

if [ $long = yes ]; then
    say "forks"
    LIFE_FORKS=1000 tests/e2e/run.sh build/$preset forks_at_every_moment ||
        status=1
    say "fuzzing"
    tests/fuzz/run.sh 60 || status=1
fi
log=$top/build/$preset/Testing/Temporary/LastTest.log
if grep -q '^sweep' "$log"; then
    say "sweeps"
    grep -h '^sweep' "$log"
fi
say "sizes"
tests/check/sizes.sh
if [ $status -ne 0 ]; then
    say "FAILED"
else
    say "all tests passed"
fi
exit $status
