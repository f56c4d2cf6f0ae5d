"""btrfs over several devices: the kernel counts scanned devices (BTRFS_IOC_DEVICES_READY).

udev asks once a device; when the last one comes, udev does not ask again for the others
(64-initpy-btrfs.rules). Mounted with `degraded`, it may lack as many as the profile can lose.
"""

from initpy.simulation.world.plans import FileSystem, Place
from initpy.simulation.world.world import World

FIRST, TOP = 256, (0, 5)  # BTRFS_FIRST_FREE_OBJECTID, BTRFS_FS_TREE_OBJECTID
SPARE = {"raid1": 1, "raid1c3": 2, "raid10": 1}


def readiness(world: World, place: Place) -> dict[str, str]:
    """The udev builtin `btrfs ready`: the device is scanned; is the file system complete?"""
    system = place.content
    assert isinstance(system, FileSystem)
    scanned = world.scanned.setdefault(system.uuid, set())
    scanned.add(place.name)
    if len(scanned) >= len(system.on):
        return {"ID_BTRFS_READY": "1"}
    return {"ID_BTRFS_READY": "0", "SYSTEMD_READY": "0"}


def numbers(place: Place) -> dict[str, str]:
    """What its superblock says; read by the engine where devices are missing."""
    system = place.content
    if not isinstance(system, FileSystem):
        return {}
    return {
        "btrfs/num_devices": str(len(system.on)),
        "btrfs/devid": str(1 + system.on.index(place)),
    }


def mountable(world: World, place: Place, options: tuple[str, ...]) -> bool:
    """Whether enough of its devices are there.

    The kernel remembers a device that it has scanned, and cannot open one that is gone, or an
    array that does not run (open_fs_devices in its volumes.c).
    """
    system = place.content
    assert isinstance(system, FileSystem)
    there = world.scanned.get(system.uuid, {place.name})
    lost = sum(each.name not in there or not _opens(world, each) for each in system.on)
    return not lost or ("degraded" in options and lost <= SPARE.get(system.profile, 0))


def _opens(world: World, place: Place) -> bool:
    block = world.of(place)
    return block is not None and (block.array is None or block.array.state != "inactive")


def subvolume(system: FileSystem, options: tuple[str, ...]) -> str | None:
    """The path of the subvolume that options name, or the default one; None: there is no such.

    They have been made in this order, and the numbers of subvolumes begin at 256.
    """
    there = tuple(filter(None, (system.subvolume, *system.subvolumes)))
    found: str | None = system.subvolume if system.default else ""
    for option, _, value in (each.partition("=") for each in options):
        if option == "subvol":
            path = value.strip("/")
            found = path if path in ("", *there) else None
        elif option == "subvolid" and value.isdecimal():
            number = int(value) - FIRST
            named = there[number] if 0 <= number < len(there) else None
            found = "" if int(value) in TOP else named
    return found
