"""Subjects of jobs, block devices above all, and what stands on what."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from initpy.core.devices.marks import FOREIGN, MONITOR, SAME, TABLE, WAY
from initpy.core.tuples import NamedTuple

# What ID_FS_USAGE (blkid(8)) says of a device that holds another layer.
CRYPTO, RAID = "crypto", "raid"
PLAIN = "CRYPT-PLAIN-"  # the beginning of the DM_UUID of an open volume without a header
LAYERS = (CRYPTO, RAID)
MAPPING_NAME = "DM_NAME"  # udev's property with the name of a mapping
NOTHING: frozenset[str] = frozenset()
PARTITIONS = "partitions"  # of a disk that is a member: the names of those that the kernel shows
# Since systemd 248. A worker that has died leaves udevd nothing else to say of the device; one that
# names an error has done its work, and could not write the database, say.
WORKER_FAILED, WORKER_ERROR = "UDEV_WORKER_FAILED", "UDEV_WORKER_ERRNO"
# What udev says of an array that runs once it has looked at it: what is on it, which libblkid may
# not know (the kernel reads more kinds of partition tables), or the words of `mdadm --detail`, of a
# volume of a container the last one (63-md-raid-arrays.rules).
LOOKED_AT = frozenset({"ID_FS_TYPE", "ID_PART_TABLE_TYPE", "MD_METADATA", "MD_MEMBER"})


class Kind(NamedTuple):
    """A kind of subject: how its readiness is told.

    Names of block devices are the kernel's; names of other kinds begin with the kind, as in
    `net/eth0`, so that no two subjects share a name.
    """

    name: str
    ready: Callable[["Device"], bool]
    declared: bool = False  # by the core itself: no list of devices has it
    lacks: str = ""  # what one that is not ready waits for, as the tree says it


def _worker_died(known: Mapping[str, str]) -> bool:
    """True if udev knows nothing of the device, since its worker was killed or has crashed."""
    return known.get(WORKER_FAILED) == "1" and WORKER_ERROR not in known


def _loses_array(device: "Device") -> bool:
    """Tell whether an array is going: md takes its folder in sysfs away before the array."""
    known = device.properties
    is_array = device.name.startswith("md") and known.get("DEVTYPE") == "disk"
    return is_array and "md/array_state" not in known


def _block_ready(device: "Device") -> bool:
    """Tell whether udev and the kernel are done with a block device.

    udev says so in three ways: SYSTEMD_READY=0 (systemd.device(5)); the flag of the
    device-mapper rules while a mapping is set up or suspended (libdevmapper.h); and for md the
    array's own state (Documentation/md). Where its worker has died it looks again.
    """
    known = device.properties
    return (
        known.get("SYSTEMD_READY") != "0"
        and not _worker_died(known)
        and known.get("DM_UDEV_DISABLE_OTHER_RULES_FLAG") != "1"
        and known.get("DM_SUSPENDED") != "1"
        and known.get("md/array_state") not in ("inactive", "clear")
        # A mapping exists before its table does; udev sees the name with the table.
        and not (device.name.startswith("dm-") and "DM_NAME" not in known)
        and not _loses_array(device)
        and FOREIGN not in known
        and SAME not in known
        and known.get(MONITOR) != "awaited"
    )


def _listed_ready(device: "Device") -> bool:
    return device.properties.get("SYSTEMD_READY") != "0"


BLOCK = Kind("block", _block_ready)
# A network link: frames can be sent on it once it has a carrier.
NET = Kind(
    "net", lambda device: device.properties.get("carrier") == "1", lacks="the link has no carrier"
)
# What a server, or the hypervisor, offers to be mounted: ready once there is a way to it.
NO_WAY = "no network link leads to it yet"
TARGET = Kind("target", lambda device: WAY in device.properties, declared=True, lacks=NO_WAY)
EXPORT = Kind("export", lambda device: WAY in device.properties, declared=True, lacks=NO_WAY)
# Parts that belong together, such as the disks of a pool; and what a job has listed on a subject.
SET = Kind("set", lambda device: True, declared=True)
LISTED = Kind("listed", _listed_ready, declared=True)
DERIVED = (SET, LISTED)


class Device(NamedTuple):
    """A subject as the world shows it now: a block device, unless its kind says otherwise.

    `properties` holds udev's properties, what jobs have published, our marks (`marks`), and,
    under their sysfs path ("md/array_state"), the attributes that jobs ask for. `slaves` are
    the names of the subjects it stands on: sysfs `slaves/`, and for a partition its disk.
    """

    name: str
    properties: Mapping[str, str]
    links: frozenset[str] = frozenset()
    slaves: frozenset[str] = frozenset()
    kind: Kind = BLOCK

    @property
    def node(self) -> str:
        """Its path below /dev."""
        return self.properties.get("DEVNAME", f"/dev/{self.name}")

    @property
    def ready(self) -> bool:
        """Complete and probed, so that a layer above may act on it (R3)."""
        return self.kind.ready(self)

    @property
    def usage(self) -> str | None:
        """What udev (blkid(8)) says that the device is used for."""
        return self.properties.get("ID_FS_USAGE")

    @property
    def is_empty(self) -> bool:
        """True for an array that was stopped: it has no size, and its partitions are to go."""
        known = self.properties
        stopped = known.get("SYSTEMD_READY") == "0" and known.get("size", "0") == "0"
        return stopped or _loses_array(self)

    @property
    def is_private(self) -> bool:
        """True for a mapping that only the mapping on it may use, as libdevmapper's flags say."""
        known = self.properties
        return known.get("DM_UDEV_DISABLE_OTHER_RULES_FLAG") == "1" and "DM_NAME" in known

    @property
    def is_probed(self) -> bool:
        """True unless it is an array that runs, and udev has not looked at it since it does.

        The kernel shows its partitions by then. It may be a member as a whole. So may a disk that
        udev's worker died of: it is looked at again.
        """
        known = self.properties
        if _worker_died(known):
            return False
        runs = known.get("md/array_state", "inactive") not in ("inactive", "clear")
        return not runs or not LOOKED_AT.isdisjoint(known)

    def after(self, before: "Device | None") -> "Device":
        """The device as it is now, with what udev had said of it before its worker died.

        udev has forgotten that, which tells nothing of the device. The kernel's attributes, which
        have small letters, are those of now. It is not ready until udev has looked again.
        """
        if before is None or not _worker_died(self.properties):
            return self
        said = {key: text for key, text in before.properties.items() if key.isupper()}
        return self._replace(
            properties={**said, **self.properties}, links=self.links | before.links
        )

    @property
    def is_layer(self) -> bool:
        """True for a device that holds another layer, not a file system."""
        return self.properties.get("ID_FS_USAGE") in LAYERS


