"""Reads the layers of storage of a scenario file: [[layer]] with its partitions."""

import re

from initpy.scenario.feasible import Room
from initpy.scenario.model import (
    CONTAINERS,
    RAID,
    SYSTEMS,
    Disk,
    Layer,
    Partition,
)
from initpy.scenario.pools import PROFILES as ZFS_PROFILES
from initpy.scenario.pools import ZFS, check_pool, datasets, host_id, volumes
from initpy.scenario.reader import Table

LUKS = ("luks1", "luks2")
# LUKS2 with authenticated encryption: a cipher and what protects its sectors.
CIPHERS = ("aegis128-random", "aes-xts-plain64")
HASHES = ("ripemd160", "sha1", "sha512", "whirlpool")
INTEGRITY = ("aead", "hmac-sha256")
MOST_INODES = 200_000  # which the machine that makes disks creates in seconds
LEFT = {
    **dict.fromkeys(RAID, ("degraded", "dirty", "stale")),
    **dict.fromkeys(("ext2", "ext3", "ext4"), ("errors", "spoilt")),
    "lvm": ("exported", "shared", "clustered", "skipped"),
}
# File systems whose journal (the log of an xfs) may be on a device of its own.
WITH_JOURNAL = ("ext3", "ext4", "xfs")
FILESYSTEMS = ("ext2", "ext3", "ext4", "xfs", "btrfs", "vfat", "squashfs", "swap")
LVM_TYPES = ("linear", "striped", "mirror", "raid1", "raid5", "thin", "cachevol", "cachepool")
PROFILES = ("", "raid0", "raid1", "raid1c3", "raid10")
LAYER_KINDS = (
    *RAID, *CONTAINERS, *LUKS, "plain", "lvm", "bcache", "file", "partitions", ZFS, *FILESYSTEMS,
)  # fmt: skip
SHORT_NAME = re.compile(r"[a-z][a-z0-9_-]{0,14}")
_NUMBER = re.compile(r"[0-9]{1,3}")  # an installer's name of an array
MOST_PRIMARY = 4  # partitions of an MBR
_DISK_ID = re.compile(r"[0-9a-f]{8}")
_SYSTEM_ID = re.compile(r"[A-Za-z0-9_+.][A-Za-z0-9_+.-]{0,127}")


def read_name(table: Table, taken: set[str], kind: str = "") -> str:
    """Read a name that no disk and no other layer has, and add it to `taken`."""
    name = table.string("name")
    if not SHORT_NAME.fullmatch(name) and not (kind in RAID and _NUMBER.fullmatch(name)):
        raise table.wrong("name", "a short name of lower-case letters, digits, - and _")
    if name in taken:
        raise table.wrong("name", "a unique name among disks and layers")
    taken.add(name)
    return name


