"""Reads what goes wrong in a scenario: faults, misbehaving tools, damaged disks, failing calls."""

from collections.abc import Sequence

from initpy.scenario.acts import CHANCES, Cue, Damage, Deed, Fault, Syscall, SystemCall, Tool, Way
from initpy.scenario.model import Disk
from initpy.scenario.places import PLACES, pattern_bytes
from initpy.scenario.reader import Table


def read_cue(table: Table) -> Cue:
    """Read the keys `at`, `when` and `after`."""
    at = table.optional_number("at")
    when = table.pattern("when") if table.has("when") else None
    after = table.number("after", 0)
    if (at is None) == (when is None):
        raise table.wrong("when", "either `when` (a text on the console) or `at` (seconds)")
    if at is not None and after:
        raise table.wrong("after", "no `after` beside `at`")
    return Cue(at, when, after)


# The argument of each deed that needs one.
_DISK, _NIC, _SERVER = "a disk", "a network card", "a server"
_ARGUMENTS: dict[Deed, tuple[str, ...] | str] = {
    Deed.PLUG: _DISK,
    Deed.UNPLUG: _DISK,
    Deed.STORM: _DISK,
    Deed.FREEZE: _DISK,
    Deed.REREAD: _DISK,
    Deed.THAW: _DISK,
    Deed.SIGNAL_INIT: ("TERM", "INT", "PWR", "HUP", "USR1"),
    Deed.CARRIER_ON: _NIC,
    Deed.CARRIER_OFF: _NIC,
    Deed.SERVER_UP: _SERVER,
    Deed.SERVER_DOWN: _SERVER,
}


def read_fault(
    table: Table, disks: tuple[Disk, ...], nics: Sequence[str], servers: Sequence[str]
) -> Fault:
    """Read a table [[fault]]; `nics` and `servers` are the known names."""
    cue = read_cue(table)
    word, _, argument = table.string("do").partition(" ")
    if word not in list(Deed):
        raise table.wrong("do", "one of " + ", ".join(Deed))
    deed = Deed(word)
    takes = _ARGUMENTS.get(deed, ("",))
    named = {_DISK: [disk.name for disk in disks], _NIC: nics, _SERVER: servers}
    choices = named[takes] if isinstance(takes, str) else takes
    if argument not in choices:
        what = f"{word} with one of {', '.join(choices)}" if any(choices) else f"just {word}"
        if isinstance(takes, str) and not choices:
            what = f"{word} only in a scenario with {takes}"
        raise table.wrong("do", what)
    table.end()
    return Fault(cue, deed, argument)


def read_tool(table: Table) -> Tool:
    """Read a table [[tool]]."""
    program = table.string("program")
    arguments = table.string("with", "")
    given = [way for way in Way if table.has(way)]
    if len(given) != 1:
        raise table.wrong("fails", "one of " + ", ".join(f"`{way}`" for way in Way))
    times = table.integer(given[0])
    if times < 1:
        raise table.wrong(given[0], "how many times, 1 or more")
    ends = table.optional_number("ends")
    if ends is not None and given[0] is not Way.UNKILLABLE:
        raise table.wrong("ends", "`unkillable` beside it")
    table.end()
    return Tool(program, given[0], times, arguments, ends)


def read_syscall(table: Table) -> Syscall:
    """Read a table [[syscall]]."""
    call = SystemCall(table.choice("call", list(SystemCall)))
    fails, skip = table.integer("fails"), int(table.number("skip", 0))
    if fails < 1:
        raise table.wrong("fails", "how many times, 1 or more")
    table.end()
    return Syscall(call, fails, skip)


def read_limits(table: Table) -> tuple[tuple[str, float], ...]:
    """Read the table [limits]."""
    return tuple((name, table.number(name)) for name in table.content)


def read_chance(table: Table) -> tuple[tuple[str, float], ...]:
    """Read the table [simulation], which the lab ignores."""
    for name in table.content:
        if name not in CHANCES:
            raise table.wrong(name, "one of the keys " + ", ".join(CHANCES))
        whole = name in ("seed", "crash-after")
        if whole and not table.number(name).is_integer():
            raise table.wrong(name, "a whole number")
        if not whole and table.number(name) > 1:
            raise table.wrong(name, "a probability, 0 to 1")
    return tuple((name, table.number(name)) for name in table.content)


def read_damage(table: Table, disks: tuple[Disk, ...]) -> Damage:
    """Read a table [[damage]]."""
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
