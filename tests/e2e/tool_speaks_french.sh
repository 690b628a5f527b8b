#!/bin/bash
# The tool in French, at terminals of two widths and in three character sets.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

tessera=$build/bin/tessera
nbsp=$'\xC2\xA0' # UTF-8: the story's own locale is C
card_start_family audit cps3 0 tries=0

# on_screen COLUMNS COMMAND: in French at a terminal of that width; what it
# shows is in $work/screen.
on_screen()
{
    in_french script -qec "stty columns $1; $tessera $2" /dev/null \
        </dev/null | tr -d '\r' >"$work/screen"
}

# Characters, not bytes; one word may be longer: a URI is pasted whole.
fits()
{
    python3 - "$work/screen" "$1" <<'P' || fail "wider than $1 columns"
import sys
for line in open(sys.argv[1], encoding="utf-8"):
    line = line.rstrip("\n")
    if len(line) > int(sys.argv[2]) and " " in line.lstrip(" "):
        sys.exit(line)
P
}

# The last paragraph has no line that would take the next line's first word.
fills()
{
    python3 - "$work/screen" "$1" <<'P' || fail "broken before $1 columns"
import sys
text = open(sys.argv[1], encoding="utf-8").read().strip().split("\n\n")[-1]
lines = text.split("\n")
for line, following in zip(lines, lines[1:]):
    if len(line) + 1 + len(following.split(" ")[0]) <= int(sys.argv[2]):
        sys.exit(line)
P
}

# --- UTF-8 --------------------------------------------------------------------
for columns in 40 100; do
    on_screen $columns show
    fits $columns
    for words in 'Lecteur' 'Modèle' 'Numéro de série' 'Identifiant émetteur' \
        'Identifiant logique' 'Nom du porteur' 'Profession' 'Certificat' \
        'EMILE' 'Verrouillé'; do
        says "$work/screen" "$words"
    done
    on_screen $columns list
    fits $columns
    says "$work/screen" 'authentification'
    on_screen $columns --help
    fits $columns
    says "$work/screen" 'lecteurs, cartes'
    for command in list show pin; do
        on_screen $columns "$command --help"
        fits $columns
        says "$work/screen" '^Utilisation'
    done
done
for columns in {40..60}; do
    on_screen "$columns" --help
    fits "$columns"
    fills "$columns"
done
status=0
in_french "$tessera" pin verify >"$work/said" 2>&1 </dev/null || status=$?
[ $status = 5 ] || fail "status $status, not 5"
says "$work/said" 'verrouillé'

# A word in English would be one that nobody translated.
! in_french "$tessera" show 2>&1 |
    grep -E 'Reader|Serial number|Holder|certificate,|tries left' ||
    fail 'English among the French'

# --- ISO-8859-15 --------------------------------------------------------------
in_charset ISO-8859-15 "$tessera" show >"$work/latin" 2>&1
says <(iconv -f ISO-8859-15 -t UTF-8 "$work/latin") 'Numéro de série'
[ "$(grep -caP '[\x80-\x9F]' "$work/latin")" = 0 ] ||
    fail 'not ISO-8859-15: the range of control characters is used'
# The system's own sentences too: permission refused, or read-only.
in_charset ISO-8859-15 "$tessera" trace --out /sys/none list \
    >"$work/latin" 2>&1 || true
says <(iconv -f ISO-8859-15 -t UTF-8 "$work/latin") "être créé$nbsp: .*[éè]"

# --- C ------------------------------------------------------------------------
for command in show list --help 'pin status'; do
    # shellcheck disable=SC2086
    LC_ALL=C LANGUAGE=fr "$tessera" $command >"$work/plain" 2>&1
    [ "$(LC_ALL=C grep -caP '[^\x09\x0A\x20-\x7E]' "$work/plain")" = 0 ] ||
        fail "$command: more than ASCII in the C locale"
done
LC_ALL=C "$tessera" show >"$work/plain"
says "$work/plain" 'Serial number'

# --- What is asked ------------------------------------------------------------
ask_pin="Code porteur (4 chiffres)$nbsp: "
ask_puk="Code de déblocage PUK (8 chiffres)$nbsp: "
ask_new="Nouveau code porteur (4 chiffres)$nbsp: "
ask_again="Nouveau code porteur, encore une fois$nbsp: "
export SPEAKER=in_french

converse 6 'pin unblock' "$ask_puk" 1234567 "$ask_puk" 123456789 \
    "$ask_puk" abcdefgh
says "$work/said" 'Le code de déblocage a 8 chiffres'
converse 0 'pin unblock' "$ask_puk" 12345678 "$ask_new" 5678 "$ask_again" 5678
says "$work/said" 'le code porteur est débloqué'
says "$work/said" 'Retirez la carte puis remettez-la'
card_pull audit
card_insert audit
converse 4 'pin change' "$ask_pin" 9999 "$ask_new" 1234 "$ask_again" 1234
says "$work/said" 'il reste 2 essais'
converse 4 'pin verify' "$ask_pin" 9999
says "$work/said" 'il reste 1 essai'
converse 130 'pin verify --last-try' "$ask_pin" $'\003'
says "$work/said" "rien n'a été envoyé à la carte"

# --- JSON is the same in any language -----------------------------------------
diff <(LC_ALL=C "$tessera" --json show) <(in_french "$tessera" --json show) ||
    fail 'JSON depends on the language'
