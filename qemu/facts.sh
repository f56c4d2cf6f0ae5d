#!/bin/sh
# Sourced by the real inits of the lab's systems: reports facts on the lab's serial port (ttyS1) if
# there is one, where no kernel message splits lines.

channel=/dev/ttyS1
# The file lists a port without hardware as "unknown" (setserial(8)). It does not list the ports of
# User Mode Linux, where the lab always connects this one.
grep -q '^1: uart:16' /proc/tty/driver/serial 2>/dev/null ||
    grep -q '^UML serial line' /proc/tty/drivers || channel=/dev/console
[ -c "$channel" ] || channel=/dev/console
[ "$channel" = /dev/console ] || stty -F "$channel" raw -echo 2>/dev/null
exec 3>"$channel"

fact() { echo "INITPY-LAB fact $1=$2" >&3; }
# content FILE: set `line` to its first line, empty if unreadable. The script avoids child processes:
# each costs milliseconds in User Mode Linux.
content() {
    line=
    { read -r line <"$1"; } 2>/dev/null
}
# found NAME FILE: report the first line of a file as a fact
found() {
    content "$2"
    fact "$1" "$line"
}

# The facts of any system: mounts, arrays, mappings, memory, what the initramfs has left

mount_facts() {
    while read -r source target type options _; do
        case "$target" in
        /) prefix=root ;;
        /dev | /proc | /sys | /run | /usr) prefix="mount.${target#/}" ;;
        *) continue ;;
        esac
        # The topmost mount on a path comes last, and the lab takes the last fact.
        fact "$prefix.source" "$source"
        fact "$prefix.fstype" "$type"
        fact "$prefix.options" "$options"
    done </proc/mounts
}

array_facts() {
    arrays=0
    for md in /sys/block/md*/md; do
        [ -d "$md" ] || continue
        arrays=$((arrays + 1))
        node=${md%/md}
        node=${node##*/}
        members=
        for slave in "/sys/block/$node/slaves/"*; do
            [ -e "$slave" ] && members="$members ${slave##*/}"
        done
        name=
        for link in /dev/md/*; do
            [ "$(readlink -f "$link")" = "/dev/$node" ] && name=${link##*/}
        done
        for prefix in "md.$node" ${name:+"array.$name"}; do
            found "$prefix.level" "$md/level"
            found "$prefix.state" "$md/array_state"
            found "$prefix.degraded" "$md/degraded"
            found "$prefix.disks" "$md/raid_disks"
            found "$prefix.sync" "$md/sync_action"
            fact "$prefix.members" "${members# }"
        done
    done
    fact md.count "$arrays"
}

mapping_facts() {
    for dm in /sys/block/dm-*/dm; do
        [ -d "$dm" ] || continue
        content "$dm/name"
        name=$line
        found "dm.$name.uuid" "$dm/uuid"
        found "dm.$name.suspended" "$dm/suspended"
    done
}

memory_facts() {
    while read -r key kib _; do
        case "$key" in
        MemTotal:) fact memory.total "$kib" ;;
        MemAvailable:) fact memory.available "$kib" ;;
        Shmem:) fact memory.shmem "$kib" ;;
        esac
    done </proc/meminfo
    # What is kept in memory for the shutdown, in KiB.
    if [ -e /run/initramfs/shutdown ]; then
        set -- $(du -sk /run/initramfs)
        fact exitrd "$1"
    fi
    for file in /run/initpy/*; do
        [ -e "$file" ] && fact "left.${file##*/}" "$(stat -c %s "$file")"
    done
}

# report_end: send the journal of the initramfs, and say that there is no more
report_end() {
    if [ "$channel" != /dev/console ] && [ -r /run/initpy/journal.jsonl ]; then
        cat /run/initpy/journal.jsonl >&3
    fi
    echo "INITPY-LAB done" >&3
    exec 3>&-
    echo "INITPY-LAB done"
}
