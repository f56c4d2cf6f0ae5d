#!/bin/sh
# In the place of PROGRAM in a boot in which it misbehaves; afterwards it is the real one.
# Its first lines in the kernel's log tell the lab what happened.

# matches WORD ARGUMENT...: whether the word, or none, is among the arguments
matches() {
    word=$1
    shift
    [ -n "$word" ] || return 0
    for argument; do
        [ "$argument" = "$word" ] && return 0
    done
    return 1
}

# turn CASE TIMES: whether this call is one of the first; a folder is made by one caller only
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

# Deaf to SIGTERM, as a program in the midst of a system call may be.
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

# What it has done stays done, and nobody is told of it.
mute() {
    say "is killed at its end"
    /lab-tools/PROGRAM "$@" >/dev/null 2>&1
    kill -9 $$
}

# fsck(8): 1 is corrected, and 2 more that the machine should be restarted.
restart() {
    say "may ask for a restart"
    /lab-tools/PROGRAM "$@"
    status=$?
    [ "$status" != 1 ] || status=3
    exit "$status"
}

# mdadm starts an array of another host by writing to its array_state (Incremental.c); all else it
# does by ioctl. Where it cannot write there, it has taken the member in, and no more.
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
