"""The kinds of layers that can be taken down, each with the steps for it.

systemd-shutdown does the same by ioctl(2), see its detach-dm.c and detach-md.c. No tool of a layer
is needed: lvm and cryptsetup would wait for a udevd, which does not run any more.
"""

from collections.abc import Callable

from initpy.core.shutdown.kinds import ARRAY, CACHE, CACHE_SET, LOOP, MAPPING, NETWORK
from initpy.core.shutdown.messages import Deed
from initpy.core.shutdown.present import BlockDevice, Daemon, Present

Steps = tuple[Deed, ...]
EXTERNAL = "external:"  # the metadata of firmware RAID begins so: md.rst, metadata_version
MONITOR = "mdmon"


def _array(device: BlockDevice) -> Steps:
    """Documentation/admin-guide/md.rst, array_state.

    The monitor of external metadata (mdmon) records a stopped array as clean, and clears it then;
    see read_and_act() in mdadm's monitor.c.
    """
    if device.state in ("", "clear"):
        return ()
    if container_of(device) is None:
        return (Deed.CLEAR,)
    return (Deed.AWAIT, Deed.CLEAR) if device.state == "inactive" else (Deed.STOP,)


def _bound(deed: Deed) -> Callable[[BlockDevice], Steps]:
    return lambda device: (deed,) if device.state else ()


# By the beginning of the kernel's name: what to do, each step once the one before has not helped
# for a while; nothing if the device is not active.
LAYERS: dict[str, Callable[[BlockDevice], Steps]] = {
    MAPPING: lambda _: (Deed.REMOVE,),
    ARRAY: _array,
    LOOP: _bound(Deed.UNBIND),
    NETWORK: _bound(Deed.DISCONNECT),
    CACHE: lambda _: (Deed.STOP_CACHE,),
    CACHE_SET: lambda _: (Deed.STOP_CACHE,),
}


def steps_for(device: BlockDevice) -> Steps:
    """How the device is taken down; nothing if it is none of a layer, or not active.

    A partition goes with its disk, even if that is an array.
    """
    if partition(device):
        return ()
    if device.run:
        return (Deed.RUN,)
    found = (steps for prefix, steps in LAYERS.items() if device.name.startswith(prefix))
    return next((steps(device) for steps in found), ())


def partition(device: BlockDevice) -> bool:
    """True for md0p1, which stands on md0."""
    return any(device.name.startswith(f"{lower}p") for lower in device.slaves)


def container_of(device: BlockDevice) -> str | None:
    """The container of an array of firmware RAID: `external:/md127/0` says md127."""
    if not device.metadata.startswith((f"{EXTERNAL}/", f"{EXTERNAL}-")):
        return None
    return device.metadata.removeprefix(EXTERNAL)[1:].partition("/")[0]


def takes_over(daemon: Daemon) -> tuple[str, ...]:
    """The command by which another process takes the daemon's place; () if there is none.

    mdmon(8), --takeover. A real system has its own mdmon take over from that of the initramfs; its
    root cannot be unmounted then before it has ended, nor the array stopped without it.
    """
    containers = [word.rpartition("/")[2] for word in daemon.words if not word.startswith("-")]
    if daemon.name != MONITOR or not containers:
        return ()
    return (MONITOR, "--offroot", "--takeover", containers[0])


def served(daemon: Daemon, present: Present) -> frozenset[str] | None:
    """The devices that a storage daemon serves; None: not known, so all may need it."""
    names = {word.rpartition("/")[2] for word in daemon.words}
    if daemon.name == "multipathd":
        return frozenset(each.name for each in present.devices if each.uuid.startswith("mpath-"))
    if daemon.name in (MONITOR, "nbd-client"):
        found = frozenset(each.name for each in present.devices if each.name in names)
        return found or None
    return None
