#!/bin/bash
# What openssl's commands sign with keys of a token and of the card: files,
# hashes, requests, certificates and mails, with certificates by URI as well.
# Stock OpenSSL verifies all of it.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"
# shellcheck source=tests/e2e/softhsm.sh
. "$top/tests/e2e/softhsm.sh"

card_start one 0
hsm_start
hsm_key rsa 01 RSA:2048
hsm_key ec 02 EC:prime256v1
stock genpkey -algorithm ED25519 -out "$work/file.key"
hsm_import ed 03 "$work/file.key"
for name in rsa ec ed; do
    hsm_certify $name mail
done
configure_module_with_pin
echo 'pin-for-signature = yes' >>"$OPENSSL_CONF"
export_certificate 'card://usage=sign' "$work/card.pem"
stock x509 -in "$work/card.pem" -noout -pubkey >"$work/card.pub"
cd "$work"
seq 1000 >file
seq 999 >other
printf 'Content-Type: text/plain\r\n\r\nmeet me at noon\r\n' >mail

# Some versions of some commands know no Ed25519, whoever has the key.
knows_the_type()
{
    [ $name != ed ] || stock "$@" >/dev/null 2>&1
}

files()
{
    local digest=(-sha256)

    [ $name != ed ] || digest=()
    knows_the_type dgst -sign file.key -out sig file || return 0
    openssl dgst "${digest[@]}" -sign "$key" -out sig file
    stock dgst "${digest[@]}" -verify "$name.pub" -signature sig file
    openssl dgst "${digest[@]}" -prverify "$key" -signature sig file
    refused stock dgst "${digest[@]}" -verify "$name.pub" -signature sig other
}

# verified INPUT OPTION...: by stock OpenSSL, and by the key in all its forms.
verified()
{
    local verify=(pkeyutl -verify -in "$1" -sigfile sig "${@:2}")

    stock "${verify[@]}" -pubin -inkey $name.pub
    openssl "${verify[@]}" -inkey "$key"
    openssl "${verify[@]}" -pubin -inkey "$public"
    openssl "${verify[@]}" -certin -inkey "$cert"
}

hashes()
{
    local options=(-rawin)

    if [ $name != ed ]; then
        openssl dgst -sha256 -binary -out digest file
        openssl pkeyutl -sign -inkey "$key" -in digest -out sig \
            -pkeyopt digest:sha256
        verified digest -pkeyopt digest:sha256
        options=(-rawin -digest sha256)
    fi
    openssl pkeyutl -sign "${options[@]}" -inkey "$key" -in file -out sig
    verified file "${options[@]}"
    refused stock pkeyutl -verify "${options[@]}" -pubin -inkey $name.pub \
        -in other -sigfile sig
}

is_request()
{
    stock req -in "$1" -noout -verify >said 2>&1
    says said 'verify OK'
    stock req -in "$1" -noout -pubkey | cmp - "$name.pub"
}

is_self_signed()
{
    stock verify -check_ss_sig -CAfile "$1" "$1"
    stock x509 -in "$1" -noout -pubkey | cmp - "$name.pub"
}

requests()
{
    openssl req -new -key "$key" -subj /CN=me -out req
    is_request req
    openssl x509 -req -in req -signkey "$key" -days 3 -out self
    is_self_signed self
    openssl req -x509 -key "$key" -subj /CN=me -out self
    is_self_signed self
    openssl x509 -new -key "$key" -subj /CN=me -out self
    is_self_signed self
    openssl x509 -in self -x509toreq -signkey "$key" -out req
    is_request req
    [ $name != ed ] || return 0
    openssl spkac -key "$key" -digest sha256 -challenge noon -out spkac
    stock spkac -in spkac -verify -noout
}

mails()
{
    local command options

    for command in cms smime; do
        for options in '' -nodetach -noattr '-noattr -nodetach' \
            -nocerts; do
            # shellcheck disable=SC2086
            knows_the_type $command -sign -in mail -signer ed.pem \
                -inkey file.key $options || continue
            # shellcheck disable=SC2086
            openssl $command -sign -in mail -signer "$cert" -inkey "$key" \
                $options -out signed
            stock $command -verify -in signed -certfile $name.pem \
                -CAfile "$card_ca" -out read
            cmp mail read
            rm read
        done
        knows_the_type $command -sign -in mail -signer ed.pem \
            -inkey file.key || continue
        openssl $command -sign -in mail -signer "$cert" -inkey "$key" |
            sed 's/noon/nine/' >signed
        refused stock $command -verify -in signed -CAfile "$card_ca" \
            -out /dev/null
    done
}

key='card://usage=sign' public='card://usage=sign;type=public'
cert='card://usage=sign;type=cert'
for name in card rsa ec ed; do
    if [ $name != card ]; then
        key=$(hsm_uri $name)
        public=${key/private/public}
        cert=${key/private/cert}
    fi
    files
    hashes
    requests
    mails
done

# What only RSA has: PSS with its options, in all that can say so, and the
# message back from the signature.
key=$(hsm_uri rsa)
cert=${key/private/cert}
for salt in 20 digest max; do
    pss=(-sigopt rsa_padding_mode:pss -sigopt "rsa_pss_saltlen:$salt"
        -sigopt rsa_mgf1_md:sha1)
    openssl dgst -sha512 -sign "$key" "${pss[@]}" -out sig file
    stock dgst -sha512 -verify rsa.pub "${pss[@]}" -signature sig file
    refused stock dgst -sha512 -verify rsa.pub -signature sig file
done
pss=(-sigopt rsa_padding_mode:pss)
openssl req -new -key "$key" "${pss[@]}" -subj /CN=me -out req
name=rsa is_request req
says <(stock req -in req -noout -text) 'rsassaPss'
openssl req -x509 -key "$key" "${pss[@]}" -subj /CN=me -out self
name=rsa is_self_signed self
says <(stock x509 -in self -noout -text) 'rsassaPss'
openssl cms -sign -in mail -signer "$cert" -inkey "$key" \
    -keyopt rsa_padding_mode:pss -out signed
stock cms -verify -in signed -CAfile "$card_ca" -out /dev/null
says <(stock cms -cmsout -print -in signed) 'rsassaPss'

openssl pkeyutl -sign -inkey "$key" -in digest -out sig
for recover in stock openssl; do
    $recover pkeyutl -verifyrecover -pubin -inkey rsa.pub -in sig | cmp - digest
done
openssl pkeyutl -verifyrecover -inkey "$key" -in sig | cmp - digest

# The card has none of that, and says so.
refused openssl dgst -sha256 -sign 'card://usage=sign' "${pss[@]}" -out sig file
says said 'PKCS#1'
tries_are 3
