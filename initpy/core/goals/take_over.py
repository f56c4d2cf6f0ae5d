"""What the real system's systemd finds of checks that were made, or still run, in the initramfs.

A drop-in of systemd-fsck@.service runs a script in place of systemd-fsck. systemd-fsck(8) has no
other way in: `fsck -l` takes locks below /run/fsck on rotating disks only, and checks afterwards
all the same; a Condition…= cannot wait; Type=forking ends the wait too early. The script knows
the device by its kernel name, so that the names in fstab do not matter. For any other device it
runs systemd-fsck.

Below FOLDER, by the device's name: `expected` (the real system is to ask), `running` (locked with
flock(2) while the check runs), `progress` (percent), then `output` and `status`.
"""

FOLDER = "/run/initpy/checks"
SCRIPT_NAME = "take-over"
DROP_INS = "/run/systemd/system/systemd-fsck@.service.d"
# Programs that the script needs in the real system; systemd-fsck in either folder.
FSCKS = ("/usr/lib/systemd/systemd-fsck", "/lib/systemd/systemd-fsck")
NEEDS = ("/bin/sh", "/usr/bin/flock")
TELL_SECONDS = 10  # between two lines on how far a check is

DROP_IN = (
    "50-initpy.conf",
    f"""# Written by initpy at the handover. The script takes the results of checks that began
# in the initramfs, and runs systemd-fsck for all other devices.
[Service]
ExecStart=
ExecStart=/bin/sh {FOLDER}/{SCRIPT_NAME} %f
""",
)

# As systemd-fsck does: status 1 (errors corrected) has quotas checked, 2 and 4 fail the unit, any
# other status is no result: then systemd-fsck itself checks.
SCRIPT = f"""# take-over DEVICE: await the check that began in the initramfs, and end as it ended.
device=$1
folder={FOLDER}
name=$(readlink -f "$device" | sed 's,^/dev/,,; s,/,!,g')

check() {{
    for program in {" ".join(FSCKS)}; do
        [ -x "$program" ] && exec "$program" "$device"
    done
    echo "systemd-fsck is not there"
    exit 0
}}

end_check() {{
    [ -s "$folder/pid/$name" ] && kill "$(cat "$folder/pid/$name")"
    exit 1
}}

[ -n "$name" ] && [ -e "$folder/expected/$name" ] || check
if [ -e "$folder/running/$name" ]; then
    trap end_check TERM INT
    until flock --shared --timeout {TELL_SECONDS} "$folder/running/$name" true; do
        line="initpy: the check of $device goes on, $(cat "$folder/progress/$name") done"
        echo "$line" > /dev/console
    done
    trap - TERM INT
fi
status=$(cat "$folder/status/$name" 2> /dev/null)
rm -f "$folder/expected/$name"
case $status in
    '' | *[!0-9]*) check ;;
esac
cat "$folder/output/$name" 2> /dev/null
if [ $((status & 6)) -ne 0 ]; then
    echo "fsck failed with exit status $status."
    exit 1
fi
[ "$status" -gt 1 ] && check
[ "$status" -eq 1 ] && : > /run/systemd/quotacheck
echo "$device: checked in the initramfs (status $status)"
exit 0
"""
