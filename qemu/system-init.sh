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
sync
poweroff -f