def read_layers(
    top: Table, disks: tuple[Disk, ...], files: tuple[tuple[str, str], ...]
) -> tuple[Layer, ...]:
    """Read the tables [[layer]], from below. Raises InputError with the wrong line and key."""
    taken = {disk.name for disk in disks}
    free = {disk.name for disk in disks if not disk.path_of}  # no layer is on these yet
    groups: set[str] = set()
    layers: list[Layer] = []
    room = Room(disks)
    for table in top.tables("layer"):
        kind = table.choice("kind", LAYER_KINDS)
        parts = _partitions(table, taken) if kind == "partitions" else ()
        # Partition tables and most file systems need no name, as no layer is on them.
        nameless = kind == "partitions" or kind in FILESYSTEMS
        name = "" if nameless and not table.has("name") else read_name(table, taken, kind)
        layer = Layer(
            kind=kind,
            name=name,
            on=_below(table, free, taken, groups),
            uuid=table.string("uuid", ""),
            label=table.string("label", ""),
            passphrase=table.string("passphrase", ""),
            keyfile=table.string("keyfile", ""),
            group=table.string("group", ""),
            size=table.size("size"),
            type=table.choice("type", ("", *LVM_TYPES), ""),
            metadata=table.string("metadata", ""),
            homehost=table.string("homehost", "any"),
            renamed=table.string("renamed", ""),
            system_id=table.string("system-id", ""),
            inodes=table.integer("inodes") if table.has("inodes") else 0,
            left=table.choice("left", ("", *LEFT.get(kind, ())), ""),
            parts=parts,
            holds=table.choice("holds", ("", "root", "usr", "var"), ""),
            system=table.choice("system", ("", *SYSTEMS), ""),
            files=table.table("files").pairs(),
            programs=table.strings("programs"),
            datasets=datasets(table, files) if kind == ZFS else (),
            volumes=volumes(table, taken) if kind == ZFS else (),
            host_id=host_id(table),
            bootfs=table.string("bootfs", ""),
            profile=table.choice("profile", ZFS_PROFILES if kind == ZFS else PROFILES, ""),
            log=table.strings("log"),
            subvolume=table.string("subvolume", ""),
            subvolumes=table.strings("subvolumes"),
            default=table.boolean("default", False),
            header=_header(table, free, layers),
            argon2=_argon2(table),
            cipher=table.choice("cipher", ("", *(CIPHERS if kind == "luks2" else ())), ""),
            hash=table.choice("hash", ("", *(HASHES if kind in LUKS else ())), ""),
            integrity=table.choice("integrity", ("", *(INTEGRITY if kind == "luks2" else ())), ""),
            swapfile=table.size("swapfile"),
        )
        _check_layer(table, layer, files)
        files = (*files, *layer.files)
        table.end()
        room.take(table, layer)
        layers.append(layer)
        free |= {part.name for part in parts} if parts else {name} - {""}
        free |= {volume for volume, _ in layer.volumes} | room.containers.keys() & {*layer.on}
        groups |= {layer.group} - {""}
        if layer.holds == "var" and not any(each.system for each in layers):
            raise table.wrong("holds", "a `system` on an earlier layer, whose /var this is")
        if layer.inodes and layer.kind not in ("ext2", "ext3", "ext4"):
            raise table.wrong("inodes", "ext2, ext3 or ext4: files for a check to read")
        if not 0 <= layer.inodes <= MOST_INODES:
            raise table.wrong("inodes", f"0 to {MOST_INODES}")
        if layer.left == "stale":
            free = free - {name} | set(layer.on)
    return tuple(layers)


def _header(table: Table, free: set[str], layers: list[Layer]) -> str:
    """Read the place of a detached header: an unused disk, or a file on a file system."""
    text = table.string("header", "")
    name, _, path = text.partition(":")
    if path and name in {each.name for each in layers if each.kind in FILESYSTEMS}:
        return text
    if text and (path or name not in free):
        raise table.wrong("header", "an unused disk, or FILESYSTEM:/PATH")
    free.discard(name)
    return text


def _argon2(table: Table) -> tuple[int, int] | None:
    """Read the cost of argon2id."""
    if not table.has("argon2"):
        return None
    words = table.string("argon2").split()
    if len(words) != 2 or not all(each.isdecimal() for each in words):
        raise table.wrong("argon2", 'KiB of memory and passes, such as "262144 4"')
    return int(words[0]), int(words[1])


def _partitions(table: Table, taken: set[str]) -> tuple[Partition, ...]:
    parts = []
    for part in table.tables("part"):
        parts.append(
            Partition(
                read_name(part, taken),
                part.size("size"),
                part.string("label", ""),
                part.string("uuid", ""),
                part.string("type", ""),
            )
        )
        part.end()
    if not parts:
        raise table.wrong("part", "tables [[layer.part]] with at least a name")
    return tuple(parts)


def _check_partitions(table: Table, layer: Layer) -> None:
    if layer.metadata not in ("", "mbr"):
        raise table.wrong("metadata", 'for partitions "mbr", or nothing for a GPT')
    if layer.metadata and (
        len(layer.parts) > MOST_PRIMARY or any(each.label or each.uuid for each in layer.parts)
    ):
        raise table.wrong("part", "four at most in an MBR, without label and uuid")
    if layer.metadata and layer.uuid and not _DISK_ID.fullmatch(layer.uuid):
        raise table.wrong("uuid", "the eight hexadecimal digits of an MBR's disk identifier")


