#!/bin/bash
# What is kept of cards saves commands, and is never more than that: a new
# certificate on the card is seen, and with a cache that is gone, forbidden, a
# stranger's or garbage all is as without one.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

PIN=729518
configure_with_pin
cd "$work"
echo 'a message' >message
cache=$XDG_CACHE_HOME/tessera

# sign [PEM]: by the card's key, which is that of this certificate.
sign()
{
    openssl storeutl -certs 'card://id=%45' 2>/dev/null | stock x509 >card.pem
    cmp <(stock x509 -in card.pem -outform DER) \
        <(stock x509 -in "$cards/one/${1:-auth}.pem" -outform DER)
    openssl dgst -sha256 -sign 'card://id=%45' -out signature message
    stock x509 -in card.pem -noout -pubkey >card.pub
    stock dgst -sha256 -verify card.pub -signature signature message
}

# cost [PEM]: APDUs of the same.
cost()
{
    local before

    before=$(control iso apdus)
    sign "$@" >/dev/null
    echo $(($(control iso apdus) - before))
}

# The card says when it was last written to.
card_start_family iso iso15 0 update=20260101120000Z pin=$PIN
first=$(cost)
second=$(cost)
[ "$second" -lt "$((first / 2))" ] || fail "$first APDUs, then $second"

# For its user's eyes only, without a PIN in it.
[ "$(stat -c %a "$cache")" = 700 ]
[ -z "$(find "$cache" -type f -perm /077)" ] || fail "others may read files"
! grep -raq $PIN "$cache" || fail "the PIN is in the cache"

# Another certificate and key, and a new mark: what was read before is no use.
control iso set keys rsa1024 >/dev/null
control iso set update 20260102120000Z >/dev/null
[ "$(cost rsa1024)" -gt "$second" ] || fail "nothing was read again"
[ "$(cost rsa1024)" -lt "$((first / 2))" ] || fail "the new is not kept"

# What a cache may come to.
sign_uncached()
{
    local took

    took=$(cost rsa1024)
    [ "$took" -gt "$((first / 2))" ] || fail "$1: $took APDUs"
}

rm -rf "$XDG_CACHE_HOME"
sign rsa1024
find "$cache" -type f | while read -r file; do
    head -c 3000 /dev/urandom >"$file"
done
sign rsa1024
sign rsa1024
find "$cache" -type f -exec truncate -s 100 {} +
sign rsa1024
find "$cache" -type f -exec truncate -s 0 {} +
sign rsa1024
[ "$(cost rsa1024)" -lt "$((first / 2))" ] || fail "it is not made anew"
chmod 755 "$cache"
sign_uncached 'others may enter'
chmod 700 "$cache"
if [ "$(id -u)" = 0 ]; then
    chown nobody "$cache"
    sign_uncached 'of a stranger'
    chown root "$cache"
fi
[ "$(cost rsa1024)" -lt "$((first / 2))" ] || fail "it is not used again"

# One that cannot be made.
rm -rf "$XDG_CACHE_HOME"
echo >"$XDG_CACHE_HOME"
sign_uncached 'no folder'
rm "$XDG_CACHE_HOME"
mkdir "$XDG_CACHE_HOME"
export XDG_CACHE_HOME=/proc/self
sign_uncached 'read-only'
export XDG_CACHE_HOME=$work/cache

# None is wanted.
configure_with_pin
echo 'cache = no' >>"$OPENSSL_CONF"
sign rsa1024
sign_uncached 'cache = no'
[ ! -e "$cache" ] || fail "cache = no wrote something"
[ "$(card_tries iso)" = 3 ] || fail "a try is lost"
