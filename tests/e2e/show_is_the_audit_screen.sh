# readers: 8
# `tessera show` of the CPS3 with the values of the public audit screen, blocked
# as there: what the card can prove, where from, and nothing but reads. Then
# every other simulated card, and one that nobody knows.
# shellcheck source=tests/e2e/story.sh
. "$top/tests/e2e/story.sh"
export LC_ALL=C.UTF-8

card_start_family audit cps3 0 tries=0
control audit log "$work/apdus" >/dev/null
before=$(control audit apdus)
tessera show >"$work/show"
after=$(control audit apdus)
control audit log off >/dev/null
[ $((after - before)) -le 60 ] || fail "$((after - before)) APDUs"

while read -r line; do
    grep -qF "$line" <(tr -s ' ' <"$work/show") ||
        fail "no \"$line\" in: $(cat "$work/show")"
done <<'T'
Reader Sim 0 00 00 [PC/SC]
Serial number 99002752 [EF.SN (D003)]
Issuer number 8025000001 [EF.SN (D003)]
Model CPS3v3 [TokenInfo (5032)]
Logical identifier 2300081197 [TokenInfo (5032)]
Name DENT-CS0595 EMILE [certificate, SN and GN]
National number 0B4005951 (ADELI) [certificate, CN]
Profession Chirurgien-Dentiste [certificate, title or OU]
Code porteur de la carte CPS blocked
Code de déblocage de la carte CPS 10 of 10 tries left
T
# D107's tags are unknown: shown by their place, without a name.
says "$work/show" 'D107\.E0\.81 +80 \[EF D107\]'

# SELECT (DATA), READ, GET DATA, GET RESPONSE, and VERIFY without a PIN.
allowed='^> (.. (A4|A5|B0|B2|CA|CB|C0) |.. 20 00 .. *$|.. 20 00 .. 00 *$)'
if grep '^>' "$work/apdus" | grep -vE "$allowed"; then
    fail "show sent more than reads"
fi
[ "$(card_tries audit)" = 0 ] || fail "the PIN has tries"

tessera --json show >"$work/show.json"
python3 - "$work/show.json" <<'P'
import json, sys
d = json.load(open(sys.argv[1]))
assert d["card"]["serial"] == {"value": "99002752", "source": "EF.SN (D003)"}
assert d["holder"]["name"]["value"] == "DENT-CS0595 EMILE"
assert [p["state"] for p in d["pins"]] == ["blocked", "ok"], d["pins"]
assert len(d["objects"]["keys"]) == 2
P
for format in --json --redact; do
    tessera $format --redact show >"$work/redacted"
    if grep -E 'EMILE|0B4005951|Dentiste|20090401' "$work/redacted"; then
        fail "personal data with $format --redact"
    fi
    says "$work/redacted" '99002752'
done
control audit pull >/dev/null

families=(cps4 ias openpgp gemsafe gemsafe-v3 gemp15 iso15 piv yubikey)
for i in "${!families[@]}"; do
    name=show-${families[i]}
    card_start_family "$name" "${families[i]}" $((i % 8))
    control "$name" log "$work/$name.apdus" >/dev/null
    tries=$(card_tries "$name")
    tessera show >"$work/$name" || fail "${families[i]}: $(cat "$work/$name")"
    says "$work/$name" '^Card'
    says "$work/$name" 'Name .*TESTEUR'
    says "$work/$name" 'card://'
    if grep '^>' "$work/$name.apdus" | grep -vE "$allowed|^> 00 F[78D] "; then
        fail "${families[i]}: show sent more than reads"
    fi
    [ "$(card_tries "$name")" = "$tries" ] || fail "${families[i]}: lost a try"
    card_pull "$name"
done

card_start_family stranger stranger 0
status=0
tessera show >"$work/stranger" 2>"$work/said" || status=$?
[ $status -eq 3 ] || fail "status $status for a stranger"
says "$work/stranger" 'Historical bytes +535452414E47'
says "$work/stranger" 'F00102030405 nobody'
says "$work/said" 'PKCS#11'