def _below(table: Table, free: set[str], taken: set[str], groups: set[str]) -> tuple[str, ...]:
    below = table.strings("on")
    if not below and table.content.get("group") not in groups:
        raise table.wrong("on", "the names of the disks or layers below")
    for name in below:
        if name not in free:
            known = ", ".join(sorted(free)) or "none left"
            # `taken` already contains the layer's own name.
            other = name in taken and name != table.content.get("name")
            expected = f"disks or earlier layers without a layer on them ({known})"
            why = "is a path, or has another layer on it" if other else "is unknown"
            raise table.wrong("on", f"{expected}; {name} {why}")
        free.remove(name)
    return below


def _check_layer(table: Table, layer: Layer, files: tuple[tuple[str, str], ...]) -> None:
    if layer.kind in (*LUKS, "plain") and not (layer.passphrase or layer.keyfile):
        raise table.wrong("passphrase", "a passphrase or a keyfile for the volume")
    if layer.type and layer.kind != "lvm":
        raise table.wrong("type", "a type only for lvm")
    if layer.kind == "partitions":
        _check_partitions(table, layer)
    if layer.left == "dirty" and layer.metadata not in ("", "1.2", "1.1"):
        raise table.wrong("metadata", "1.1 or 1.2 for an array that is left dirty")
    if layer.kind == "lvm" and not layer.group:
        raise table.wrong("group", "the name of the volume group")
    if layer.renamed and not (layer.kind == "lvm" and _SYSTEM_ID.fullmatch(layer.renamed)):
        raise table.wrong("renamed", "the name of a volume group, for lvm only")
    said = {"system-id": layer.system_id, "renamed": layer.renamed, "left": layer.left}
    for key, value in said.items() if layer.kind == "lvm" and not layer.on else ():
        if value:
            raise table.wrong(key, "nothing, since the group's first volume says so")
    if layer.system_id and not (layer.kind == "lvm" and _SYSTEM_ID.fullmatch(layer.system_id)):
        expected = "the name of another system, of the letters that lvmsystemid(7) allows"
        raise table.wrong("system-id", f"{expected}, for lvm only")
    if layer.keyfile and layer.keyfile not in dict(files):
        raise table.wrong("keyfile", "a path in [image.files] or in files of an earlier layer")
    if (layer.holds or layer.files) and layer.kind not in FILESYSTEMS:
        raise table.wrong("holds", "root, usr or files on a file system only")
    if layer.system and layer.holds != "root":
        raise table.wrong("system", '`holds = "root"` beside it')
    if not set(layer.log) <= set(layer.on if layer.kind == ZFS else ()):
        raise table.wrong("log", "names of `on`, for a ZFS pool only")
    if layer.kind == ZFS:
        check_pool(table, layer)
    elif (layer.profile or layer.subvolume or layer.subvolumes) and layer.kind != "btrfs":
        raise table.wrong("kind", "btrfs for a profile or a subvolume")
    if layer.subvolumes and (not layer.holds or layer.subvolume in layer.subvolumes):
        raise table.wrong("subvolumes", "others than `subvolume`, of a btrfs with content")
    if layer.default and not layer.subvolume:
        raise table.wrong("default", "`subvolume` beside it")
    if layer.swapfile and (layer.kind != "ext4" or layer.holds != "root"):
        raise table.wrong("swapfile", "an ext4 that holds root")
    if layer.kind == "squashfs" and layer.holds != "root":
        raise table.wrong("holds", "root for a squashfs")
    if layer.kind == "file" and layer.size is None:
        raise table.wrong("size", 'a size such as "48M"')
    if layer.kind == "bcache" and len(layer.on) != 2:
        raise table.wrong("on", "two names, the backing disk and its cache")
    if len(layer.on) > 1 and layer.kind not in (*RAID, *CONTAINERS, "lvm", "bcache", "btrfs"):
        if layer.kind == ZFS:
            return
        if layer.kind not in WITH_JOURNAL:
            raise table.wrong("on", f"one name for {layer.kind}")
        if len(layer.on) > 2:
            raise table.wrong("on", "two names at most, the second for the journal")
