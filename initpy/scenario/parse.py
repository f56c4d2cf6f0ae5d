"""Reads a scenario file, and rejects wrong types, unknown names and contradictions."""

import re
from pathlib import Path

from initpy.config.project import PROJECT
from initpy.scenario.feasible import Room
from initpy.scenario.hibernation import hibernating
from initpy.scenario.model import (
    AGAIN,
    CONTAINERS,
    ESP_TYPE,
    OWN_JOBS,
    RAID,
    SHUTDOWNS,
    SWAPFILE,
    SYSTEMS,
    BootEntry,
    Disk,
    Expectation,
    Layer,
    Loader,
    MachineKind,
    Outcome,
    Partition,
    Person,
    Scenario,
    Variant,
)
from initpy.scenario.network import read_network
from initpy.scenario.pools import PROFILES as ZFS_PROFILES
from initpy.scenario.pools import ZFS, check_pool, datasets, host_id, volumes
from initpy.scenario.reader import Table, read_table
from initpy.scenario.trouble import (
    read_chance,
    read_cue,
    read_damage,
    read_fault,
    read_limits,
    read_syscall,
    read_tool,
)

BUSES = ("virtio", "scsi", "nvme", "ahci", "usb", "megasas")
LUKS = ("luks1", "luks2")
MOST_INODES = 200_000  # which the machine that makes disks creates in seconds
LEFT = {
    **dict.fromkeys(RAID, ("degraded", "dirty", "stale")),
    **dict.fromkeys(("ext2", "ext3", "ext4"), ("errors", "spoilt")),
    "lvm": ("exported", "shared", "clustered"),
}
# File systems whose journal (the log of an xfs) may be on a device of its own.
WITH_JOURNAL = ("ext3", "ext4", "xfs")
FILESYSTEMS = ("ext2", "ext3", "ext4", "xfs", "btrfs", "vfat", "squashfs", "swap")
LVM_TYPES = ("linear", "striped", "mirror", "raid1", "raid5", "thin", "cachevol", "cachepool")
FIRMWARE = ("none", "uefi")
COMPRESSIONS = ("", "zstd", "gzip", "xz", "lz4", "none")
PROFILES = ("", "raid0", "raid1", "raid1c3", "raid10")
KINDS = (
    *RAID, *CONTAINERS, *LUKS, "plain", "lvm", "bcache", "file", "partitions", ZFS, *FILESYSTEMS,
)  # fmt: skip
LEAST_MEMORY = 64  # MiB, far too little to boot
MOST_BOOTS = MOST_TRIES = 9
MOST_DISKS = 250  # per table; the number of targets of a SCSI host
EXTRA_JOBS = PROJECT / "jobs" / "extra"
# Recorded systems of some scenarios, from their machines.
STACKS = PROJECT / "tests" / "unit" / "image" / "stacks"
_IMAGE_TABLE = re.compile(r"^\[image\]", re.MULTILINE)
_HOST_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # hostname(7), HOST_NAME_MAX
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,14}")
_NUMBER = re.compile(r"[0-9]{1,3}")  # an installer's name of an array
_SYSTEM_ID = re.compile(r"[A-Za-z0-9_+.][A-Za-z0-9_+.-]{0,127}")


