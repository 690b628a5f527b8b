#!/bin/bash
# The mutt sample: its commands, expanded as mutt does, sign and decrypt with
# the key of a card or token; the PIN is the one mutt asks for.
# shellcheck source=tests/e2e/keys.sh
. "${0%/*}/story.sh"
. "${0%/*}/keys.sh"

# The samples are Debian's own commands.
for name in encrypt sign decrypt verify; do
    grep -qxF -- "$(grep "^set smime_${name}_command=" "$conf/muttrc-smime")" \
        /etc/Muttrc.d/smime.rc || fail "Debian's smime_${name}_command differs"
done

# mutt_runs COMMAND FILE [SIGNATURE]: with the PIN as mutt's pass phrase.
mutt_runs()
(
    command=$(sed -n "s/^set smime_$1_command=\"\(.*\)\"$/\1/p" \
        "$conf/muttrc-smime")
    command=${command//%a/aes256}
    command=${command//%d/sha256}
    command=${command//%C/"-CAfile $card_ca"}
    command=${command//%c/"$work/certificates/1.0"}
    command=${command//%k/"$work/keys/1.0"}
    command=${command//%i/"$cards/one/ca.pem"}
    command=${command//%f/"$2"}
    command=${command//%s/"${3:-}"}
    [ "$1" != verify ] && [ "$1" != encrypt ] || unset OPENSSL_CONF
    printf '%s\n' "$PIN" | with_runtime sh -c "$command"
)

has_key()
{
    bash "$conf/uri2pem.sh" "$1" >"$work/keys/1.0"
}

signs()
{
    mutt_runs sign "$work/mail" >"$work/signature"
    mutt_runs verify "$work/mail" "$work/signature" >/dev/null
    sed 's/noon/nine/' "$work/mail" >"$work/changed"
    refused mutt_runs verify "$work/changed" "$work/signature"
}

decrypts()
{
    mutt_runs encrypt "$work/mail" >"$work/secret"
    mutt_runs decrypt "$work/secret" >"$work/read"
    cmp "$work/read" "$work/mail"
}

declare -A id=([rsa]=0a [ec]=0b) type=([rsa]=RSA:2048 [ec]=EC:prime256v1)
mkdir "$work/certificates" "$work/keys"
printf 'Content-Type: text/plain\r\n\r\nmeet me at noon\r\n' >"$work/mail"
for kind in $all_keys; do
    case $kind in
    card)
        card_start one 0
        configure
        for usage in sign decrypt; do
            export_certificate "card://usage=$usage" "$work/certificates/1.0"
            has_key "card://usage=$usage"
            "${usage}s"
        done
        tries_are 3
        ;;
    *)
        [ -n "${SOFTHSM2_CONF:-}" ] || hsm_start
        hsm_key "mail-$kind" "${id[$kind]}" "${type[$kind]}"
        hsm_certify "mail-$kind" mail
        configure_module tessera
        cp "$work/mail-$kind.pem" "$work/certificates/1.0"
        has_key "$(hsm_uri "mail-$kind")"
        signs
        decrypts
        ;;
    esac
done
