#!/bin/bash
# The template has every text of the sources, each language has every text of
# the template, and formats and typography are right.
cd "$(dirname "$0")/../../card/tool/po" || exit
status=0
work=$(mktemp -d) || exit
trap 'rm -rf "$work"' EXIT

complain()
{
    echo "$*"
    status=1
}

# Texts alone: which file has one is told by `ninja po`.
texts()
{
    msgcat --no-location --no-wrap --sort-output "$1" | sed '/^# /d'
}

./extract.sh "$work/now.pot" || exit
diff -u <(texts tessera.pot) <(texts "$work/now.pot") ||
    complain "tessera.pot is not what the sources say: ninja po"

# xgettext takes literals only, and cuts a text where a macro stands in it.
! grep -lPzo '\b(_|N_|ngettext)\(\s*("([^"\\]|\\.)*"\s*)+[A-Z]' ../*.c ||
    complain "a macro stands inside a text there"

for po in *.po; do
    msgfmt --check -o "$work/mo" "$po" 2>"$work/said" ||
        complain "$po: $(cat "$work/said")"
    msgcmp "$po" "$work/now.pot" >"$work/said" 2>&1 ||
        complain "$po: $(cat "$work/said")"
    [ -z "$(msgattrib --only-fuzzy "$po")" ] || complain "$po: fuzzy texts"
    [ -z "$(msgattrib --only-obsolete "$po")" ] || complain "$po: old texts"
done

# French: before ; : ! ? and inside guillemets stands U+00A0. A colon in a URI
# has no space behind it.
export LC_ALL=C.UTF-8
nbsp=$(printf '\u00a0')
msgcat --no-wrap fr.po | awk '
    /^msgid ""$/ && !header { header = 1; next }
    /^$/ { on = 0; body = 1 }
    /^msgstr/ && body { on = 1 }
    on' >"$work/french"
if grep -nE -e "[^$nbsp]»|«[^$nbsp]|«\$| [;:!?»]|[^$nbsp]: " \
    -e '[[:alnum:])"][;!?]([ "\]|$)' "$work/french"; then
    complain "fr.po: a plain space, or none, where U+00A0 belongs"
fi
exit $status
