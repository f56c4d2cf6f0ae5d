#!/bin/sh
# Run in an installed Debian of the lab by the units that initpy/lab/installed.py adds: report the
# start of the real init, and, once the boot has settled, facts of the running system; then power
# off, or do what the kernel parameter initpy-lab.shutdown= says.
#
#   installed-init.sh begin | facts
lab=/usr/lib/initpy-lab
# The longest wait for a boot that makes no progress, in seconds of the machine: longer than systemd
# waits for a device.
limit=150

if [ "$1" = begin ]; then
    read -r uptime _ </proc/uptime
    echo "<1>INITPY-LAB real init started uptime=$uptime" >/dev/kmsg
    # What udev of the initramfs has left, before that of the real system runs.
    [ -e /run/lab-udev ] || ls /run/udev/data >/run/lab-udev 2>/dev/null
    exit 0
fi

# words: join lines with blanks
words() { tr -s '\n ' ' ' | sed 's/^ //; s/ $//'; }

jobs_left() { systemctl list-jobs --plain --no-legend --full | words; }

# settle: wait until no job is left, or the jobs have stayed the same for the limit; set `state`
settle() {
    left=
    while
        state=$(timeout "$limit" systemctl is-system-running --wait)
        [ "$?" = 124 ] && [ "$(jobs_left)" != "$left" ]
    do
        left=$(jobs_left)
    done
    [ -n "$state" ] || state=$(systemctl is-system-running)
}

# Once, if the lab asks for it: start userspace again (systemd-soft-reboot.service(8)), where /run
# stays, or Linux itself (kexec_file_load(2), number 320 on amd64), with another word for it.
again=
for word in $(cat /proc/cmdline); do
    case "$word" in lab.again=*) again=${word#*=} ;; esac
done
if [ "$again" = kexec ] || { [ "$again" = soft-reboot ] && [ ! -e /run/lab-again ]; }; then
    settle
    echo "$again" >/run/lab-again
    [ "$again" = soft-reboot ] || python3 -c '
import ctypes, os
kernel, image = (os.open(f"/boot/efi/{name}", os.O_RDONLY) for name in ("linux", "initrd"))
words = open("/proc/cmdline").read().strip().replace("lab.again=", "lab.again=after-").encode()
libc = ctypes.CDLL(None, use_errno=True)
if libc.syscall(320, kernel, image, ctypes.c_ulong(len(words) + 1), words, ctypes.c_ulong(0)):
    raise SystemExit(f"kexec_file_load: {os.strerror(ctypes.get_errno())}")
'
    exec systemctl "$again"
fi

# listed KIND...: print the names of units, one a line
listed() { systemctl list-units --plain --no-legend --full "$@" | cut -d ' ' -f 1; }

systemd_facts() {
    settle
    fact system.state "$state"
    fact system.failed "$(listed --state=failed | words)"
    fact system.jobs "$(jobs_left)"
    fact system.times "$(systemd-analyze time 2>&1 | head -n 1)"
    for stamp in InitRD Userspace Finish; do
        fact "system.stamp.$stamp" "$(systemctl show --property="${stamp}TimestampMonotonic" --value)"
    done
    for unit in $(listed --all --type=service 'systemd-cryptsetup@*' 'systemd-fsck*' 'mdmonitor*' \
        'lvm*' 'systemd-remount-fs*' 'systemd-hibernate*'); do
        fact "unit.$unit" "$(systemctl show --property=ActiveState,SubState,Result --value "$unit" |
            words)"
    done
    # With --all: units of links follow that of the device, and are not listed otherwise.
    for unit in $(listed --all --type=device --state=plugged | grep -E '^dev-(mapper-|md)'); do
        fact "unit.$unit" plugged
    done
    # What it said itself from warnings on, without the kernel.
    fact journal.warnings "$(journalctl --boot --priority=warning --output=cat --quiet \
        _TRANSPORT=syslog + _TRANSPORT=journal + _TRANSPORT=stdout | tr '\n' '|')"
    journalctl --boot --output=short-monotonic --no-hostname --quiet | sed 's/^/INITPY-LAB line /' >&3
}

name_facts() {
    findmnt --real --raw --noheadings --output TARGET,SOURCE,FSTYPE,OPTIONS |
        while read -r target source type options; do
            fact "mount.$target" "$source $type $options"
        done
    lsblk --raw --noheadings --output NAME,TYPE,MOUNTPOINTS | while read -r name type mounted; do
        fact "block.$name" "$type${mounted:+ $mounted}"
    done
    dmsetup ls --target crypt 2>/dev/null | while read -r name number; do
        # After the key's place come cipher, device and offset, then the options.
        [ -z "${number##(*}" ] && fact "crypt.$name" "$(dmsetup table "$name" | cut -d ' ' -f 10-)"
    done
    fact swap "$(swapon --noheadings --raw --show=NAME | words)"
    for node in $(findmnt --real --raw --noheadings --types ext4 --output SOURCE); do
        fact "ext4.$node" "$(tune2fs -l "$node" |
            sed -n 's/^Filesystem state: *//p; s/^Mount count: */mounts /p' | words)"
    done
}

# What the initramfs has left in /run for the real system, and who it is.
handover_facts() {
    fact machine.id "$(cat /etc/machine-id)"
    # ConditionFirstBoot= holds; systemd's own mark is gone once the boot has settled.
    fact machine.first-boot "$(systemctl show --property=ConditionResult --value \
        systemd-firstboot.service | grep yes)"
    fact udev.kept "$(words </run/lab-udev)"
    fact run.initramfs "$(ls /run/initramfs | words)"
    fact run.cryptsetup "$(stat --format=%a /run/cryptsetup)"
    fact run.lvm "$(ls /run/lvm/vgs_online | words)"
    fact run.mdadm "$(words </run/mdadm/map)"
    fact run.credentials "$(find /run/credentials/@* -type f | sort | words)"
} 2>/dev/null

# left_processes: report the processes whose programs are deleted: the initramfs has left them
left_processes() {
    left=
    for process in /proc/[0-9]*; do
        case "$(readlink "$process/exe")" in
        *" (deleted)") read -r name <"$process/comm" && left="$left $name" ;;
        esac
    done
    fact leftover "${left# }"
}

# shellcheck source=qemu/facts.sh
. "$lab/facts.sh"

fact init.arguments "$(tr '\0' ' ' </proc/1/cmdline)"
[ -z "$again" ] || fact system.started "by ${again#after-}"
fact init.environment "$(tr '\0' ' ' </proc/1/environ)"
[ ! -d /run/systemd/system ] || systemd_facts
mount_facts
name_facts
handover_facts
left_processes
array_facts
mapping_facts
memory_facts
# shellcheck source=/dev/null
[ ! -r /lab/run ] || . /lab/run # of the scenario
report_end
sync
verb=poweroff
for word in $(cat /proc/cmdline); do
    case "$word" in initpy-lab.shutdown=*) verb=${word#*=} ;; esac
done
exec "$verb"
