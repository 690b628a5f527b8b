#!/bin/bash
# readers: 8
# Nine cards of nine kinds and one of nobody's: each is listed with URIs that
# stock openssl takes as they are, for the very certificate that was shown.
# shellcheck source=tests/e2e/story.sh
. "$top/tests/e2e/story.sh"

configure
status=0
tessera >"$work/said" 2>&1 || status=$?
[ $status -eq 3 ] || fail "status $status without a card"
says "$work/said" 'no card is in a reader'

families=(cps3 cps4 ias openpgp gemsafe gemsafe-v3 gemp15 iso15 piv)
settings=(logical-id=2300081198 serial=99002754 serial=99002755
    serial=00000009 t1=no t1=no t1=no kind=isoapplet
    serial=00112233445566778899AABBCCDDEEFF)
for i in "${!families[@]}"; do
    card_start_family "a-${families[i]}" "${families[i]}" "$i" "${settings[i]}"
done
card_start_family stranger stranger 9

tessera --json list >"$work/list.json"
tessera list >"$work/list"
says "$work/list" 'no driver knows this card \(ATR 3B860153545241'

# Lines of URI, holder, issuer, until, by another program.
python3 - "$work/list.json" >"$work/uris" <<'P'
import json, sys
readers = json.load(open(sys.argv[1]))["readers"]
assert [r["number"] for r in readers] == list(range(1, len(readers) + 1))
cards = [c for r in readers for c in r.get("cards", [])]
assert len({c["driver"] for c in cards}) == 6, [c["driver"] for c in cards]
assert len(cards) == 9, len(cards)
for c in cards:
    assert c["keys"], c["title"]
    for k in c["keys"]:
        for x in k["certificates"][:1]:
            print(k["uri"], x["from"], x["until"], x["issuer"], sep="|")
P
[ "$(wc -l <"$work/uris")" -ge 18 ] || fail "$(cat "$work/uris")"
while IFS='|' read -r uri from until issuer; do
    grep -qF " $uri" "$work/list" || fail "the text has no $uri"
    export_certificate "$uri" "$work/cert.pem"
    stock x509 -in "$work/cert.pem" -noout -issuer -startdate -enddate \
        -dateopt iso_8601 >"$work/x509"
    says "$work/x509" "notBefore=$from"
    says "$work/x509" "notAfter=$until"
    says "$work/x509" "$issuer"
done <"$work/uris"

# --redact hides who, and nothing else.
tessera --json --redact list >"$work/redacted.json"
if grep -q 'TESTEUR' "$work/redacted.json"; then
    fail "a name came through"
fi
[ "$(grep -c '"uri"' "$work/redacted.json")" = \
    "$(grep -c '"uri"' "$work/list.json")" ] || fail "URIs are missing"

# A card held by another program is told, and hides no other.
mkfifo "$work/hold"
"$build/tests/hold_card" "$(sed -n 's/^1\. //p' "$work/list")" \
    <"$work/hold" >"$work/held" &
started+=($!)
exec 4>"$work/hold"
says "$work/held" held
tessera list >"$work/busy"
says "$work/busy" 'another program'
[ "$(grep -c 'card://' "$work/busy")" -ge 16 ] || fail "others are missing"
exec 4>&-

service_stop
refused tessera list
says "$work/said" 'service'
