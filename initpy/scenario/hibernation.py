"""What the test system does to hibernate, and to report that it was resumed."""

from dataclasses import replace

from initpy.scenario.model import SWAPFILE, Layer

RUN = "/lab/run"  # the test system runs this script before it reports
# A system that was started instead of resumed finds swap that it cannot use (swapon(8)).
_SCRIPT = """\
if swapon {swap}; then
    echo reboot >/sys/power/disk
    echo 0 >/sys/power/image_size
    echo "INITPY-LAB hibernates"
    if echo disk >/sys/power/state; then
        echo "INITPY-LAB resumed"
        echo "INITPY-LAB fact resumed=yes" >&3
    fi
    swapoff {swap}
else
    echo "INITPY-LAB fact resumed=no" >&3
fi
"""

# Like systemd-sleep(8): tell the kernel where the swap file begins, and leave that in a variable of
# the firmware, as JSON in UTF-16 after four bytes of attributes.
_IN_FILE = """\
read -r words </proc/cmdline
offset=${words##*lab.swapfile=} offset=${offset%% *}
while read -r _ _ each _ point _; do
    [ "$point" != / ] || number=$each
done </proc/self/mountinfo
variables=/sys/firmware/efi/efivars
if [ -d $variables ]; then
    mount -t efivarfs efivarfs $variables
    text='{"uuid":"UUID","offset":'$offset',"kernelVersion":"'$(uname -r)'"}'
    {
        printf '\\007\\000\\000\\000'
        while [ -n "$text" ]; do
            rest=${text#?}
            printf '%s\\000' "${text%"$rest"}"
            text=$rest
        done
    } >/run/location
    cat /run/location >$variables/HibernateLocation-8cf2644b-4b0b-428f-9387-6d876050dc67
fi
echo "$offset" >/sys/power/resume_offset
echo "$number" >/sys/power/resume
"""

# An installed system does so by systemd-sleep(8), which logind starts.
_BY_SYSTEMD = """\
mkdir -p /run/systemd/sleep.conf.d
printf '[Sleep]\\nHibernateMode=reboot\\n' >/run/systemd/sleep.conf.d/lab.conf
slept() { systemctl show --property="$1" --value systemd-hibernate.service; }
echo "INITPY-LAB hibernates" >/dev/console
systemctl hibernate
tries=0
until [ "$(slept InactiveEnterTimestampMonotonic)" != 0 ] || [ "$tries" = 300 ]; do
    tries=$((tries + 1))
    sleep 1
done
if [ "$tries" -lt 300 ] && [ "$(slept Result)" = success ]; then
    echo "INITPY-LAB resumed" >/dev/console
    fact resumed yes
else
    fact resumed no
fi
"""


def hibernating(layer: Layer, swap: str) -> Layer:
    """The layer with the root has the script."""
    if layer.holds != "root":
        return layer
    return replace(layer, files=(*layer.files, (RUN, _script(layer, swap))))


def awake(layer: Layer, swap: str) -> Layer:
    """The layer as its file has it, without the script."""
    script = RUN, _script(layer, swap)
    return replace(layer, files=tuple(each for each in layer.files if each != script))


def _script(layer: Layer, swap: str) -> str:
    if layer.system:
        return _BY_SYSTEMD
    before = _IN_FILE.replace("UUID", layer.uuid) if swap == SWAPFILE else ""
    return before + _SCRIPT.format(swap=swap)
