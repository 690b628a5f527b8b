#!/bin/bash
# A PKCS#11 module that others could replace, or that is not named by its
# absolute path, is refused before it is loaded; what is wrong is said.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"
# shellcheck source=tests/e2e/softhsm.sh
. "$top/tests/e2e/softhsm.sh"

hsm_start
hsm_key rsa 01 RSA:2048
mkdir "$work/safe" "$work/open"
wrap=$work/safe/wrap.so
cp "$build/tests/p11-wrap.so" "$wrap"
export P11_WRAP_MODULE=$hsm_module P11_WRAP_LOG=$work/calls
sign="openssl dgst -sign $(hsm_uri rsa) -out /dev/null /dev/null"

# use PATH [LINE...]
use()
{
    configure "pkcs11-module-path = $1" "pin = $PIN" "${@:2}"
}

# refuses PATH WHY
refuses()
{
    use "$1"
    refused $sign
    says "$work/said" "$2"
    [ ! -s "$work/calls" ] || fail "$1 was loaded"
}

refuses safe/wrap.so 'no absolute path'
refuses libsofthsm2.so 'no absolute path'
refuses "$work/safe" 'not a regular file'
refuses "$work/absent.so" 'No such file'
refuses /dev/null 'not a regular file'

chmod g+w "$wrap"
chgrp 12345 "$wrap" 2>/dev/null || chmod o+w "$wrap"
refuses "$wrap" 'can be written by others: chmod go-w'
chmod 755 "$wrap"

cp "$wrap" "$work/open/wrap.so"
chmod 777 "$work/open"
refuses "$work/open/wrap.so" "$work/open can be written by others"
# A safe file behind a link that others can change, and the reverse.
rm "$work/open/wrap.so"
ln -s "$wrap" "$work/open/link.so"
refuses "$work/open/link.so" "$work/open can be written by others"
cp "$wrap" "$work/open/wrap.so"
ln -s "$work/open/wrap.so" "$work/safe/link.so"
refuses "$work/safe/link.so" "$work/open can be written by others"

if [ "$(id -u)" = 0 ] && chown 12345 "$wrap"; then
    refuses "$wrap" 'belongs to another user'
    chown 0 "$wrap"
    chown 12345 "$work/safe"
    refuses "$wrap" "$work/safe belongs to another user"
    chown 0 "$work/safe"

    # In a sticky folder a link is its owner's, who can lead it elsewhere.
    mkdir -m 1777 "$work/sticky"
    ln -s "$wrap" "$work/sticky/link.so"
    chown -h 12345 "$work/sticky/link.so"
    refuses "$work/sticky/link.so" "belongs to another user"
    # Behind a link of ours too: what is loaded is what was looked at.
    ln -s "$work/sticky/link.so" "$work/safe/hop.so"
    use "$work/safe/hop.so"
    LD_DEBUG=files LD_DEBUG_OUTPUT=$work/loaded $sign
    grep -q "file=$wrap " "$work"/loaded.*
    if grep -E 'file=[^ ]*/(hop|link)\.so' "$work"/loaded.*; then
        fail 'a link was loaded'
    fi
    : >"$work/calls"
fi

# A URI loads nothing, though it names what the configuration would be allowed.
configure "pin = $PIN"
refused openssl dgst -sign "$(hsm_uri rsa)?module-path=$wrap" -out /dev/null \
    /dev/null
says "$work/said" 'module-path'
[ ! -s "$work/calls" ] || fail 'a URI loaded a module'

# The same file in a folder that is safe.
use "$wrap"
$sign
[ -s "$work/calls" ] || fail 'the module was not used'

# A second one: its token is found beside that of the first.
use "$wrap" "pkcs11-module-path.2 = $work/absent.so"
refused $sign
says "$work/said" 'absent.so'
use "$wrap" 'pkcs11-module-init-args.2 = x'
refused $sign
says "$work/said" 'init-args.2.*no pkcs11-module-path.2'
use "$wrap" 'pkcs11-module-path.9 = /x.so'
refused $sign
says "$work/said" 'unknown key "pkcs11-module-path.9"'
