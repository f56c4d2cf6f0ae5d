"""Volumes in containers of firmware RAID: whose they are, and which share their disks (R9).

mdadm says MD_FOREIGN of an array when it takes a member in. Of a container it always says "no",
and of the volumes nothing: but it gives a volume of another host a name that cannot collide
(Incremental_container() in Incremental.c, create_mddev() in mdopen.c). IMSM metadata has no place
for a host, so that its volumes count as this machine's.

Disks of all DDF containers that mdadm has made have one ID_FS_UUID: libblkid reads the GUID as
text, up to bytes that are none. The MD_UUID of the container tells them apart.
"""

from collections.abc import Iterable

from initpy.core.devices.graph import Device
from initpy.core.state.context import Context

VERSION = "md/metadata_version"
STAYS_READ_ONLY = "external:-"
OF_VOLUMES = ("external:/", STAYS_READ_ONLY)
HAS_HOST = "ddf_raid_member"  # ID_FS_TYPE of disks whose metadata may tell the host
MEMBERS = ("isw_raid_member", HAS_HOST)


def is_container(array: Device) -> bool:
    """True for the container itself."""
    return is_containers(array.properties.get(VERSION, ""))


def is_containers(version: str) -> bool:
    """True for md/metadata_version of a container: `external:ddf`."""
    return version.startswith("external:") and not version.startswith(OF_VOLUMES)


def is_volume(array: Device) -> bool:
    """True for a volume: `external:/md127/0`, or with "-" while mdmon must not touch it."""
    return array.properties.get(VERSION, "").startswith(OF_VOLUMES)


def container_name(volume: Device) -> str:
    """The name of the container of a volume: `md127` of `external:/md127/0`."""
    return volume.properties[VERSION][len(OF_VOLUMES[0]) :].partition("/")[0]


def tells_host(members: Iterable[Device]) -> bool:
    """True for disks whose metadata may tell the host that made the array."""
    return any(each.properties.get("ID_FS_TYPE") == HAS_HOST for each in members)


def container(context: Context, members: Iterable[Device]) -> Device | None:
    """The container that has these disks."""
    above = (each for disk in members for each in context.devices.holders(disk.name))
    return next(filter(is_container, above), None)


def volumes(context: Context, container: Device) -> list[Device]:
    """The volumes of a container that there are."""
    above = {each.name: each for name in container.slaves for each in context.devices.holders(name)}
    starts = tuple(f"external:{sign}{container.name}/" for sign in "/-")
    return [each for each in above.values() if each.properties.get(VERSION, "").startswith(starts)]


def named_as_foreign(volume: Device) -> bool:
    """True if mdadm's name for the volume does not say that it trusts the name in the metadata.

    It appends `_0` to a name that it does not trust, unless that has a colon. A volume without a
    name has none, and mdadm may not have been asked for it yet.
    """
    name = volume.properties.get("MD_DEVNAME", "")
    base, _, number = name.rpartition("_")
    return not name or ":" in name or (bool(base) and number.isdecimal())
