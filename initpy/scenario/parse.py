"""Reads a scenario file, and rejects wrong types, unknown names and contradictions."""

import re
from pathlib import Path

from initpy.config.project import PROJECT
from initpy.scenario.acts import Person
from initpy.scenario.hibernation import hibernating
from initpy.scenario.ibft import read_firmware
from initpy.scenario.layers import SHORT_NAME, read_layers, read_name
from initpy.scenario.model import (
    AGAIN,
    ESP_TYPE,
    OWN_JOBS,
    SHUTDOWNS,
    SWAPFILE,
    BootEntry,
    Disk,
    Expectation,
    Loader,
    MachineKind,
    Outcome,
    Scenario,
    Variant,
)
from initpy.scenario.network import read_network
from initpy.scenario.reader import Table, read_table
from initpy.scenario.shares import read_shares
from initpy.scenario.trouble import (
    read_chance,
    read_cue,
    read_damage,
    read_fault,
    read_limits,
    read_syscall,
    read_tool,
)

BUSES = ("virtio", "scsi", "nvme", "ahci", "usb", "megasas", "cdrom")
FIRMWARE = ("none", "uefi")
COMPRESSIONS = ("", "zstd", "gzip", "xz", "lz4", "none")
PATHS = ("scsi", "virtio")  # buses of disks with several paths; virtio: only with a server
LEAST_MEMORY = 64  # MiB, far too little to boot
MOST_BOOTS = MOST_TRIES = 9
MOST_DISKS = 250  # per table; the number of targets of a SCSI host
EXTRA_JOBS = PROJECT / "jobs" / "extra"
# Recorded systems of some scenarios, from their machines.
STACKS = PROJECT / "tests" / "unit" / "image" / "stacks"
_IMAGE_TABLE = re.compile(r"^\[image\]", re.MULTILINE)
_HOST_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # hostname(7), HOST_NAME_MAX


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
    layers = read_layers(top, disks, files)
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
    shares = read_shares(top, disks, servers)
    people = tuple(_person(table) for table in top.tables("person"))
    names = [each.name for each in nics], [each.name for each in servers]
    ibft, nbft = (
        read_firmware(top, kind, names[0], [each.name for each in servers if each.kind == protocol])
        for kind, protocol in (("ibft", "iscsi"), ("nbft", "nvme"))
    )
    served = {name for each in servers for name in each.serves} | {each.disk for each in shares}
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
        entries, loader, boots, shutdown, step_timeout, again, ibft, shares, nbft,
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
    if not SHORT_NAME.fullmatch(name):
        raise table.wrong("name", "a short name of lower-case letters, digits, - and _")
    tries = table.integer("tries") if table.has("tries") else None
    if tries is not None and not 0 < tries <= MOST_TRIES:
        raise table.wrong("tries", f"a number from 1 to {MOST_TRIES}, or no key")
    entry = BootEntry(name, table.string("cmdline", ""), tries)
    table.end()
    return entry


def _disks(top: Table) -> tuple[Disk, ...]:
    taken: set[str] = set()
    disks: list[Disk] = []
    for table in top.tables("disk"):
        names = _disk_names(table, taken)
        path_of = table.string("path_of", "")
        other = next((disk for disk in disks if disk.name == path_of and disk.bus in PATHS), None)
        if path_of and other is None:
            what = 'the name of an earlier disk with bus = "scsi", or that an iSCSI server has'
            raise table.wrong("path_of", what)
        size = other.size if other is not None else table.size("size")
        if size is None:
            raise table.wrong("size", 'a size such as "96M"')
        arrives = table.optional_number("arrives")
        present = table.boolean("present", arrives is None)
        if present and arrives is not None:
            raise table.wrong("present", "false, or no `present`, for a disk that arrives later")
        bus = table.choice("bus", BUSES, "virtio" if other is None else other.bus)
        copy_of = table.string("copy_of", "")
        if copy_of and copy_of not in [disk.name for disk in disks]:
            raise table.wrong("copy_of", "the name of an earlier disk")
        image, announced = table.string("image", ""), table.number("announced", 0)
        rate, hangs = table.size("rate"), table.boolean("hangs", False)
        disks += [
            Disk(name, size, present, arrives, bus, copy_of, image, path_of, announced, rate, hangs)
            for name in names
        ]
        table.end()
    return tuple(disks)


def _disk_names(table: Table, taken: set[str]) -> list[str]:
    """Return the disk's name, or with `count` several: lun-1, lun-2, …"""
    name = read_name(table, taken)
    if not table.has("count"):
        return [name]
    count = table.integer("count")
    if not 1 < count <= MOST_DISKS:
        raise table.wrong("count", f"between 2 and {MOST_DISKS}")
    names = [f"{name}-{number}" for number in range(1, count + 1)]
    taken |= set(names)
    return names


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
