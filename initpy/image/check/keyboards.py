"""Checks whether a user can type where a passphrase will be asked for (R37)."""

from collections.abc import Iterator

from initpy.config.commandline import parse
from initpy.config.keyboard import (
    CONSOLE,
    DEFAULT,
    ENDING,
    FOLDER,
    KERNELS,
    RECORD,
    XKB,
    Layout,
    layout_of,
)
from initpy.core.settings import Settings
from initpy.image.check.drivers import Drivers
from initpy.image.check.keyfiles import AGAIN
from initpy.image.check.machine import Machine, nothing
from initpy.image.check.proof import Row, Verdict
from initpy.image.formats.archive import Archive
from initpy.image.stack.keyboards import serving
from initpy.image.stack.layers import Stack
from initpy.image.tree import File

TITLE = "the keyboard"
# It drives what has a driver of its own, too, while that one is missing (hid-generic.c).
GENERIC, HID = "hid_generic", "hid "
# The kernel's number of Bluetooth begins the name of a device (BUS_BLUETOOTH, input.h).
BLUETOOTH = "hid 0005:"
SERIAL = ("ttyS", "ttyAMA", "hvc", "ttyUSB", "ttyO", "ttymxc", "ttySAC", "sclp", "xvc")


def layout(
    archive: Archive, settings: Settings, machine: Machine = nothing, *, asked: bool = False
) -> Iterator[Row]:
    """Yield a row about the layout of the prompts, unless it is the kernel's.

    `asked`: the boot asks for a passphrase, which the machine's user types as on the machine now.
    """
    name = settings.keymap
    if name and name not in KERNELS and f"{FOLDER}/{name}{ENDING}" not in archive:
        reason = (
            f"the command line asks for {name}, and the image has no such keymap: passphrases are "
            "typed in another layout. Name it in `keymaps` of its configuration"
        )
        yield Row(TITLE, "layout", Verdict.WARNING, reason)
    elif not name and asked and (reason := _other_now(archive, machine)):
        yield Row(TITLE, "layout", Verdict.WARNING, f"{reason}; {AGAIN}")
    elif name or DEFAULT in archive:
        yield Row(TITLE, "layout", Verdict.OK, name or "the machine's own")


def _other_now(archive: Archive, machine: Machine) -> str:
    """Return how the machine's layout differs from that of the image; "" if it does not."""
    texts = {path: machine(path) for path in (CONSOLE, XKB)}
    if all(each is None for each in texts.values()):
        return ""
    now = layout_of({path: (each or b"").decode("utf-8", "replace")
                     for path, each in texts.items()})  # fmt: skip
    record = archive.get(RECORD)
    if isinstance(record, File):
        if record.read().decode("utf-8", "replace").strip() != now.record:
            return _changed(now)
        return "" if DEFAULT in archive else _changed(now)  # it could not be made
    return _changed(now) if now.is_kernels == (DEFAULT in archive) else ""


def _changed(now: Layout) -> str:
    return (
        f"the keyboard of this machine is set to {str(now) or 'us'} now, and the image has another "
        "layout: passphrases are typed in that one"
    )


def rows(stack: Stack, drivers: Drivers, cmdline: str, *, asked: bool) -> Iterator[Row]:
    """Yield a row for each keyboard, and one if none works. `asked`: the boot needs an answer."""
    works = False
    generic = drivers.loads(GENERIC)
    for name, layers in serving(stack).items():
        lacks = [
            row
            for layer in layers
            if not (generic and layer.name.startswith(HID))
            for row in drivers.rows(layer)
            if row.verdict in (Verdict.MISSING, Verdict.UNKNOWN)
        ]
        if any(layer.name.startswith(BLUETOOTH) for layer in layers):
            reason = (
                "it is connected by Bluetooth, which only the real system sets up: passphrases "
                "are typed on another keyboard, or on this one at a cable or a receiver for USB"
            )
            yield Row(TITLE, name, Verdict.WARNING, reason)
            continue
        works = works or all(row.verdict is Verdict.UNKNOWN for row in lacks)
        reason = lacks[0].reason if lacks else "its drivers, down to the bus, are in the image"
        yield Row(TITLE, name, Verdict.WARNING if lacks else Verdict.OK, reason)
    if not serving(stack) or works or not asked:
        return
    consoles = [each.value or "" for each in parse(cmdline).parameters if each.key == "console"]
    serial = next((each for each in consoles if each.startswith(SERIAL)), "")
    if serial:
        reason = f"no keyboard works, but the passphrase may be typed on {serial.split(',')[0]}"
        yield Row(TITLE, "typing a passphrase", Verdict.WARNING, reason)
    else:
        reason = "no keyboard of this machine works in the image, and a passphrase is asked for"
        yield Row(TITLE, "typing a passphrase", Verdict.MISSING, reason)
