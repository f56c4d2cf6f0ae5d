"""Judges parameters of the kernel that keep it from a device of the root, or from memory.

kernel-parameters.txt. What the running system has been booted with leads to its root.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from initpy.config.assignments import environment
from initpy.config.commandline import FALSE, parse
from initpy.config.timespan import seconds_of
from initpy.image.check.proof import Row, Verdict
from initpy.image.formats.archive import Archive
from initpy.image.stack.keyboards import only_for_keyboards
from initpy.image.stack.layers import Kind, Stack
from initpy.image.tree import File

TITLE = "the command line"
SIZE = re.compile(r"(0x[0-9a-f]+|[0-9]+)([kmgt]?)", re.IGNORECASE)  # memparse()
UNITS = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}
MEMORY = "mem"
BESIDES = 64 << 20  # bytes that kernel, engine and tools take


def _on(value: str | None) -> bool:
    return (value or "1").lower() not in FALSE


@dataclass(frozen=True, slots=True)
class Hazard:
    """A parameter, the values that count, the bus that it concerns (any: ""), what it does."""

    key: str
    counts: Callable[[str | None], bool]
    bus: str
    verdict: Verdict
    effect: str


HAZARDS = (
    Hazard("nousb", lambda _: True, "usb", Verdict.MISSING, "leaves out all of USB"),
    Hazard("usbcore.nousb", _on, "usb", Verdict.MISSING, "leaves out all of USB"),
    Hazard("usbcore.authorized_default", lambda value: value == "0", "usb", Verdict.MISSING,
           "lets no driver use devices at USB"),
    Hazard("usbcore.authorized_default", lambda value: value == "2", "usb", Verdict.UNKNOWN,
           "lets drivers use devices at USB inside the machine only"),
    Hazard("usb_storage.quirks", lambda value: re.search(r":[^:,]*i", value or "") is not None,
           "usb", Verdict.UNKNOWN, "leaves out a disk at USB"),
    Hazard("scsi_mod.scan", lambda value: value in ("none", "manual"), "scsi", Verdict.MISSING,
           "has the kernel look for no SCSI disks"),
    Hazard("libata.force", lambda value: "disable" in (value or ""), "scsi", Verdict.UNKNOWN,
           "leaves out a port or a disk"),
    Hazard("pci", lambda value: "off" in (value or "").split(","), "pci", Verdict.MISSING,
           "leaves out all of PCI"),
    Hazard("acpi", lambda value: value == "off", "", Verdict.UNKNOWN,
           "may leave out buses of this machine"),
    Hazard("initcall_blacklist", bool, "", Verdict.UNKNOWN, "leaves out the start of a driver"),
    Hazard("noapic", lambda _: True, "", Verdict.UNKNOWN, "may keep drivers from interrupts"),
)  # fmt: skip
UDEV_CONF = "/etc/udev/udev.conf"
OF_UDEVD = DELAY, LIMIT = "udev.exec_delay", "udev.event_timeout"
SHORTEST = 10  # seconds, within which most drivers are loaded


def rows(text: str, stack: Stack, archive: Archive) -> Iterator[Row]:
    """Yield a row for each such parameter of a command line."""
    said = _said(text)
    running = _said(stack.cmdline)
    for_users = only_for_keyboards(stack)
    buses = {
        layer.name.partition(" ")[0]
        for layer in stack.layers
        if layer.kind is Kind.BUS and layer.identity not in for_users
    }
    for each in HAZARDS:
        if each.key not in said or not each.counts(said[each.key]):
            continue
        value = said[each.key]
        if (each.bus and each.bus not in buses) or (
            each.key in running and running[each.key] == value
        ):
            continue
        shown = each.key if value is None else f"{each.key}={value}"
        what = f"a device of root is on {each.bus}" if each.bus else "root's may be among them"
        reason = f"{shown} {each.effect}, and {what}: remove it"
        if each.verdict is Verdict.UNKNOWN:
            reason = f"cannot know: {reason}, or boot with it once"
        yield Row(TITLE, each.key, each.verdict, reason)
    if (size := _bytes(said.get(MEMORY))) is not None:
        yield from _memory(size, archive)
    keys = (*OF_UDEVD, *(f"rd.{each}" for each in OF_UDEVD))
    yield from _udevd(TITLE, ((key, said.get(key)) for key in keys))
    entry = archive.get(UDEV_CONF)
    text = entry.read().decode("utf-8", "replace") if isinstance(entry, File) else ""
    named = {f"udev.{key}": value for key, value in environment(text)}
    yield from _udevd(UDEV_CONF, named.items())


def _udevd(title: str, given: Iterable[tuple[str, str | None]]) -> Iterator[Row]:
    """Judge what makes udevd wait too long, or not long enough (udev.conf(5))."""
    for key, value in given:
        number = seconds_of(value) if value else None
        slow = key.endswith(DELAY) and bool(number)
        if slow or (key.endswith(LIMIT) and number is not None and number < SHORTEST):
            what = "has udevd wait before each event" if slow else "has udevd end long events"
            yield Row(title, key, Verdict.WARNING, f"{key}={value} {what}: root may not appear")


def _said(text: str) -> dict[str, str | None]:
    """Return the last value of each parameter; the kernel takes `-` for `_` in its own names."""
    return {
        each.key if each.key.startswith("rd.") else each.key.replace("-", "_"): each.value
        for each in parse(text).parameters
    }


def _bytes(value: str | None) -> int | None:
    found = SIZE.match(value or "")
    if found is None:
        return None
    number = int(found[1], 16) if found[1].lower().startswith("0x") else int(found[1])
    return number << UNITS[found[2].lower()]


def _memory(size: int, archive: Archive) -> Iterator[Row]:
    """Judge the memory that mem= leaves by the image, which lies there packed and unpacked."""
    files = sum(each.size() for each in archive.entries.values() if isinstance(each, File))
    needed = archive.size + files
    reason = f"the image takes {needed >> 20} MB while it is unpacked, and mem= leaves {size >> 20}"
    if size < needed:
        yield Row(TITLE, "mem=", Verdict.MISSING, f"{reason}: remove it")
    elif size < needed + BESIDES:
        yield Row(TITLE, "mem=", Verdict.WARNING, f"{reason}: it may not do")
