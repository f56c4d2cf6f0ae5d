#!/bin/sh
# The real init of the test system: reports the state that the initramfs handed over, and powers off.
# Facts go to the lab's serial port (ttyS1) if there is one, where no kernel message splits lines.
[ -r /proc/uptime ] || /bin/busybox mount -t proc proc /proc
read -r uptime _ </proc/uptime
# The kernel adds a time stamp, as to `Run /init`: the difference is the initramfs's time.
echo "<1>INITPY-LAB real init started uptime=$uptime" >/dev/kmsg
echo "INITPY-LAB real init started uptime=$uptime"
[ "$$" = 1 ] || echo "INITPY-LAB warning: the real init runs as process $$"

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

fact init.arguments "$*"
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

# A scenario may add commands for the real system.
# shellcheck disable=SC1091
[ -r /lab/run ] && . /lab/run

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

[ -r /run/initpy/degraded ] && found degraded /run/initpy/degraded
# With external metadata the first write waits until mdmon has recorded it.
for monitor in /run/mdadm/*.pid; do
    [ -e "$monitor" ] || continue
    (echo written >/written && sync) && fact root.written yes
    device=$(sed -n 's/^\/dev\/\(md[0-9]*\)\(p[0-9]*\)\{0,1\} \/ .*/\1/p' /proc/mounts)
    found md.written "/sys/block/$device/md/array_state"
done

for dm in /sys/block/dm-*/dm; do
    [ -d "$dm" ] || continue
    content "$dm/name"
    name=$line
    found "dm.$name.uuid" "$dm/uuid"
    found "dm.$name.suspended" "$dm/suspended"
done

# Kernel threads have no executable.
leftover=
for process in /proc/[0-9]*; do
    number=${process#/proc/}
    [ "$number" = "$$" ] && continue
    [ -e "$process/exe" ] || continue
    { read -r _ name _ parent _ <"$process/stat"; } 2>/dev/null || continue
    [ "$parent" = "$$" ] && [ "$name" = "(init)" ] && continue
    content "$process/comm"
    leftover="$leftover $line"
done
fact leftover "${leftover# }"

while read -r key kib _; do
    case "$key" in
    MemTotal:) fact memory.total "$kib" ;;
    MemAvailable:) fact memory.available "$kib" ;;
    Shmem:) fact memory.shmem "$kib" ;;
    esac
done </proc/meminfo
for file in /run/initpy/*; do
    [ -e "$file" ] && fact "left.${file##*/}" "$(stat -c %s "$file")"
done

if [ "$channel" != /dev/console ] && [ -r /run/initpy/journal.jsonl ]; then
    cat /run/initpy/journal.jsonl >&3
fi
echo "INITPY-LAB done" >&3
exec 3>&-
echo "INITPY-LAB done"
sync
poweroff -f
