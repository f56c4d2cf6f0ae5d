"""A part of an image's content that a worker thread collects."""

from dataclasses import dataclass

from initpy.image.kernel import kmod
from initpy.image.missing import Missing
from initpy.image.tree import Entry


@dataclass(frozen=True, slots=True)
class Part:
    """Entries, missing items, and what later steps need to know of them."""

    entries: dict[str, Entry]
    missing: tuple[Missing, ...]
    checked: tuple[str, ...] = ()  # Python modules to import in the trial
    opened: tuple[tuple[str, str], ...] = ()  # (library, module that opens it by name)
    absent_firmware: tuple[tuple[str, str], ...] = ()
    absent_drivers: tuple[kmod.Want, ...] = ()
    wanted: tuple[kmod.Want, ...] = ()
    warnings: tuple[str, ...] = ()
