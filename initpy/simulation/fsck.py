"""e2fsck(8): what it finds on a file system that a scenario has left with errors, and mends."""

from initpy.simulation.plans import FileSystem
from initpy.simulation.process import Answer, Call, Work
from initpy.simulation.udev import Udev
from initpy.simulation.world import World

CLEAN_SECONDS, FULL_SECONDS = 0.1, 0.8
CORRECTED, UNCORRECTED, NOT_MADE = 1, 4, 8


def e2fsck(world: World, _: Udev, call: Call) -> Work:
    """-a corrects what costs nothing, -y everything, -n nothing; a clean one is passed over."""
    *words, node = call.words[1:]
    yield CLEAN_SECONDS
    block = world.at(node)
    system = block.place.content if block is not None and block.place is not None else None
    if block is None or not isinstance(system, FileSystem) or not system.kind.startswith("ext"):
        return Answer(NOT_MADE, complaints=f"e2fsck: Bad magic number while opening {node}")
    left = "" if system.on[0].name in world.mended else system.left
    if not left and "-f" not in words:
        return Answer(0, f"{node}: clean\n")
    yield FULL_SECONDS
    if left == "spoilt" and "-y" not in words:
        found = f"{node}: Inode 12 (/spoilt) has invalid mode (00).\n"
        told = f"{node}: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY."
        return Answer(UNCORRECTED, found, told)
    if left and "-n" in words:
        return Answer(UNCORRECTED, f"{node}: ********** WARNING: Filesystem still has errors\n")
    world.mended.add(system.on[0].name)
    return Answer(CORRECTED if left else 0, f"{node}: 12/16384 files, 9513/65536 blocks\n")
