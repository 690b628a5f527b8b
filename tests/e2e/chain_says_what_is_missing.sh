#!/bin/bash
# chain says which authorities' certificates a card needs, which of those that
# were given are expired, not yet valid or revoked, and keeps those that are
# right: in the chains of what is activated.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

export HOME=$work/home
unset XDG_CONFIG_HOME
mkdir "$HOME"
cd "$work"
card_start one 0
one=$cards/one

# --- An authority as Debian's openssl makes it --------------------------------

authority()
{
    cat >"$1.cnf" <<END
[ca]
default_ca = own
[own]
new_certs_dir = .
database = $1.index
serial = $1.serial
certificate = $one/$1.pem
private_key = $one/$1.key
default_md = sha256
policy = any
unique_subject = no
crl_extensions = crl
[any]
countryName = optional
organizationName = optional
organizationalUnitName = optional
commonName = optional
[v3]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[crl]
authorityKeyIdentifier = keyid
END
    : >"$1.index"
    echo 1000 >"$1.serial"
}
authority root
authority ca
# Of another key, for a list that the authority did not sign.
sed -e "s|^private_key.*|private_key = $one/server.key|" \
    -e 's|^certificate .*|certificate = forger.pem|' \
    -e '/^crl_extensions/d' ca.cnf >forger.cnf

# again FROM UNTIL OUT: ca.pem once more, valid at other times.
again()
{
    stock x509 -x509toreq -in "$one/ca.pem" -signkey "$one/ca.key" \
        -out again.csr 2>openssl.log
    stock ca -batch -notext -preserveDN -config root.cnf -extensions v3 \
        -startdate "$1" -enddate "$2" -in again.csr -out "$3" 2>>openssl.log ||
        { cat openssl.log; fail "no CA"; }
}
again 20200101000000Z 20210101000000Z expired.pem
again 20900101000000Z 20950101000000Z early.pem

crl()
{
    stock ca -config "$1.cnf" -gencrl -out "$2" "${@:3}" 2>openssl.log ||
        { cat openssl.log; fail "no CRL"; }
}
crl root root.crl -crldays 30
crl ca good.crl -crldays 30
crl ca old.crl -crl_lastupdate 20200101000000Z -crl_nextupdate 20200201000000Z
stock ca -config ca.cnf -revoke "$one/auth.pem" 2>openssl.log
crl ca revoked.crl -crldays 30
stock ca -config root.cnf -revoke "$one/ca.pem" 2>openssl.log
crl root root-revoked.crl -crldays 30
stock req -x509 -new -key "$one/server.key" -days 30 -out forger.pem \
    -subj "$(stock x509 -in "$one/ca.pem" -noout -subject -nameopt compat |
        sed 's|^subject=||')"
crl forger forged.crl -crldays 30

# --- What is said -------------------------------------------------------------

# chain STATUS OPTION...
chain()
{
    local status=0

    tessera chain "${@:2}" >said 2>&1 || status=$?
    [ "$status" = "$1" ] || { cat said; fail "status $status: chain ${*:2}"; }
}

chain 0 --ca "$one/chain.pem"
[ "$(grep -c 'the chain is complete' said)" = 2 ] || fail "$(cat said)"
stock x509 -in "$one/ca.pem" -outform DER -out ca.der
chain 0 --ca "$one/root.pem" --ca ca.der

chain 8 --ca "$one/root.pem"
says said 'missing: the certificate of "TEST AC IGC-SANTE FORT PERSONNES"'
says said 'http://igc-sante.tessera.test/AC/TEST-ACI-FO-PP.cer'
chain 8 --ca "$one/ca.pem"
says said 'missing: the certificate of "TEST AC RACINE IGC-SANTE FORT"'
chain 8 --ca "$one/ca-rgs.pem"

chain 8 --ca "$one/root.pem" --ca expired.pem
says said '"TEST AC IGC-SANTE FORT PERSONNES" expired on 2021-01-01'
chain 8 --ca "$one/root.pem" --ca early.pem
says said 'is not valid before 2090-01-01'
# The right one goes before the others, wherever it stands.
chain 0 --ca expired.pem --ca early.pem --ca "$one/chain.pem"

