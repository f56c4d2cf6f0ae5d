"""What udev's rules and libblkid say of a device: properties and links.

As they were seen in journals of real boots; the rules are those of systemd 252, LVM2, mdadm and
rules/*.rules of this project.
"""

from collections.abc import Iterator, Mapping

from initpy.core.devices.graph import Device
from initpy.simulation.kernel.btrfs import numbers, readiness
from initpy.simulation.kernel.md_sysfs import array_links, attributes, properties
from initpy.simulation.kernel.paths import is_path
from initpy.simulation.kernel.reading import unreadable
from initpy.simulation.world.plans import (
    DiskPlan,
    FileSystem,
    Header,
    Joined,
    JournalPlan,
    Member,
    PartPlan,
    PhysicalPlan,
    Place,
    PoolPlan,
    Table,
)
from initpy.simulation.world.pools import VOLUME
from initpy.simulation.world.world import Block, World

Found = tuple[Mapping[str, str], frozenset[str]]
_NOTHING: Found = ({}, frozenset())
_SAFE = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789#+-.:=@_/")


def encode(text: str) -> str:
    r"""As udev encodes what goes into a link: ` ` becomes `\x20` (encode_devnode_name())."""
    if all(letter in _SAFE for letter in text):
        return text
    return "".join(
        each if each in _SAFE else "".join(f"\\x{byte:02x}" for byte in each.encode())
        for each in text
    )


def content(place: Place) -> Found:
    """What libblkid finds at a place, and the links by UUID and label."""
    if place.probed is None:
        place.probed = _probe(place)
    return place.probed


def _seen(world: World, place: Place) -> Found:
    """The same; swap that holds a hibernated system has another signature."""
    found, links = content(place)
    swap = world.hibernated
    if swap is not None and place.content is swap and swap.kind == "swap":
        found = {**found, "ID_FS_TYPE": "swsuspend"}
    return found, links


def _probe(place: Place) -> Found:
    if place.stale is not None:
        return _member(place.stale)
    match place.content:
        case Member() as member if "magic" not in place.damages:
            return _member(member)
        case Header(volume):  # damaged, its magic is still there
            known = {"ID_FS_TYPE": "crypto_LUKS", "ID_FS_USAGE": "crypto"}
            known |= _named(volume.uuid, volume.label)
            return {**known, "ID_FS_VERSION": volume.kind[-1]}, _links(volume.uuid, volume.label)
        case PhysicalPlan(uuid=uuid) if "label" not in place.damages:
            known = {"ID_FS_TYPE": "LVM2_member", "ID_FS_USAGE": "raid"}
            return {**known, **_named(uuid, ""), "ID_FS_VERSION": "LVM2 001"}, frozenset()
        case FileSystem() as system:
            usage = "other" if system.kind == "swap" else "filesystem"
            kind = "swsuspend" if "hibernated" in place.damages else system.kind
            known = {"ID_FS_TYPE": kind, "ID_FS_USAGE": usage}
            known |= _named(system.uuid, system.label)
            return known, _links(system.uuid, system.label)
        case PoolPlan(name=name, guid=guid):
            known = {"ID_FS_TYPE": "zfs_member", "ID_FS_USAGE": "filesystem", **_named(guid, name)}
            return {**known, "ID_FS_VERSION": "5000"}, frozenset()
        case Joined(uuid=uuid):
            known = {"ID_FS_TYPE": "bcache", "ID_FS_USAGE": "other", **_named(uuid, "")}
            return known, _links(uuid, "")
        case JournalPlan(kind=kind, uuid=uuid):
            known = {"ID_FS_TYPE": kind, "ID_FS_USAGE": "other"}
            if kind == "xfs_external_log":  # it has no UUID of its own
                return known, frozenset()
            return {**known, **_named(uuid, "")}, _links(uuid, "")
        case Table() as table:
            damages = {*place.damages}
            if damages >= {"table", "backup-table"}:
                return {"ID_PART_TABLE_TYPE": "PMBR"}, frozenset()
            known = {"ID_PART_TABLE_TYPE": table.kind, "ID_PART_TABLE_UUID": table.uuid}
            return known, frozenset()
    return _NOTHING


