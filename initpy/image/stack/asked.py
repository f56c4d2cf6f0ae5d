"""Names the drivers that root's boot needs by its fstab and command lines, without a device."""

from collections.abc import Iterable, Iterator

from initpy.config.fstab import BIND, parse_root_mounts
from initpy.core.settings import Settings
from initpy.image.stack import buses
from initpy.image.stack.layers import Ask
from initpy.image.stack.system import System


def by_fstab(system: System, text: str) -> Iterator[Ask]:
    """Yield the drivers for what fstab assigns to the initramfs and has no device."""
    for each in parse_root_mounts(text):
        kinds = each.types if each.kind == "loop" else (each.kind,)
        if each.kind == "loop":
            yield buses.module_ask(system, ("loop",), f"loop device of {each.target}")
        for kind in kinds if each.kind not in BIND else ():
            yield buses.module_ask(
                system, (f"fs-{kind}", kind), f"{each.target}: file system {kind}"
            )


def by_command_lines(system: System, wishes: Iterable[Settings]) -> Iterator[Ask]:
    """Yield the drivers for what command lines do to root besides its mount."""
    if any(each.overlay is not None for each in wishes):
        names = ("fs-overlay", "overlay")
        yield buses.module_ask(system, names, "file system overlay of the command line")