# Lists: of what they say, and whether they can be believed.
chain 0 --ca "$one/chain.pem" --crl good.crl --crl root.crl
! grep -q 'no list' said || fail 'a list is missing that was given'
chain 0 --ca "$one/chain.pem" --crl good.crl
says said 'no list that was given tells whether 1 certificate'
chain 8 --ca "$one/chain.pem" --crl revoked.crl
says said 'it is revoked'
[ "$(grep -c 'the chain is complete' said)" = 1 ] ||
    fail 'the other certificate is not revoked'
chain 8 --ca "$one/chain.pem" --crl good.crl --crl root-revoked.crl
says said 'authority "TEST AC IGC-SANTE FORT PERSONNES" is revoked'
chain 8 --ca "$one/chain.pem" --crl old.crl
says said 'was due to be replaced on 2020-02-01'
chain 8 --ca "$one/chain.pem" --crl forged.crl
says said 'is not signed by it'

# For programs; names of authorities are nobody's.
chain 8 --json --redact --ca "$one/chain.pem" --crl revoked.crl
python3 - <<'END'
import json
found = {c["usage"]: c for c in json.load(open("said"))["certificates"]}
assert found["auth"]["complete"] is False and found["sign"]["complete"] is True
assert found["auth"]["findings"] == [{"kind": "revoked"}], found
assert found["auth"]["holder"] == "***"
assert len(found["auth"]["chain"]) == 2
END

# Nonsense, and what is no certificate.
chain 2
chain 1 --ca "$work/nowhere"
chain 1 --ca /dev/null
head -c 3000 /dev/urandom >noise
chain 1 --ca noise
head -c 400 ca.der >half
chain 1 --ca half

# --- Kept ---------------------------------------------------------------------

folder=$HOME/.config/tessera
blocks()
{
    grep -c -- '-----BEGIN CERTIFICATE' "$folder/99002752-$1.pem"
}
# Nothing that is not sound is installed.
for wrong in expired.pem early.pem "$one/ca.pem"; do
    chain 8 --ca "$wrong" --install
done
chain 8 --ca "$one/root.pem" --ca expired.pem --install
chain 8 --ca "$one/chain.pem" --crl root-revoked.crl --install
[ ! -e "$folder/99002752-ca.pem" ] || fail 'unsound authorities are installed'

tessera activate --no-pin >said
[ "$(blocks auth)" = 1 ] || fail 'a chain from nowhere'
chain 0 --ca "$one/chain.pem" --install
[ "$(blocks auth)" = 2 ] && [ "$(blocks ca)" = 2 ] || fail 'no chain'
stock verify -CAfile "$one/root.pem" -untrusted "$folder/99002752-auth.pem" \
    "$folder/99002752-auth.pem"
# It stays, and serves what is registered anew.
tessera activate --no-pin >said
says said 'activated already'
tessera deactivate >said
[ -z "$(ls -A "$HOME")" ] || fail "left: $(find "$HOME")"
chain 0 --ca "$one/chain.pem" --install
[ "$(ls "$folder")" = "$(printf '99002752-ca.pem\nregistered.sha256')" ] ||
    fail "$(ls "$folder")"
tessera activate --no-pin >said
[ "$(blocks sign)" = 2 ] || fail 'no chain'
# A holder's certificate that is revoked says nothing of its authority.
tessera deactivate >said
chain 8 --ca "$one/chain.pem" --crl revoked.crl --install
[ "$(blocks ca)" = 2 ] || fail 'the authority was not installed'

# A file that says that it is encrypted makes nobody ask for its pass phrase.
{
    echo '-----BEGIN CERTIFICATE-----'
    echo 'Proc-Type: 4,ENCRYPTED'
    printf 'DEK-Info: AES-256-CBC,%032d\n\n' 0
    sed 1d "$one/root.pem"
} >encrypted.pem
refused tessera chain --ca encrypted.pem
! grep -qi 'pass phrase' "$work/said" || fail 'it was asked for'