def _named(uuid: str, label: str) -> dict[str, str]:
    known = {"ID_FS_UUID": uuid, "ID_FS_UUID_ENC": encode(uuid)} if uuid else {}
    if label:
        known |= {"ID_FS_LABEL": label.replace(" ", "_"), "ID_FS_LABEL_ENC": encode(label)}
    return known


def _links(uuid: str, label: str) -> frozenset[str]:
    found = [f"/dev/disk/by-uuid/{encode(uuid)}"] if uuid else []
    return frozenset([*found, f"/dev/disk/by-label/{encode(label)}"] if label else found)


def _member(member: Member) -> Found:
    array = member.array
    kind = {"imsm": "isw_raid_member", "ddf": "ddf_raid_member"}.get(array.metadata)
    if kind is not None:
        known = {"ID_FS_TYPE": kind, "ID_FS_USAGE": "raid"}
        # libblkid reads the GUID as text, which is the same for all that mdadm has made.
        return known | (
            {"ID_FS_UUID": "Linux-MD"} if kind == "ddf_raid_member" else {}
        ), frozenset()
    digits = array.uuid
    uuid = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    label = "" if array.metadata == "0.90" else array.set_name
    known = {"ID_FS_TYPE": "linux_raid_member", "ID_FS_USAGE": "raid", **_named(uuid, label)}
    version = "0.90.0" if array.metadata == "0.90" else array.metadata
    return {**known, "ID_FS_VERSION": version}, frozenset()


def identity(disk: DiskPlan) -> Found:
    """Serial number and the links by id; QEMU's disks, as udev's programs name them."""
    if disk.probed is None:
        serial, links = disk.serial, []
        known: dict[str, str] = {}
        if disk.wwn:
            known = {"ID_SERIAL": f"3{disk.wwn}", "ID_SERIAL_SHORT": disk.wwn, "ID_BUS": "scsi",
                     "ID_WWN": f"0x{disk.wwn}", "ID_MODEL": "QEMU_HARDDISK"}  # fmt: skip
            links = [f"scsi-3{disk.wwn}", f"wwn-0x{disk.wwn}"]
        elif disk.bus == "virtio":
            known, links = {"ID_SERIAL": serial}, [f"virtio-{serial}"]
        elif disk.bus == "nvme":
            known = {"ID_SERIAL": f"QEMU_NVMe_Ctrl_{serial}_1", "ID_SERIAL_SHORT": serial,
                     "ID_MODEL": "QEMU NVMe Ctrl"}  # fmt: skip
            links = [f"nvme-QEMU_NVMe_Ctrl_{serial}", f"nvme-QEMU_NVMe_Ctrl_{serial}_1"]
        else:
            bus = {"ahci": "ata", "cdrom": "ata", "usb": "usb"}.get(disk.bus, "scsi")
            model = "QEMU_DVD-ROM" if disk.bus == "cdrom" else "QEMU_HARDDISK"
            full = {
                "ata": f"{model}_{serial}",
                "usb": f"QEMU_QEMU_HARDDISK_{serial}-0:0",
                "scsi": f"0QEMU_QEMU_HARDDISK_{serial}",
            }[bus]
            known = {"ID_SERIAL": full, "ID_SERIAL_SHORT": serial, "ID_BUS": bus,
                     "ID_MODEL": model}  # fmt: skip
            links = [f"{bus}-{full}"]
        found = {f"/dev/disk/by-id/{each}" for each in links}
        if disk.slot:
            place = f"pci-0000:00:{disk.slot:02x}.0"
            found |= {f"/dev/disk/by-path/{each}{place}" for each in ("", "virtio-")}
        disk.probed = known, frozenset(found)
    return disk.probed


