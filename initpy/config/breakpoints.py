"""`break=` and `rd.break=`: the names that other initramfs give to points of a boot.

Theirs are places in a script; of this boot, in which things happen as devices come, there are
three.
initramfs-tools(7) and dracut.cmdline(7) say which are which; without a name they stop before the
root is mounted, and before the real system starts.
"""

from initpy.config.commandline import Parameter
from initpy.core.settings import BreakPoint

_DEBIAN = {
    "top": BreakPoint.START,
    "modules": BreakPoint.START,
    "premount": BreakPoint.MOUNT,
    "mount": BreakPoint.MOUNT,
    "mountroot": BreakPoint.MOUNT,
    "bottom": BreakPoint.HAND_OVER,
    "init": BreakPoint.HAND_OVER,
}
_DRACUT = {
    "cmdline": BreakPoint.START,
    "pre-udev": BreakPoint.START,
    "pre-trigger": BreakPoint.START,
    "initqueue": BreakPoint.START,
    "pre-mount": BreakPoint.MOUNT,
    "mount": BreakPoint.MOUNT,
    "pre-pivot": BreakPoint.HAND_OVER,
    "cleanup": BreakPoint.HAND_OVER,
}
# systemd(1), rd.systemd.break=
_SYSTEMD = {
    "pre-basic": BreakPoint.START,
    "pre-switch-root": BreakPoint.HAND_OVER,
}
# mkinitcpio(8), where `y` is what a word without a value means
_ARCH = {"y": BreakPoint.MOUNT, "postmount": BreakPoint.HAND_OVER}
_BARE = {
    "break": BreakPoint.MOUNT,
    "rd.break": BreakPoint.HAND_OVER,
    "rd.systemd.break": BreakPoint.HAND_OVER,
}


def break_points(parameter: Parameter) -> frozenset[BreakPoint]:
    """The points that it names, in either vocabulary. Raises InputError."""
    if not parameter.value:
        return frozenset((_BARE[parameter.key],))
    known = _DEBIAN | _DRACUT | _SYSTEMD | _ARCH
    names = parameter.value.split(",")
    if not set(names) <= known.keys():
        raise parameter.error("some of " + ", ".join(each for each in known if each != "y"))
    return frozenset(known[name] for name in names)
