#!/bin/bash
# completion.sh BUILD: bash completes what the program understands: commands,
# options, their files and the first operands.
build=$(cd "$1" && pwd) || exit
cd "$(dirname "$0")/../.." || exit
export PATH=$build/bin:$PATH LC_ALL=C
status=0

complain()
{
    echo "$*"
    status=1
}

# Stands for the builtin, which works under the cursor only.
compopt()
{
    asked=$2
}

# shellcheck source=card/tool/completion.bash
. card/tool/completion.bash

# offered WORD...: what is offered for the last of them, in $asked or COMPREPLY.
offered()
{
    asked=
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    _tessera "$1" "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
}

has()
{
    printf '%s\n' "${COMPREPLY[@]}" | grep -qxF -- "$1"
}

# --- Commands and their options -----------------------------------------------

offered tessera ''
commands=("${COMPREPLY[@]}")
[ ${#commands[@]} -ge 3 ] || complain "no commands: ${commands[*]}"
offered tessera sho
[ "${COMPREPLY[*]}" = show ] || complain "sho: ${COMPREPLY[*]}"

all=()
for command in "${commands[@]}"; do
    offered tessera "$command" --
    all+=("${COMPREPLY[@]}")
    for option in "${COMPREPLY[@]}"; do
        # With --help nothing is done, and a value may follow or not.
        tessera "$command" --help "$option" 1 >/dev/null 2>&1 ||
            complain "$command does not understand $option"
    done
done

# Every option of the sources is named by the help of a command, but --version,
# which is no command's.
while IFS= read -r option; do
    printf '%s\n' "${all[@]}" | grep -qxF -- "--$option" ||
        complain "the help of no command names --$option"
done < <(sed -n '/struct tool_option [a-z_]*\[\] = {/,/};/p' card/tool/*.c |
    grep -oP '\{"\K[a-z-]+(?=",)' | grep -vx version | sort -u)

# --- Values and operands ------------------------------------------------------

for line in 'tessera --pin-file' 'tessera show --pin-file' \
    'tessera --card 1 show --pin-file' 'tessera show --pin-file ='; do
    # shellcheck disable=SC2086
    offered $line ''
    [ "$asked" = default ] || complain "no files after: $line"
done
offered tessera --card ''
[ ${#COMPREPLY[@]} = 0 ] || complain "a card is not one of ${COMPREPLY[*]}"
for line in '--card 1' '--card = 1' '--json'; do
    # shellcheck disable=SC2086
    offered tessera $line show --pi
    has --pin || complain "no --pin after: $line show"
done
offered tessera test --usage ''
[ "${COMPREPLY[*]}" = auth ] || complain "--usage: ${COMPREPLY[*]}"
offered tessera pin un
[ "${COMPREPLY[*]}" = unblock ] || complain "pin un: ${COMPREPLY[*]}"
offered tessera setup ''
programs=$(grep -oP '^    \{\.name = "\K[a-z]+' card/tool/setup_program.c)
[ "$(sort <<<"$programs")" = "$(printf '%s\n' "${COMPREPLY[@]}" | sort)" ] ||
    complain "setup: ${COMPREPLY[*]}"
offered tessera nonsense ''
[ ${#COMPREPLY[@]} = 0 ] || complain "nonsense: ${COMPREPLY[*]}"

# --- By bash-completion -------------------------------------------------------

work=$(mktemp -d) || exit
trap 'rm -rf "$work"' EXIT
mkdir "$work/completions"
cp card/tool/completion.bash "$work/completions/tessera"
BASH_COMPLETION_USER_DIR=$work bash --norc -c '
    . /usr/share/bash-completion/bash_completion
    __load_completion tessera && complete -p tessera' >"$work/said" 2>&1
grep -qx 'complete -F _tessera tessera' "$work/said" ||
    complain "bash-completion did not load it: $(cat "$work/said")"
exit $status
