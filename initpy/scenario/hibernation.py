"""What the test system does to hibernate, and to report that it was resumed."""

from dataclasses import replace

from initpy.scenario.model import Layer

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


def hibernating(layer: Layer, swap: str) -> Layer:
    """The layer with the root has the script."""
    if layer.holds != "root":
        return layer
    return replace(layer, files=(*layer.files, (RUN, _SCRIPT.format(swap=swap))))


def awake(layer: Layer, swap: str) -> Layer:
    """The layer as its file has it, without the script."""
    script = RUN, _SCRIPT.format(swap=swap)
    return replace(layer, files=tuple(each for each in layer.files if each != script))