class DeviceGraph:
    """The devices by name, by link and by what stands on them."""

    def __init__(self, indexed: frozenset[str] = frozenset()) -> None:
        self.indexed = indexed  # property names that `having` answers for
        self._devices: dict[str | None, Device] = {}
        self._having: dict[tuple[str, str], set[str]] = {}
        self._published: dict[str, dict[str, str]] = {}
        self._holders: dict[str, set[str]] = {}
        # The device of that kernel name, with what jobs have published about it; None has none. The
        # dictionary's own: this is asked for more often than anything else.
        self.get: Callable[[str | None], Device | None] = self._devices.get

    def __iter__(self) -> Iterator[Device]:
        return iter(self._devices.values())

    def __len__(self) -> int:
        return len(self._devices)

    def update(self, device: Device) -> bool:
        """Take the device as it is now; True if another device stands on others now.

        What was published about the device stays.
        """
        name = device.name
        before = self._devices.get(name)
        if published := self._published.get(name):
            device = device._replace(properties={**device.properties, **published})
        if self.indexed:
            self._index(before, device)
        self._devices[name] = device
        old, new = before.slaves if before is not None else NOTHING, device.slaves
        if old == new:
            return before is None and bool(self._holders.get(name))
        for lower in old:
            self._holders[lower].discard(name)
        for lower in new:
            self._holders.setdefault(lower, set()).add(name)
        return before is not None or bool(self._holders.get(name))

    def _index(self, before: Device | None, after: Device | None) -> None:
        for key in self.indexed:
            old = before.properties.get(key) if before is not None else None
            new = after.properties.get(key) if after is not None else None
            if old == new:
                continue
            if before is not None and old is not None:
                self._having[key, old].discard(before.name)
            if after is not None and new is not None:
                self._having.setdefault((key, new), set()).add(after.name)

    def at(self, node: str) -> Device | None:
        """The device of that path; udev gives it the kernel's name, with a slash for each `!`."""
        device = self._devices.get(node.removeprefix("/dev/").replace("/", "!"))
        return device if device is not None and device.node == node else None

    def mounted_from(self, source: str) -> Device | None:
        """The device that a mount is from: a mapping has the name of a link as its source."""
        if (device := self.at(source)) is not None:
            return device
        return next((each for each in self._devices.values() if source in each.links), None)

    def having(self, key: str, value: str) -> frozenset[str]:
        """The names of the devices whose (indexed) property has this value."""
        return frozenset(self._having.get((key, value), ()))

    def publish(self, name: str, facts: Mapping[str, str]) -> None:
        """Add facts that a job found out to the device's properties."""
        if name in self._devices:
            self._published.setdefault(name, {}).update(facts)
            self.update(self._devices[name])

    def mark(self, name: str, key: str, value: str | None) -> None:
        """Give the device a property of ours, or (None) take it away."""
        device = self._devices.get(name)
        if device is None:
            return
        if value is not None:
            self.publish(name, {key: value})
            return
        self._published.get(name, {}).pop(key, None)
        left = {each: text for each, text in device.properties.items() if each != key}
        self.update(device._replace(properties=left))

    def remove(self, name: str) -> bool:
        """Forget a device and what was published about it; unknown names are fine (R2).

        True if what stood on it does not stand on others now.
        """
        device = self._devices.pop(name, None)
        self._index(device, None)
        self._published.pop(name, None)
        if device is None:
            return False
        for lower in device.slaves:
            self._holders[lower].discard(name)
            self._forget_partition(lower, name)
        return bool(device.slaves or self._holders.get(name))

    def _forget_partition(self, disk: str, name: str) -> None:
        """The disk has that partition no more; no event of the disk tells (BLKPG)."""
        device = self._devices.get(disk)
        names = device.properties.get(PARTITIONS, "").split() if device is not None else []
        if device is not None and name in names:
            names.remove(name)
            known = {**device.properties, PARTITIONS: " ".join(names)}
            self.update(device._replace(properties=known))

    def above(self, name: str) -> Iterator[Device]:
        """The devices that stand directly on it, in no order: for a question about any of them."""
        for each in self._holders.get(name, ()):
            if (device := self._devices.get(each)) is not None:
                yield device

    def upon(self, name: str) -> Iterator[Device]:
        """The devices that stand on it, directly or through a mapping that is private to them.

        A volume with authenticated encryption stands on a private mapping, of dm-integrity.
        """
        for each in self.above(name):
            if each.is_private:
                yield from self.above(each.name)
            else:
                yield each

    def under(self, names: Iterable[str]) -> Iterator[str]:
        """These devices, and what those of them stand on that are private mappings: see `upon`."""
        for name in sorted(names):
            yield name
            device = self._devices.get(name)
            if device is not None and device.is_private:
                yield from sorted(device.slaves)

    def holders(self, name: str) -> tuple[Device, ...]:
        """The devices that stand directly on it, in a steady order."""
        found = self._holders.get(name)
        if not found:
            return ()
        return tuple(self._devices[each] for each in sorted(found) if each in self._devices)

    def slaves(self, name: str) -> tuple[Device, ...]:
        """The devices it stands directly on that are known, in a steady order."""
        device = self._devices.get(name)
        names = sorted(device.slaves) if device else []
        return tuple(self._devices[each] for each in names if each in self._devices)

    def grounded(self, device: Device) -> bool:
        """True unless it is a partition of a disk that is unprobed, is stopped or lacks a monitor.

        It may be a part of a raw member. An array may stand on a member that is gone for good.
        """
        if device.properties.get("DEVTYPE") != "partition":
            return True
        disks = [self._devices.get(lower) for lower in device.slaves]
        known = [each for each in disks if each is not None and not each.is_empty]
        return len(known) == len(disks) and all(
            each.is_probed and each.properties.get(MONITOR) != "awaited" for each in known
        )

    def stands_on(self, upper: str, lower: str) -> bool:
        """True when `upper` is `lower` or is built on it, at any depth."""
        pending, seen = [upper], set[str]()
        while pending:
            name = pending.pop()
            if name == lower:
                return True
            if name not in seen and name in self._devices:
                seen.add(name)
                pending.extend(self._devices[name].slaves)
        return False


def partitions(devices: DeviceGraph, disk: str) -> list[Device]:
    """The partitions of a disk that are known."""
    above = devices.holders(disk)
    return [each for each in above if each.properties.get("DEVTYPE") == "partition"]


def inside_member(devices: DeviceGraph, partition: Device) -> bool:
    """True for a partition of a disk that is a member as a whole: it is reached by the array.

    Metadata at the end of a disk leaves the array's partitions visible on each
    member; a file system mounted there would change one copy behind md's back.
    """
    if partition.properties.get("DEVTYPE") != "partition":
        return False
    disks = filter(None, map(devices.get, partition.slaves))
    return any(disk.usage == RAID and not has_members(devices, disk) for disk in disks)


def has_members(devices: DeviceGraph, disk: Device) -> bool:
    """True if partitions of the disk are members of arrays: its own metadata is taken for old.

    Unless its partition table was made on the array: then the upper array is on that one.
    """
    if TABLE in disk.properties:
        return False
    kinds = (each.properties.get("ID_FS_TYPE", "") for each in partitions(devices, disk.name))
    return any(each.endswith("raid_member") for each in kinds)
