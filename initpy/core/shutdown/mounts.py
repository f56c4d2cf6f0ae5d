"""The mounts that have to go: file systems on disks, and what is mounted on those.

systemd-shutdown has bound /dev, /proc, /run and /sys into the exitrd with all that is mounted below
them. So a file system below /run is mounted twice: there, and below the old root.
"""

from collections.abc import Iterable, Iterator

from initpy.core.shutdown.kinds import LOOP
from initpy.core.shutdown.layers import Steps
from initpy.core.shutdown.messages import Deed
from initpy.core.shutdown.present import BlockDevice, MountPoint

OVERLAY = "overlay"


class Mounts:
    """The mounts by their numbers, and what stands on what of them."""

    def __init__(self, mounts: Iterable[MountPoint], devices: Iterable[BlockDevice]) -> None:
        self._known = {each.number: each for each in mounts}
        known = tuple(devices)
        bound = [each for each in known if each.name.startswith(LOOP) and each.state]
        self._with_files = {name for each in bound for name in each.slaves}
        self._apart = {  # file systems that are mounted where no other disk carries the mount
            name
            for each in self._known.values()
            if not self._carried(each)
            for name in each.devices
        }
        # Each mount from a pool is a file system of its own.
        self._apart -= {each.name for each in known if each.run}

    def __iter__(self) -> Iterator[MountPoint]:
        """All that is to be unmounted.

        What is in memory goes with the mount below it, if that is in memory too.
        """
        for mount in self._known.values():
            parent = self._known.get(mount.parent)
            if on_disk(mount) or (parent is not None and on_disk(parent)):
                yield mount

    def parent(self, mount: MountPoint) -> MountPoint | None:
        """The nearest mount below it that is to be unmounted itself."""
        carrying = set(map(key, self))
        return next((each for each in self._ancestors(mount) if key(each) in carrying), None)

    def steps(self, mount: MountPoint) -> Steps:
        """How it is unmounted.

        Storage daemons may have files of /sys or /run open. A loop device keeps the mount of its
        file in use, and cannot be unbound before root is unmounted, which it carries; so such a
        mount below root is detached. The file system itself is done with once its other mount is.
        """
        if not on_disk(mount):
            return (Deed.DETACH,)
        if self._carried(mount) and mount.devices & (self._apart | self._with_files):
            return (Deed.DETACH,)
        return (Deed.UNMOUNT,) if mount.read_only else (Deed.UNMOUNT, Deed.READ_ONLY)

    def with_files(self, loop: BlockDevice) -> Iterator[MountPoint]:
        """The mounts that a loop device stands on, as far as they wait for it."""
        for each in self._known.values():
            if each.devices & loop.slaves and not self._carried(each):
                yield each

    def _carried(self, mount: MountPoint) -> bool:
        return any(on_disk(each) for each in self._ancestors(mount))

    def _ancestors(self, mount: MountPoint) -> Iterator[MountPoint]:
        seen = {mount.number}
        while (parent := self._known.get(mount.parent)) is not None and parent.number not in seen:
            seen.add(parent.number)
            yield parent
            mount = parent


def key(mount: MountPoint) -> str:
    """The key of its item."""
    return f"mount {mount.number}"


def on_disk(mount: MountPoint) -> bool:
    """True unless it is in memory. An overlay may have a part on a disk."""
    return bool(mount.devices) or mount.kind == OVERLAY
