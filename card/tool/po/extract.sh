#!/bin/bash
# extract.sh POT: write the template of catalogues: every text for people in the
# tool and in card/error.c, without what changes by itself: dates, line numbers,
# the order of files in a folder.
set -eu
export LC_ALL=C
pot=$(realpath -m "$1")
cd "$(dirname "$0")/../../.."

{
    cat <<'END'
# Texts of tessera. Made by extract.sh.
#
msgid ""
msgstr ""
"Project-Id-Version: tessera\n"
"Report-Msgid-Bugs-To: \n"
"PO-Revision-Date: \n"
"Last-Translator: \n"
"Language-Team: \n"
"Language: \n"
"MIME-Version: 1.0\n"
"Content-Type: text/plain; charset=UTF-8\n"
"Content-Transfer-Encoding: 8bit\n"

END
    xgettext --output=- --omit-header --from-code=UTF-8 --language=C \
        --add-location=file --sort-by-file --add-comments=TRANSLATORS: \
        --keyword --keyword=_ --keyword=N_ --keyword=ngettext:1,2 \
        --flag=_:1:pass-c-format --flag=ngettext:1:pass-c-format \
        --flag=ngettext:2:pass-c-format --flag=tool_error:2:c-format \
        --flag=tool_say:2:c-format --flag=out_line:2:c-format \
        --flag=out_title:2:c-format --flag=out_print:2:c-format \
        --flag=out_words:3:c-format --flag=doctor_ok:3:c-format \
        --flag=doctor_finding:4:c-format \
        card/error.c card/tool/*.c
} >"$pot.new"
mv "$pot.new" "$pot"
