#!/bin/bash
# Whatever a PIN comes from, and whether it is right or wrong, it is in no log,
# transcript, message or error, at the highest level there is: threat T16.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"
# shellcheck source=tests/e2e/softhsm.sh
. "$top/tests/e2e/softhsm.sh"

# Canaries: no other output holds them by chance. The card takes digits.
PIN=kAn4rYb1rd
wrong=wR0ngC4gE
digits=73519062
hsm_start
hsm_key rsa 01 RSA:2048
card_start one 0

out=$work/out
mkdir "$out"
export PKCS11_PROVIDER_DEBUG=file:$out/debug,level:9
runs=0

# The openssl command repeats what it was given; those words are not ours.
echoes='^Could not |calling stat\(|^genpkey: Error |fixup_args'

# run COMMAND...: everything it says is kept; it may fail.
run()
{
    runs=$((runs + 1))
    printf '%s\n' "$*" >"$work/command.$runs"
    { "$@" 2>&1 </dev/null || true; } |
        grep -aEv "$echoes" >"$out/run.$runs" || true
    card_set_tries 3
}

# forms PIN: as text, and in hexadecimal as dumps have it.
forms()
{
    local hex

    hex=$(printf %s "$1" | od -An -v -tx1 | tr -d '\n')
    printf '%s\n' "$1" "${hex// /}" "${hex# }" "$(printf %s "${hex# }" |
        tr ' ' :)" "$(printf %s "$1" | base64)"
}

none_has_leaked()
{
    local pin

    for pin in "$@"; do
        forms "$pin"
    done >"$work/forms"
    if grep -raniF -f "$work/forms" "$out"; then
        fail "a PIN is in the output (run N: $work/command.N)"
    fi
}

# with_pin_of PIN FOLDER
with_pin_of()
{
    printf '%s\n' "$1" >"$2"
    chmod 600 "$2"
}

sign_hsm()
{
    openssl dgst -sign "$(hsm_uri rsa)${1:-}" -out /dev/null /dev/null
}

sign_card()
{
    openssl dgst -sign "card://usage=auth${1:-}" -out /dev/null /dev/null
}

by_prompt()
{
    type_at_prompt "$1" "openssl dgst -sign '$2' -out /dev/null /dev/null" ||
        true
    grep -v '^Script' "$work/said"
}

log="log = $out/log"
trace="trace = $out/trace"
for pin in "$PIN" "$wrong" "$digits"; do
    with_pin_of "$pin" "$work/pin"
    for line in "pin = $pin" "pin = file:$work/pin" "pin-source = $work/pin" \
        "pkcs11-module-token-pin = $pin"; do
        configure_module tessera "$line" "$log" "$trace"
        run sign_hsm
        run sign_card
    done
    configure_module tessera "$trace" # the log is that of the variable
    for query in "pin-value=$pin" "pin-source=$work/pin" \
        "pin-source=file:$work/pin" "pin-value=%${pin}" \
        "pin-value=$pin&pin-value=$pin" "pin-valu=$pin"; do
        run sign_hsm "?$query"
        run sign_card "?$query"
    done
    run env PKCS11_PIN="$pin" openssl dgst -sign "$(hsm_uri rsa)" \
        -out /dev/null /dev/null
    run openssl pkey -in "$(hsm_uri rsa)" -passin "pass:$pin" -pubout
    run openssl pkeyutl -sign -inkey 'card://usage=auth' -passin "pass:$pin" \
        -in "$conf/key.pem"
    run openssl storeutl -passin "pass:$pin" -text "pkcs11:token=$hsm_token"
    run openssl genpkey -algorithm RSA -pkeyopt \
        "pkcs11_uri:pkcs11:token=$hsm_token;object=new?pin-value=$pin"
    run by_prompt "$pin" "$(hsm_uri rsa)"
    run by_prompt "$pin" 'card://usage=auth'
    bash "$conf/uri2pem.sh" "$(hsm_uri rsa)?pin-value=$pin" >"$work/key.pem"
    run openssl dgst -sign "$work/key.pem" -out /dev/null /dev/null
    if [ -e "$build/engines/tessera.so" ]; then
        configure_module_engine "PIN = $pin" 'VERBOSE = EMPTY'
        for id in label_rsa "pkcs11:object=rsa?pin-value=$pin"; do
            run openssl dgst -engine tessera -keyform engine -sign "$id" \
                -out /dev/null /dev/null
        done
    fi
done
[ -s "$out/log" ] && [ -s "$out/debug" ] && [ -s "$out/trace" ] ||
    fail 'nothing was logged'
none_has_leaked "$PIN" "$wrong" "$digits"
