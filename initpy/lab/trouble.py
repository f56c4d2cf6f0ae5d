"""What goes wrong in a scenario, read from its file: faults and damaged disks."""

from initpy.lab.damage import PLACES, pattern_bytes
from initpy.lab.reader import Table
from initpy.lab.scenario import Cue, Damage, Deed, Disk, Fault


def read_cue(table: Table) -> Cue:
    """When something is done."""
    at = table.optional_number("at")
    when = table.pattern("when") if table.has("when") else None
    after = table.number("after", 0)
    if (at is None) == (when is None):
        raise table.wrong("when", "either `when` (a text on the console) or `at` (seconds)")
    if at is not None and after:
        raise table.wrong("after", "no `after` beside `at`")
    return Cue(at, when, after)


def read_fault(table: Table, disks: tuple[Disk, ...]) -> Fault:
    """One table [[fault]]."""
    cue = read_cue(table)
    words = table.string("do").split()
    names = [disk.name for disk in disks]
    if words == [Deed.KILL_ENGINE]:
        fault = Fault(cue, Deed.KILL_ENGINE)
    elif len(words) == 2 and words[0] in (Deed.PLUG, Deed.UNPLUG) and words[1] in names:
        fault = Fault(cue, Deed(words[0]), words[1])
    else:
        known = ", ".join(names)
        raise table.wrong("do", f"kill-engine, or plug or unplug with one of the disks {known}")
    table.end()
    return fault


def read_damage(table: Table, disks: tuple[Disk, ...]) -> Damage:
    """One table [[damage]]."""
    disk = _disk_name(table, "disk", disks)
    named = isinstance(table.content.get("at"), str)
    at = PLACES[table.choice("at", tuple(PLACES))] if named else table.integer("at")
    if not -disk.size <= at < disk.size:
        raise table.wrong("at", f"a place on the disk, which has {disk.size} bytes")
    kinds = [key for key in ("bytes", "zero", "random") if table.has(key)]
    if len(kinds) != 1:
        raise table.wrong("bytes", "one of `bytes` (hexadecimal), `zero` or `random` (a size)")
    if kinds == ["bytes"]:
        try:
            data = bytes.fromhex(table.string("bytes"))
        except ValueError:
            raise table.wrong("bytes", 'hexadecimal digits such as "de ad be ef"') from None
    else:
        data = pattern_bytes(kinds[0], table.size(kinds[0]) or 0)
    room = disk.size - at if at >= 0 else -at
    if not 0 < len(data) <= room:
        raise table.wrong(kinds[0], f"between 1 and {room} bytes, the rest of the disk")
    table.end()
    return Damage(disk.name, at, data)


def _disk_name(table: Table, key: str, disks: tuple[Disk, ...]) -> Disk:
    name = table.string(key)
    for disk in disks:
        if disk.name == name:
            return disk
    known = ", ".join(disk.name for disk in disks)
    raise table.wrong(key, f"one of the disks {known}")
