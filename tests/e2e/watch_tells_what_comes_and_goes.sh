# `tessera watch` in text and JSON while cards come and go and the service is
# started anew; it costs nothing meanwhile.
# shellcheck source=tests/e2e/story.sh
. "$top/tests/e2e/story.sh"

card_start one 0
control one pull >/dev/null
let_pcscd_see

with_runtime "$build/bin/tessera" watch >"$work/text" 2>&1 &
started+=($!)
with_runtime "$build/bin/tessera" --json watch >"$work/json" 2>&1 &
watcher=$!
started+=($watcher)
says "$work/text" 'reader added: Sim 0 00 00'

card_insert
says "$work/text" 'CPS3 99002752'
says "$work/text" 'card://serial=99002752;usage=auth'
card_pull
says "$work/text" 'card removed: Sim 0 00 00'
card_start_family piv piv 1
says "$work/text" 'PIV card'

# Waiting takes no processor time (in clock ticks, of user and system).
ticks()
{
    awk '{ print $14 + $15 }' "/proc/$watcher/stat"
}
before=$(ticks)
sleep 2
after=$(ticks)
[ $((after - before)) -le 1 ] || fail "$((after - before)) ticks in 2 seconds"

service_stop
says "$work/text" 'service'
service_start
card_insert
for _ in $(seq 50); do
    [ "$(grep -c 'CPS3 99002752' "$work/text")" -lt 2 ] || break
    sleep 0.1
done
[ "$(grep -c 'CPS3 99002752' "$work/text")" -ge 2 ] ||
    fail "not seen again: $(cat "$work/text")"

# Who no longer reads it is told, and no more is watched.
status=0
with_runtime "$build/bin/tessera" watch >/dev/full 2>"$work/full" || status=$?
[ $status = 1 ] || fail "status $status of a full disk"
says "$work/full" 'standard output cannot be written'

# A document a line.
grep -v '^tessera: ' "$work/json" | python3 -c '
import json, sys
events = [json.loads(line) for line in sys.stdin]
names = [e["event"] for e in events]
assert {"reader added", "card inserted", "card removed"} <= set(names), names
cards = [c["serial"] for e in events for r in e.get("readers", [])
         for c in r.get("cards", [])]
assert cards[0] == "99002752", cards
'