def look(world: World, block: Block, primary: bool) -> tuple[dict[str, str], frozenset[str]]:
    """What udev knows of the device when its rules have run.

    `primary`: of a mapping, that the event was libdevmapper's own (or counts as such).
    """
    known = {
        "KERNEL": block.name,
        "DEVNAME": block.node,
        "DEVTYPE": "disk" if block.part is None else "partition",
        "MAJOR": str(block.major),
        "MINOR": str(block.minor),
    }
    if block.mapping is not None:
        return _mapping(world, block, known, primary)
    if block.array is not None:
        links, whole = properties(block.array, known)
        if not whole:
            return known, links
    elif block.disk is not None:
        links = _disk(world, block, block.disk, known)
        if is_path(world, block.disk):
            _reserved(block, known)
            return known, links
    elif VOLUME in block.facts:  # 60-zvol.rules
        path = block.facts[VOLUME]
        links = frozenset((f"/dev/zvol/{path}", f"/dev/{path}"))
    else:
        known.update(block.facts)
        links = frozenset(
            f"/dev/bcache/by-uuid/{value}"
            for key, value in block.facts.items()
            if key == "CACHED_UUID"
        )
        if block.part is not None:
            links |= _part_of_array(world, block, known)
    if block.place is not None:
        if unreadable(world, block):
            return known, links
        found, named = _seen(world, block.place)
        known.update(found)
        links |= named
        if found.get("ID_FS_TYPE") == "btrfs":
            known.update(readiness(world, block.place))
    return known, links


def _mapping(
    world: World, block: Block, known: dict[str, str], primary: bool
) -> tuple[dict[str, str], frozenset[str]]:
    """10-dm.rules, 11-dm-lvm.rules, 13-dm-disk.rules of LVM2, 11-initpy-persist.rules."""
    mapping = block.mapping
    assert mapping is not None
    if not primary:
        known["DM_UDEV_DISABLE_OTHER_RULES_FLAG"] = "1"
        return known, frozenset()
    known |= {"DM_NAME": mapping.name, "DM_UUID": mapping.uuid, "DM_SUSPENDED": "0",
              "DM_ACTIVATION": "1"}  # fmt: skip
    links = {f"/dev/mapper/{mapping.name}"}
    if mapping.logical is not None:
        group, volume, layer = mapping.logical
        known |= {"DM_VG_NAME": group, "DM_LV_NAME": volume, "DM_LV_LAYER": layer}
    if mapping.hidden:
        known["DM_UDEV_DISABLE_OTHER_RULES_FLAG"] = "1"
        return known, frozenset(links)
    if mapping.logical is not None:
        links.add(f"/dev/{mapping.logical[0]}/{mapping.logical[1]}")
    links |= {f"/dev/disk/by-id/dm-name-{mapping.name}", f"/dev/disk/by-id/dm-uuid-{mapping.uuid}"}
    if block.part is not None:
        known |= _entry(block)
    if block.place is not None and not mapping.partial:
        found, named = _seen(world, block.place)
        known.update(found)
        links |= named
        if found.get("ID_FS_TYPE") == "btrfs":
            known.update(readiness(world, block.place))
    return known, frozenset(links)


def _entry(block: Block) -> dict[str, str]:
    assert block.part is not None
    _, number, plan = block.part
    known = {
        "ID_PART_ENTRY_NUMBER": str(number),
        "ID_PART_ENTRY_SCHEME": plan.scheme,
        "ID_PART_ENTRY_TYPE": plan.type,
        "ID_PART_ENTRY_UUID": plan.uuid,
    }
    if plan.label:
        known["ID_PART_ENTRY_NAME"] = encode(plan.label)
    return known


def _disk(world: World, block: Block, disk: DiskPlan, known: dict[str, str]) -> frozenset[str]:
    described, links = identity(disk)
    if block.part is None:
        known.update(described)
        return links
    whole, number, plan = block.part
    above = world.blocks.get(whole)
    if above is None or above.known is None:
        # 60-persistent-storage.rules: IMPORT{parent}="ID_*", and there is nothing yet.
        described, links = {}, frozenset()
    known.update(described)
    known.update(_entry(block))
    known["ID_PART_ENTRY_DISK"] = f"{block.major}:{block.minor - number}"
    return _part_links(plan) | {f"{link}-part{number}" for link in links}


def _part_of_array(world: World, block: Block, known: dict[str, str]) -> frozenset[str]:
    """63-md-raid-arrays.rules: a partition has the array's names, and its number."""
    assert block.part is not None
    known.update(_entry(block))
    whole, number, plan = block.part
    array = world.blocks[whole].array
    links = array_links(array, number) if array is not None else frozenset()
    return links | _part_links(plan)


