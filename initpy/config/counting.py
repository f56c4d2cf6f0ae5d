"""What the boot loader says of the tries that its entry has left (R25)."""

import re

from initpy.config.commandline import Parameter
from initpy.config.errors import InputError
from initpy.core.settings import Counting

PARAMETER = "initpy.tries="
# Set by systemd-boot(7): the path of the entry that it has booted, as it has renamed it.
VARIABLE = "LoaderBootCountPath"
# "Boot Counting" in the Boot Loader Specification: the name ends so, before its suffix.
_COUNTERS = re.compile(r"\+([0-9]{1,9})(?:-([0-9]{1,9}))?(?:\.[^.]*)?")


def tries(parameter: Parameter) -> Counting | None:
    """Return what the command line says; None if the boot is not counted. Raises InputError.

    GRUB expands a variable there, which may be unset, or negative: then nothing is counted.
    """
    said = parameter.value or ""
    if said in ("", "no") or (said.startswith("-") and said[1:].isdecimal()):
        return None
    if not (said.isascii() and said.isdecimal()):
        raise parameter.error("the number of tries left, or no")
    return Counting(int(said), by=f"{PARAMETER}{said}")


def counted(path: str) -> Counting:
    """Return what the path of an entry says (`LoaderBootCountPath`). Raises InputError."""
    name = path.replace("\\", "/").rpartition("/")[2]
    found = _COUNTERS.search(name)
    if found is None or found.end() != len(name):
        expected = "the path of an entry with counters, such as name+2-1.conf"
        raise InputError(f"the firmware's variable {VARIABLE}", path[:200], expected)
    done = None if found[2] is None else int(found[2])
    return Counting(int(found[1]), done, f"{VARIABLE}, {path[:200]}")


def uncertain() -> Counting:
    """Return what holds if the variable is there and cannot be understood."""
    return Counting(None, by=VARIABLE)
