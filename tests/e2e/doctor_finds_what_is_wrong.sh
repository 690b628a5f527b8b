#!/bin/bash
# `tessera doctor`: nothing to mend in a sane world, and in each other one what
# is wrong there, with its remedy.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

cd "$work"
export HOME=$work/home XDG_CONFIG_HOME=$work/home/.config
mkdir -p "$XDG_CONFIG_HOME"
mkdir empty

# A sane configuration, with lines of tessera's section.
sane()
{
    cat "$conf/openssl.cnf" >openssl.cnf
    printf '%s\n' "$@" >>openssl.cnf
    chmod 644 openssl.cnf
    export OPENSSL_CONF=$work/openssl.cnf
    export OPENSSL_MODULES=$build/ossl-modules
    export OPENSSL_ENGINES=$build/engines
}

# examines STATUS [OPTION...]
examines()
{
    local status=0

    tessera doctor "${@:2}" >said 2>&1 </dev/null || status=$?
    [ $status = "$1" ] || { cat said; fail "status $status, not $1"; }
}

# finds ID WORDS: this finding and no other.
finds()
{
    examines 8 --json
    jq -r '.checks[] | select(.state == "finding") | .id + ": " + .found' \
        said >findings
    grep -qE "^$1: .*$2" findings || { cat said; fail "no finding $1: $2"; }
    [ "$(grep -vc "^$1:" findings)" = 0 ] ||
        { cat findings; fail "more than $1 is found"; }
    jq -e 'all(.checks[]; .state == "ok" or (.remedy | length > 10))' said \
        >/dev/null || fail 'a finding without a remedy'
}

# --- A sane world -------------------------------------------------------------

sane
card_start one 0
examines 0
says said 'All is well'
says said '^OK: '
LC_ALL=xx_XX.UTF-8 finds locale 'LC_ALL=xx_XX.UTF-8'
says said 'CPS3 99002752'
examines 0 --json
jq -e '.checks | length > 8' said >/dev/null || fail 'few checks'
tries_are 3

# --- Cards and readers --------------------------------------------------------

card_set_tries 0
finds pin_blocked 'PIN of CPS3 99002752 is blocked'
says said 'tessera pin unblock'
card_set_tries 1
finds pin_last_try 'one try'
card_set_tries 2
examines 0
card_set_tries 3

card_pull
finds card 'no card is in a reader'
card_insert

mkfifo hold
"$build/tests/hold_card" 'Sim 0 00 00' <hold >held &
world_pids+=($!)
exec {holder}>hold
until grep -q held held; do
    sleep 0.1
done
finds card_held 'another program keeps the card'
exec {holder}>&-

# A socket that is not for this user.
if [ "$(id -u)" = 0 ]; then
    chmod 600 /run/pcscd/pcscd.comm
    status=0
    setpriv --reuid=65534 --regid=65534 --clear-groups \
        "$build/bin/tessera" doctor >said 2>&1 || status=$?
    [ $status = 8 ] || fail "status $status of nobody"
    says said 'this user may not use the socket'
    chmod 666 /run/pcscd/pcscd.comm
fi

# The world has no drivers, since its readers have theirs by configuration.
drivers=/usr/lib/pcsc/drivers
mkdir -p $drivers/simulated.bundle
service_stop
finds pcscd 'does not run: there is no'
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("left")'
PCSCLITE_CSOCK_NAME=$work/left finds pcscd 'was left behind'
rmdir $drivers/simulated.bundle
mkdir no_readers
service_start "$work/no_readers"
examines 8 --json
jq -e '[.checks[] | select(.state == "finding").id] == ["drivers", "reader"]' \
    said >/dev/null || { cat said; fail 'no reader'; }
service_stop
service_start
let_pcscd_see

# polkit, in a world that has it, and servers.
if [ -d /usr/share/polkit-1 ] && [ -d /etc/polkit-1 ] &&
    [ -d /usr/lib/polkit-1 ]; then
    for folder in /usr/share/polkit-1 /etc/polkit-1 /usr/lib/polkit-1; do
        mount -t tmpfs none $folder
    done
    touch /usr/lib/polkit-1/polkitd
    mkdir -p /usr/share/polkit-1/actions /etc/polkit-1/rules.d
    touch /usr/share/polkit-1/actions/org.debian.pcsc-lite.policy
    finds polkit 'no rule that lets servers'
    cp "$conf/50-tessera.rules" /etc/polkit-1/rules.d/
    examines 0
fi