def load_scenario(path: Path) -> Scenario:
    """Read a scenario file. Raises InputError with the wrong line and key."""
    top = read_table(path)
    title = top.string("title")
    requirements = top.strings("requirements")
    machine = top.table("machine")
    memory = int(machine.number("memory", 1024))
    if memory < LEAST_MEMORY:
        raise machine.wrong("memory", f"{LEAST_MEMORY} (MiB) or more")
    cmdline = machine.string("cmdline", "")
    second = machine.boolean("second-console", False)
    hibernates = machine.string("hibernates", "")
    if hibernates and not hibernates.startswith("/dev/") and hibernates != SWAPFILE:
        raise machine.wrong("hibernates", f"the path of a swap device below /dev, or {SWAPFILE}")
    restarts = machine.boolean("restarts", False) or bool(hibernates)
    restarts = restarts or top.has("entry")
    uefi = machine.choice("firmware", FIRMWARE, FIRMWARE[0]) == "uefi"
    loader = Loader(machine.choice("loader", list(Loader), Loader.SYSTEMD_BOOT))
    entries = tuple(_entry(table) for table in top.tables("entry"))
    if entries and not uefi:
        raise machine.wrong("firmware", "uefi, since there are tables [[entry]]")
    kind = MachineKind(machine.choice("machine", list(MachineKind), MachineKind.AUTO))
    boots = machine.integer("boots") if machine.has("boots") else 1
    if not 1 <= boots <= MOST_BOOTS:
        raise machine.wrong("boots", f"a number from 1 to {MOST_BOOTS}")
    shutdown = machine.choice("shutdown", ("", *SHUTDOWNS), "")
    step_timeout = machine.number("step-timeout", 0.0)
    if step_timeout and not shutdown:
        raise machine.wrong("step-timeout", "`shutdown` beside it: it is of a shutdown")
    again = machine.choice("again", ("", *AGAIN), "")
    machine.end()
    disks = _disks(top)
    image = top.table("image")
    files = image.table("files").pairs()
    without = image.strings("without")
    jobs = image.strings("jobs")
    if unknown := {*jobs} - {path.stem for path in EXTRA_JOBS.glob("*.toml")}:
        raise image.wrong("jobs", f"names of files in {EXTRA_JOBS}, not {', '.join(unknown)}")
    compression = image.choice("compression", COMPRESSIONS, "")
    microcode = image.boolean("microcode", False)
    host = image.string("host", "")
    if host and not (STACKS / f"{host}.json").is_file():
        raise image.wrong("host", f"the name of a recording in {STACKS}")
    minimal = image.boolean("minimal", False)
    if minimal and not host:
        raise image.wrong("minimal", "`host` beside it: a minimal image is host-only")
    hostname = image.string("hostname", "")
    if hostname and not _HOST_NAME.fullmatch(hostname):
        raise image.wrong("hostname", "a host name of letters, digits, '-', '_' and '.'")
    made = image.choice("made", ("", "hook"), "")
    image.end()
    for file_path, _ in files:
        if not file_path.startswith("/") or file_path.endswith("/"):
            raise image.table("files").wrong(file_path, "an absolute path of a file as the key")
    layers = _layers(top, disks, files)
    if hibernates:
        if hibernates == SWAPFILE and not any(layer.swapfile for layer in layers):
            raise top.table("machine").wrong("hibernates", "a layer with `swapfile`")
        layers = tuple(hibernating(each, hibernates) for each in layers)
    if made and not any(layer.system for layer in layers):
        raise image.wrong("made", "a layer with `system`, in which the hook makes the image")
    if again and not any(layer.system for layer in layers):
        raise top.table("machine").wrong("again", "a layer with `system`, which starts again")
    if again == "soft-reboot" and not any(layer.system == "debian-13" for layer in layers):
        where = top.table("machine")
        raise where.wrong("again", "soft-reboot of a Debian 13: systemd has it since version 254")
    parts = (part.type.upper() for layer in layers for part in layer.parts)
    if (uefi or again == "kexec") and ESP_TYPE not in parts:
        key, value = ("firmware", "uefi") if uefi else ("again", "kexec")
        raise machine.wrong(key, f"{value} only with a partition of the type {ESP_TYPE}")
    nics, servers = read_network(top, disks)
    people = tuple(_person(table) for table in top.tables("person"))
    names = [each.name for each in nics], [each.name for each in servers]
    served = {name for each in servers for name in each.serves}
    own = tuple(disk for disk in disks if disk.name not in served)  # disks of the machine
    faults = tuple(read_fault(table, own, *names) for table in top.tables("fault"))
    tools = tuple(read_tool(table) for table in top.tables("tool"))
    syscalls = tuple(read_syscall(table) for table in top.tables("syscall"))
    limits = read_limits(top.table("limits"))
    chance = read_chance(top.table("simulation"))
    damages = tuple(read_damage(table, disks) for table in top.tables("damage"))
    expect = _expectation(top.table("expect"), disks)
    slow = top.boolean("slow", False)
    top.end()
    scenario = Scenario(
        path, title, requirements, memory, cmdline, disks, layers, files, people, faults, expect,
        slow, damages, tools, limits,
        Variant(
            without, jobs, compression, microcode, host, minimal, _own_jobs(files), hostname, made
        ),
        second, chance, uefi, nics, servers, restarts, kind, hibernates, syscalls,
        entries, loader, boots, shutdown, step_timeout, again,
    )  # fmt: skip
    if limits:
        from initpy.scenario.jobfiles import with_limits  # rare, and it reads all job files

        with_limits(scenario)
    return scenario


