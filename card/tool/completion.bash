# Completion of tessera(1) for bash, with bash-completion or without. What there
# is to complete is asked of the program's own help, so the two cannot differ.
# No card is touched: a shell must not wait for one.
# shellcheck shell=bash

# The command among the words before the cursor, if there is one.
_tessera_command()
{
    local i

    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --card | --pin-file)
            [ "${COMP_WORDS[i + 1]}" != = ] || ((i++)) # --card=1 is three words
            ((i++))
            ;;
        -*) ;;
        *)
            printf '%s\n' "${COMP_WORDS[i]}"
            break
            ;;
        esac
    done
}

# The first line of help, without "Usage: tessera COMMAND".
_tessera_usage()
{
    LC_ALL=C "$@" --help 2>/dev/null | sed '1!d;s/^.*: tessera [a-z]* *//'
}

_tessera()
{
    local tessera=$1 word=$2 before=$3 command commands usage common choices=

    COMPREPLY=()
    if [ "$word" = = ]; then
        word=
    elif [ "$before" = = ]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    commands=$(LC_ALL=C "$tessera" --help 2>/dev/null |
        sed -n 's/^  \([a-z]*\)  .*/\1/p')
    common=$(_tessera_usage "$tessera")
    command=$(_tessera_command)
    usage=
    # A word that is no command has no help.
    if grep -qxF -- "$command" <<<"$commands"; then
        usage=$(_tessera_usage "$tessera" "$command")
    fi

    if [[ "$common $usage" =~ "$before "([A-Za-z|]+) && $before == --* ]]; then
        case ${BASH_REMATCH[1]} in
        FILE) compopt -o default ;;
        [a-z]*) choices=${BASH_REMATCH[1]//|/ } ;;
        esac
    elif [[ $word == -* ]]; then
        choices="--help $(grep -oE -- '--[a-z-]+' <<<"$common $usage")"
    elif [ -z "$command" ]; then
        choices=$commands
    elif [ "$before" = "$command" ]; then
        choices=${usage%%[^a-z0-9| ]*} # verbs, programs of setup
        choices=${choices//|/ }
    fi
    mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
}

complete -F _tessera tessera
