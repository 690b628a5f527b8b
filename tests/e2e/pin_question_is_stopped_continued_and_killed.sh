#!/bin/bash
# Signals at the question for a PIN: whether they stop or end the program, the
# terminal is as it was for the shell, and quiet again when the program goes on.
# The shell is dash, which leaves terminals alone.
# shellcheck source=tests/e2e/story.sh
. "${0%/*}/story.sh"

card_start one 0
control one log "$work/card.log" >ok

preload=${TESSERA_PRELOAD:+LD_PRELOAD=$TESSERA_PRELOAD}
export RUN="env $preload $build/bin/tessera"
cat >"$work/person" <<'END'
set timeout 10
set question "PIN (4 digits): "
proc give_up {why} { send_user "\n(no $why)\n"; exit 1 }
proc wait_for {text} {
    expect {
        -ex $text {}
        timeout { give_up $text }
        eof { give_up $text }
    }
}
# Words the echo of the command itself does not have.
proc shell {command} {
    send -- "$command; echo shell''ready\r"
    wait_for shellready
}
proc modes_of {} { return [exec stty -a -F $::spawn_out(slave,name)] }
proc must_be {wanted why} {
    for {set i 0} {$i < 50} {incr i} {
        if {[modes_of] eq $wanted} return
        after 100
    }
    send_user "\n[modes_of]\n"
    give_up $why
}
proc must_be_quiet {} {
    if {![string match "* -echo *" [modes_of]]} { give_up "quiet terminal" }
}
proc question {} {
    wait_for $::question
    must_be_quiet
}
proc pid_of_tool {} {
    set shell [exp_pid -i $::spawn_id]
    return [lindex [exec cat /proc/$shell/task/$shell/children] 0]
}

spawn -noecho env PS1= dash -i
shell "stty -a >/dev/null; set -m"
set usual [modes_of]
set run $env(RUN)

# ^Z, and on: the question is put again, and what was typed is gone.
send -- "$run pin verify; echo status=\$?\r"
question
send -- "77\032"
wait_for Stopped
must_be $usual "usual terminal while stopped"
send -- "fg\r"
question
send -- "1234\r"
wait_for "The PIN is right."
must_be $usual "usual terminal after fg"
shell "true"

# A stop that nobody sees coming.
send -- "$run pin verify\r"
question
set pid [pid_of_tool]
exec kill -STOP $pid
wait_for Stopped
shell "stty sane"
send -- "fg\r"
question
send -- "1234\r"
wait_for "The PIN is right."
shell "true"

# In the background it waits for its turn, and the shell keeps its echo.
send -- "$run pin verify &\r"
wait_for "State of the PUK"
shell "sleep 1"
must_be $usual "usual terminal with a job in the background"
send -- "fg\r"
question
send -- "1234\r"
wait_for "The PIN is right."
shell "true"

# Ended from outside, in the midst of typing.
foreach {signal status} {TERM 143 HUP 129 QUIT 131 INT 130} {
    send -- "$run pin change; echo status''=\$?\r"
    question
    send -- "1234\r"
    wait_for "New PIN (4 digits): "
    send -- "56"
    exec kill -$signal [pid_of_tool]
    wait_for "status=$status"
    must_be $usual "usual terminal after SIG$signal"
    shell "true"
}
send -- "exit\r"
expect eof
END
timeout 100 expect -f "$work/person" >"$work/said" 2>&1 </dev/null ||
    { cat "$work/said"; fail 'as shown'; }
! grep -E '1234|77' "$work/said" || fail 'a PIN was shown'
! grep -qE '^> .. (24|2C)' "$work/card.log" || fail 'a change was sent'
[ "$(grep -cE '^> .. 20 .. .. [0-9A-F]{2} ' "$work/card.log")" = 3 ] ||
    fail 'not three PINs were presented'
tries_are 3
