"""Judges modules of an image that the machine has in another build now, for the same release.

An update of the kernel's package may keep the release, and dkms builds its modules again. The
image then has modules of before, which the kernel of now may refuse: their symbols have other
checksums, or their signature is by a key of the other build (kernel/module/main.c).
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from initpy.image.check.keyfiles import AGAIN
from initpy.image.check.proof import Row, Verdict
from initpy.image.formats.modinfo import DamagedModuleError
from initpy.image.kernel.moduletree import ModuleTree

NEED = "builds of modules"


def rows(layer: str, names: Iterable[str], image: ModuleTree, kernel: ModuleTree) -> Iterator[Row]:
    """Yield a row for each kind of difference, with the first of these modules that has it."""
    found: dict[Verdict, list[tuple[str, str]]] = {}
    for name in sorted(names):
        with suppress(DamagedModuleError, KeyError, OSError):
            if image.content(name) == kernel.content(name):
                continue
            mine, theirs = image.build(name), kernel.build(name)
            if not mine.is_other(theirs):
                continue
            symbol = mine.disagreeing(theirs)
            if mine.vermagic != theirs.vermagic and mine.vermagic and theirs.vermagic:
                said = f"the kernel takes modules for {theirs.vermagic!r}"
                found.setdefault(Verdict.MISSING, []).append((name, said))
            elif symbol and mine.in_tree:
                said = f"they disagree about the kernel's {symbol}, so that it is refused"
                found.setdefault(Verdict.MISSING, []).append((name, said))
            elif mine.in_tree:
                said = "cannot know whether the kernel of now takes it (signature, symbols)"
                found.setdefault(Verdict.UNKNOWN, []).append((name, said))
            else:
                said = "the image has the module of before"
                found.setdefault(Verdict.WARNING, []).append((name, said))
    for verdict, modules in found.items():
        name, said = modules[0]
        others = f", and {len(modules) - 1} more" if len(modules) > 1 else ""
        reason = f"the machine has another build of {name}{others}: {said}; {AGAIN}"
        yield Row(layer, NEED, verdict, reason, name)