def _part_links(plan: PartPlan) -> frozenset[str]:
    found = [f"/dev/disk/by-partuuid/{plan.uuid}"]
    if plan.label:
        found.append(f"/dev/disk/by-partlabel/{encode(plan.label)}")
    return frozenset(found)


def _reserved(block: Block, known: dict[str, str]) -> None:
    """61-initpy-multipath.rules: a path is for the map only."""
    known |= {"DM_MULTIPATH_DEVICE_PATH": "1", "SYSTEMD_READY": "0"}
    if block.place is not None:
        known.update(content(block.place)[0])
    known |= {"ID_FS_TYPE": "mpath_member", "ID_FS_USAGE": "raid"}


def as_device(world: World, block: Block) -> Device:
    """The device as the engine reads it: udev's database, and sysfs as it is now."""
    if block.told is None:
        known = dict(block.known or ())
        known |= _read(world, block, known)
        block.told = Device(block.name, known, block.links, frozenset(block.slaves))
    return with_monitor(world, block.told)


def told_late(world: World, device: Device) -> Device:
    """The device of an event that comes late: what udev said then, and sysfs as it is by now.

    By now another device may have its name, or none.
    """
    known = {key: each for key, each in device.properties.items() if not _is_read(key)}
    block = world.blocks.get(device.name)
    if block is None:
        disk = device.slaves if known.get("DEVTYPE") == "partition" else frozenset[str]()
        return device._replace(properties=known, slaves=disk)
    known |= _read(world, block, known)
    slaves = frozenset(block.slaves)
    return with_monitor(world, device._replace(properties=known, slaves=slaves))


READ = (
    "dm/suspended", "size", "ro", "partitions", "INITPY_MD_TABLE", "foreign", "look", "looked",
    "monitor",
)  # fmt: skip


def _is_read(name: str) -> bool:
    """Whether the engine reads that itself: udev does not say it."""
    return name in READ or name.startswith("md/")


def _read(world: World, block: Block, said: Mapping[str, str]) -> dict[str, str]:
    """What the engine reads of a device in sysfs, and what engines have left in /run."""
    known: dict[str, str] = {}
    if block.mapping is not None:
        known["dm/suspended"] = "0"
    size = block.place.size // 512 if block.place is not None else 0
    if block.array is not None:
        known.update(attributes(block.array))
        size = size if block.array.state != "inactive" else 0
    known["size"] = str(size)
    if said.get("ID_BTRFS_READY") == "0" and block.place is not None:
        known.update(numbers(block.place))
    if said.get("ID_FS_USAGE") == "filesystem" or "DM_VG_NAME" in said:
        known["ro"] = "1" if world.read_only(block) else "0"
    if said.get("ID_FS_USAGE") == "raid" and block.part is None:
        above = world.holders.get(block.name, ())
        parts = [each for each in above if world.blocks[each].part is not None]
        if parts and block.mapping is None:
            known["partitions"] = " ".join(sorted(parts))
            md = said.get("ID_FS_TYPE") == "linux_raid_member"
            if md and block.place is not None and block.place.stale is None:
                known["INITPY_MD_TABLE"] = "array"  # runtime/mdtable.py
    for name, record in _records(block, {**said, **known}):
        if text := world.records.get(record):
            known[name] = text.strip()
    return known


def _records(block: Block, known: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The files in /run that tell of a device: the property, and the file."""
    if block.array is not None:
        yield "foreign", f"foreign.{block.name}"
        yield "look", f"look.{block.name}"
    if known.get("md/metadata_version") == "external:ddf":
        yield "looked", f"looked.{known.get('MD_UUID')}"
    if known.get("ID_FS_TYPE") == "linux_raid_member":
        yield "looked", f"looked.{known.get('ID_FS_UUID')}"


def with_monitor(world: World, device: Device) -> Device:
    """The device with the process that monitors it now: the engine looks when it is told."""
    number = world.monitors.get(device.name)
    if device.properties.get("monitor") == (None if number is None else str(number)):
        return device
    known = {key: each for key, each in device.properties.items() if key != "monitor"}
    return device._replace(properties=known | ({"monitor": str(number)} if number else {}))
