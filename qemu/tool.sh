#!/bin/sh
# A wrapper that replaces PROGRAM in a boot in which it misbehaves. Calls that match no case run the
# real program. Each case first writes a line to the kernel's log, for the lab.

# matches WORD ARGUMENT...: succeed if the word is empty or among the arguments
matches() {
    word=$1
    shift
    [ -n "$word" ] || return 0
    for argument; do
        [ "$argument" = "$word" ] && return 0
    done
    return 1
}

# turn CASE TIMES: succeed for the first calls only; mkdir succeeds for one caller only
turn() {
    number=0
    while [ "$number" -lt "$2" ]; do
        number=$((number + 1))
        mkdir "/lab-tools/PROGRAM-$1-$number" 2>/dev/null && return 0
    done
    return 1
}

say() { echo "<5>INITPY-LAB PROGRAM $1" >/dev/kmsg; }

fails() {
    say fails
    echo "PROGRAM: the lab has it fail" >&2
    exit 1
}

# Ignores SIGTERM, like a program in an uninterruptible system call.
hangs() {
    trap '' TERM
    say hangs
    while :; do
        sleep 3600
    done
}

killed() {
    say "is killed"
    kill -9 $$
}

# Does its work, and is killed before it reports success.
mute() {
    say "is killed at its end"
    /lab-tools/PROGRAM "$@" >/dev/null 2>&1
    kill -9 $$
}

# fsck(8): 1 means errors corrected, 2 means the system should be rebooted.
restart() {
    say "may ask for a restart"
    /lab-tools/PROGRAM "$@"
    status=$?
    [ "$status" != 1 ] || status=3
    exit "$status"
}

# mdadm starts a foreign array by a write to its array_state (Incremental.c); everything else is an
# ioctl. With /sys read-only it adds the member without starting the array.
unfinished() {
    say "is killed half-way"
    unshare -m sh -c 'mount --bind /sys /sys && mount -o remount,bind,ro /sys &&
        exec /lab-tools/PROGRAM "$@"' sh "$@" >/dev/null 2>&1
    kill -9 $$
}

misbehave() {
# CASES
    return 0
}

misbehave "$@"
exec /lab-tools/PROGRAM "$@"
