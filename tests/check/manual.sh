#!/bin/bash
# manual.sh BUILD: both manual pages have each command, option and exit status
# of the program, and none that it has not; groff has nothing to say on them.
build=$(cd "$1" && pwd) || exit
cd "$(dirname "$0")/../../card/tool" || exit
export LC_ALL=C.UTF-8
status=0

complain()
{
    echo "$*"
    status=1
}

# same PAGE WHAT PROGRAM PAGE'S: two lists of words, one a line
same()
{
    local differ

    differ=$(diff <(sort -u <<<"$3") <(sort -u <<<"$4") | grep '^[<>]') &&
        complain "$1: $2 (< the program's, > the page's):
$differ"
}

# The text of the page without what others are told in examples.
own_text()
{
    awk '/^\.EX/ { example = 1 }
        /^\.EE/ { example = 0 }
        !example || /^tessera/' "$1" | sed 's/\\-/-/g'
}

# section PAGE NUMBER: that section, counted from 1.
section()
{
    awk -v want="$2" '/^\.SH/ { n++ } n == want' "$1" | sed 's/\\-/-/g'
}

commands=$("$build/bin/tessera" --help | sed -n 's/^  \([a-z]*\)  .*/\1/p')
options=$(sed -n '/struct tool_option [a-z_]*\[\] = {/,/};/p' ./*.c |
    grep -oP '\{"\K[a-z-]+(?=",)')
# What the help shows as the first operand: verbs, programs of setup.
operands=$(for command in $commands; do
    "$build/bin/tessera" "$command" --help |
        sed '1!d;s/^.*: tessera [a-z]* *//;s/[^a-z0-9| ].*//' |
        grep -oE '[a-z0-9]+' | sed "s/^/$command /"
done)
statuses=$(sed -n '/^enum tool_exit/,/^};/s/.* = \([0-9]*\).*/\1/p' tool.h)

for page in tessera.1 tessera.fr.1; do
    same $page commands "$commands" \
        "$(sed -n 's/^\.SS "*\([a-z][a-z]*\).*/\1/p' $page)"
    same $page options "$options" \
        "$(own_text $page | grep -oP '(?<![\w-])--\K[a-z][a-z-]*')"
    while read -r command operand; do
        awk -v command="$command" '/^\.S[SH]/ { on = 0 }
            $1 == ".SS" && $2 ~ "^\"?" command "\"?$" { on = 1 }
            on' $page | grep -qw -- "$operand" ||
            complain "$page: nothing on tessera $command $operand"
    done <<<"$operands"
    same $page 'exit statuses' "$statuses" \
        "$(section $page 6 | sed -n 's/^\.B \([0-9]*\)$/\1/p')"

    said=$(MANWIDTH=80 MANROFFSEQ='' man --warnings -E UTF-8 -l -Tutf8 -Z \
        ./$page 2>&1 >/dev/null)
    [ -z "$said" ] || complain "$page: $said"
    lexgrog ./$page >/dev/null || complain "$page: apropos cannot read its name"
done

# The two say the same in the same places.
same tessera.fr.1 sections "$(grep -c '^\.S[HS]' tessera.1)" \
    "$(grep -c '^\.S[HS]' tessera.fr.1)"
diff <(sed -n '/^\.EX/,/^\.EE/p' tessera.1 | grep '^tessera' | sort) \
    <(sed -n '/^\.EX/,/^\.EE/p' tessera.fr.1 | grep '^tessera' | sort) ||
    complain "the commands of the examples differ"
exit $status
