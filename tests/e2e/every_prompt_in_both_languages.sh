#!/bin/bash
# The prompts beside those of `pin`, at a terminal, in English and French: show
# --pin, activate, test, a login, and the questions of cards that tell no tries.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

nbsp=$'\xC2\xA0' # UTF-8: the story's own locale is C
export OPENSSL_MODULES=$build/ossl-modules OPENSSL_ENGINES=$build/engines
export HOME=$work/home
mkdir "$HOME"

# ask_of LANGUAGE: the questions as they are asked.
ask_of()
{
    if [ "$1" = french ]; then
        export SPEAKER=in_french
        pin="Code porteur (4 chiffres)$nbsp: "
        pin_tries="Code porteur (4 chiffres), OK"
        puk_gemsafe="Code de déblocage PUK ("
        yes_or_no="(oui ou non) "
        yes=oui
        right='Le code porteur est bon'
        sector='1\. Secteur'
        works='La carte fonctionne'
        login='La connexion fonctionne'
        nothing="rien n'a été envoyé"
    else
        export SPEAKER=env
        pin='PIN (4 digits): '
        pin_tries='PIN (4 digits), 3 of 3 tries left: '
        puk_gemsafe='PUK ('
        yes_or_no='(yes or no) '
        yes=yes
        right='The PIN is right'
        sector='1\. Sector'
        works='The card works'
        login='The login works'
        nothing='nothing was sent'
    fi
}

card_start one 0
door_start
for language in english french; do
    ask_of $language
    converse 0 'show --pin' "$pin" 1234
    says "$work/said" "$sector +SA07"
    says "$work/said" 'CABINET DENTAIRE DU PORT'
    converse 4 'show --pin' "$pin" 4321
    converse 0 'pin verify' "$pin" 1234
    converse 130 'show --pin' "$pin" $'\003'

    converse 0 activate "$pin" 1234
    says "$work/said" "$right"
    tessera deactivate --all >/dev/null
    converse 130 activate "$pin" $'\003'
    [ ! -e "$HOME/.config/tessera" ] || fail "^C left something behind"

    converse 0 test "$pin_tries" 1234
    says "$work/said" "$works"
    converse 0 "test https://localhost:8443/ --ca $cards/one/root.pem" \
        "$pin_tries" 1234
    says "$work/said" "$login"
    tries_are 3
done

# A card that tells no tries: nothing goes out before both questions are
# answered with yes.
card_pull one
card_start_family silent gemsafe 0
control silent log "$work/apdus" >/dev/null
for language in english french; do
    ask_of $language
    converse 6 'pin unblock' "$yes_or_no" "$yes" "$yes_or_no" no
    says "$work/said" "$nothing"
    converse 6 'pin unblock' "$yes_or_no" no
    says "$work/said" "$nothing"
    converse 130 'pin unblock' "$yes_or_no" "$yes" "$yes_or_no" "$yes" \
        "$puk_gemsafe" $'\003'
    says "$work/said" "$nothing"
done
if grep -E '^> .. (20|24|2C) ' "$work/apdus" | grep -vE '^> .. 20 00 .. *$'; then
    fail "a PIN command went out"
fi