def _own_jobs(files: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Return the scenario's job files with an [image] table, which the build must include."""
    mine = ((path, text) for path, text in files if path.startswith(OWN_JOBS))
    return tuple((path, text) for path, text in mine if _IMAGE_TABLE.search(text))


def _entry(table: Table) -> BootEntry:
    """Read an entry of the boot loader."""
    name = table.string("name")
    if not _NAME.fullmatch(name):
        raise table.wrong("name", "a short name of lower-case letters, digits, - and _")
    tries = table.integer("tries") if table.has("tries") else None
    if tries is not None and not 0 < tries <= MOST_TRIES:
        raise table.wrong("tries", f"a number from 1 to {MOST_TRIES}, or no key")
    entry = BootEntry(name, table.string("cmdline", ""), tries)
    table.end()
    return entry


def _name(table: Table, taken: set[str], kind: str = "") -> str:
    name = table.string("name")
    if not _NAME.fullmatch(name) and not (kind in RAID and _NUMBER.fullmatch(name)):
        raise table.wrong("name", "a short name of lower-case letters, digits, - and _")
    if name in taken:
        raise table.wrong("name", "a unique name among disks and layers")
    taken.add(name)
    return name


def _disks(top: Table) -> tuple[Disk, ...]:
    taken: set[str] = set()
    disks: list[Disk] = []
    for table in top.tables("disk"):
        names = _disk_names(table, taken)
        path_of = table.string("path_of", "")
        other = next((disk for disk in disks if disk.name == path_of and disk.bus == "scsi"), None)
        if path_of and other is None:
            raise table.wrong("path_of", 'the name of an earlier disk with bus = "scsi"')
        size = other.size if other is not None else table.size("size")
        if size is None:
            raise table.wrong("size", 'a size such as "96M"')
        arrives = table.optional_number("arrives")
        present = table.boolean("present", arrives is None)
        if present and arrives is not None:
            raise table.wrong("present", "false, or no `present`, for a disk that arrives later")
        bus = table.choice("bus", BUSES, "virtio" if other is None else "scsi")
        copy_of = table.string("copy_of", "")
        if copy_of and copy_of not in [disk.name for disk in disks]:
            raise table.wrong("copy_of", "the name of an earlier disk")
        image, announced = table.string("image", ""), table.number("announced", 0)
        rate = table.size("rate")
        disks += [
            Disk(name, size, present, arrives, bus, copy_of, image, path_of, announced, rate)
            for name in names
        ]
        table.end()
    return tuple(disks)


def _disk_names(table: Table, taken: set[str]) -> list[str]:
    """Return the disk's name, or with `count` several: lun-1, lun-2, …"""
    name = _name(table, taken)
    if not table.has("count"):
        return [name]
    count = table.integer("count")
    if not 1 < count <= MOST_DISKS:
        raise table.wrong("count", f"between 2 and {MOST_DISKS}")
    names = [f"{name}-{number}" for number in range(1, count + 1)]
    taken |= set(names)
    return names


def _layers(
    top: Table, disks: tuple[Disk, ...], files: tuple[tuple[str, str], ...]
) -> tuple[Layer, ...]:
    taken = {disk.name for disk in disks}
    free = {disk.name for disk in disks if not disk.path_of}  # no layer is on these yet
    groups: set[str] = set()
    layers: list[Layer] = []
    room = Room(disks)
    for table in top.tables("layer"):
        kind = table.choice("kind", KINDS)
        parts = _partitions(table, taken) if kind == "partitions" else ()
        # Partition tables and most file systems need no name, as no layer is on them.
        nameless = kind == "partitions" or kind in FILESYSTEMS
        name = "" if nameless and not table.has("name") else _name(table, taken, kind)
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
            holds=table.choice("holds", ("", "root", "usr"), ""),
            system=table.choice("system", ("", *SYSTEMS), ""),
            files=table.table("files").pairs(),
            programs=table.strings("programs"),
            datasets=datasets(table, files) if kind == ZFS else (),
            volumes=volumes(table, taken) if kind == ZFS else (),
            host_id=host_id(table),
            bootfs=table.string("bootfs", ""),
            profile=table.choice("profile", ZFS_PROFILES if kind == ZFS else PROFILES, ""),
            subvolume=table.string("subvolume", ""),
            default=table.boolean("default", False),
            header=_header(table, free, layers),
            argon2=_argon2(table),
            swapfile=table.size("swapfile"),
        )
        _check_layer(table, layer, files)
        files = (*files, *layer.files)
        table.end()
        room.take(table, layer)
        layers.append(layer)
        free |= {part.name for part in parts} if parts else {name} - {""}
        free |= {volume for volume, _ in layer.volumes}
        groups |= {layer.group} - {""}
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
                _name(part, taken),
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
    if layer.kind == ZFS:
        check_pool(table, layer)
    elif (layer.profile or layer.subvolume) and layer.kind != "btrfs":
        raise table.wrong("kind", "btrfs for a profile or a subvolume")
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


def _person(table: Table) -> Person:
    second = table.choice("console", ("first", "second"), "first") == "second"
    text, pace = table.string("type"), table.number("pace", 0)
    person = Person(read_cue(table), text, pace, second, table.string("name", ""))
    table.end()
    return person


def _expectation(table: Table, disks: tuple[Disk, ...]) -> Expectation:
    outcome = Outcome(table.choice("outcome", [each.value for each in Outcome][:-2]))
    facts = table.table("facts")
    expect = Expectation(
        outcome,
        table.number("within", 120),
        table.patterns("console"),
        table.patterns("never"),
        tuple((key, facts.pattern(key)) for key in facts.content),
        table.strings("unchanged"),
        table.patterns("second"),
    )
    table.end()
    if not set(expect.unchanged) <= {disk.name for disk in disks}:
        known = ", ".join(disk.name for disk in disks)
        raise table.wrong("unchanged", f"some of the disks {known}")
    if expect.facts and outcome is not Outcome.BOOTED:
        raise table.wrong("outcome", "booted, because only the real init reports facts")
    return expect