# OpenSC, told to keep cards.
if grep -qs opensc-pkcs11 /usr/share/p11-kit/modules/*.module; then
    printf '%s\n' 'app default {' '  reader_driver pcsc {' \
        '    # lock_login = true;' '    connect_exclusive=true;' '  }' '}' \
        >opensc.conf
    OPENSC_CONF=$work/opensc.conf finds opensc 'connect_exclusive'
    sed -i 's/exclusive=true/exclusive=false/' opensc.conf
    OPENSC_CONF=$work/opensc.conf examines 0
fi

# --- Provider and engine ------------------------------------------------------

OPENSSL_MODULES=$work/empty finds provider 'is not installed'
mkdir broken
echo nonsense >broken/tessera.so
OPENSSL_MODULES=$work/broken finds provider 'cannot be loaded'
if has_engine; then
    OPENSSL_ENGINES=$work/empty finds engine 'is not installed'
    OPENSSL_ENGINES=$work/broken finds engine 'cannot be loaded'
    mkdir old
    cp "$build/engines/tessera.so" old/
    cp "$build/engines/tessera.so" old/pkcs11.so
    OPENSSL_ENGINES=$work/old finds old_engine 'in the way'
    ln -sf tessera.so old/pkcs11.so
    OPENSSL_ENGINES=$work/old examines 0
fi
printf '%s\n' '[openssl_init]' 'engines = e' '[e]' 'pkcs11 = pkcs11_e' \
    '[pkcs11_e]' "dynamic_path = $work/old/libp11.so" >engines
cat engines >>openssl.cnf
examines 8
says said 'loads another engine under the name pkcs11'

# --- openssl.cnf --------------------------------------------------------------

sane
OPENSSL_CONF=$work/absent.cnf finds config 'cannot be read'
echo '[unfinished' >>openssl.cnf
finds config 'malformed in line'
echo '# nothing' >openssl.cnf
finds config 'activates no provider'
says said 'sudo tessera activate --system'
mkdir -m 700 "$XDG_CONFIG_HOME/tessera"
cp openssl.cnf "$XDG_CONFIG_HOME/tessera/"
finds config 'activates no provider'
says said "export OPENSSL_CONF=$XDG_CONFIG_HOME/tessera/openssl.cnf"
rm -r "$XDG_CONFIG_HOME/tessera"
sane
sed -i 's/^tessera = tessera_sect/tessera = tesera_sect/' openssl.cnf
finds config 'tesera_sect.*none of that name'
sane
sed -i 's/^tessera = /#&/' openssl.cnf
finds config 'does not name tessera'
sane
sed -i '/^\[tessera_sect\]/,$s/^activate/#&/' openssl.cnf
finds config 'not activated in .tessera_sect'
sane
sed -i '/^default = default_sect/d' openssl.cnf
finds config_default 'nothing works without it'
sane
sed -i -e '/^default = default_sect/d' \
    -e '/^tessera = /a default = default_sect' openssl.cnf
finds config_order 'before default'
sane 'pine = 1234'
finds settings 'unknown key "pine"'

# Ours under a second name stands for another that serves pkcs11:.
sane
mkdir twice
cp "$build/ossl-modules/tessera.so" twice/
cp "$build/ossl-modules/tessera.so" twice/pkcs11.so
sed -i 's/^tessera = tessera_sect/&\npkcs11 = pkcs11_sect/' openssl.cnf
printf '%s\n' '[pkcs11_sect]' 'activate = 1' >>openssl.cnf
OPENSSL_MODULES=$work/twice finds clash 'serves pkcs11: URIs as well.*pkcs11$'

# --- PINs ---------------------------------------------------------------------

echo 1234 >pin
chmod 600 pin
sane "pin = file:$work/pin"
examines 0
chmod 644 pin
finds pin_file 'open to group or others: chmod 600'
chmod 600 pin
ln -s pin link
sane "pin = file:$work/link"
finds pin_file 'symbolic link'
sane 'pin = 1234'
finds pin_text 'others can read'
! grep 1234 said || fail 'the PIN is shown'
chmod 600 openssl.cnf
examines 0
sane
printf '[tessera_sect]\npin = 1234\n' >more.cnf
echo ".include $work/more.cnf" >>openssl.cnf
finds pin_text 'more.cnf'
sane
PKCS11_PIN=1234 finds pin_environment 'PKCS11_PIN'
KEY='card:usage=auth?pin-value=1234' finds pin_environment 'in KEY'
! grep 1234 said || fail 'the PIN is shown'

mkdir "$XDG_CONFIG_HOME/tessera"
examines 0
chmod 777 "$XDG_CONFIG_HOME/tessera"
finds registry 'others can change'
