#!/bin/sh
# The real init of the test system: reports the state that the initramfs handed over, and powers off.
[ -r /proc/uptime ] || /bin/busybox mount -t proc proc /proc
read -r uptime _ </proc/uptime
# The kernel adds a time stamp, as to `Run /init`: the difference is the initramfs's time.
echo "<1>INITPY-LAB real init started uptime=$uptime" >/dev/kmsg
echo "INITPY-LAB real init started uptime=$uptime"
[ "$$" = 1 ] || echo "INITPY-LAB warning: the real init runs as process $$"

# shellcheck source=qemu/facts.sh
. /lab/facts.sh

fact init.arguments "$*"
mount_facts

# A scenario may add commands for the real system.
# shellcheck disable=SC1091
[ -r /lab/run ] && . /lab/run

array_facts

[ -r /run/initpy/degraded ] && found degraded /run/initpy/degraded
# With external metadata the first write waits until mdmon has recorded it.
for monitor in /run/mdadm/*.pid; do
    [ -e "$monitor" ] || continue
    (echo written >/written && sync) && fact root.written yes
    device=$(sed -n 's/^\/dev\/\(md[0-9]*\)\(p[0-9]*\)\{0,1\} \/ .*/\1/p' /proc/mounts)
    found md.written "/sys/block/$device/md/array_state"
done

mapping_facts

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

memory_facts
report_end

# leave VERB [TIMEOUT]: end as systemd-shutdown does: root is read-only, and if the initramfs has left
# a program for that, it gets a root of its own, the old one below it, and the verb.
leave() {
    mount -o remount,ro /
    cd /run/initramfs || return
    [ -x shutdown ] || return
    mount --bind /run/initramfs /run/initramfs
    cd /run/initramfs || return
    for folder in oldroot proc sys dev run; do
        mkdir -p "$folder"
        [ "$folder" = oldroot ] || mount --rbind "/$folder" "$folder"
    done
    pivot_root . oldroot
    exec /shutdown "$1" --timeout "${2:-90000000us}" --log-level 7 --log-target console
}

verb=
read -r words </proc/cmdline
for word in $words; do
    case "$word" in initpy-lab.shutdown=*) verb=${word#*=} ;; esac
done
if [ -n "$verb" ]; then
    timeout=${verb#*,}
    verb=${verb%%,*}
    [ "$timeout" != "$verb" ] || timeout=
    leave "$verb" "$timeout"
    echo "INITPY-LAB nothing takes root's layers down"
    "$verb" -f
fi
sync
poweroff -f
