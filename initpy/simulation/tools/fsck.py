"""Checking file systems: e2fsck(8) and its kin, with the exit statuses of fsck(8)."""

from initpy.simulation.kernel.hibernation import disturb
from initpy.simulation.kernel.process import Answer, Call, Exactly, Share, Work
from initpy.simulation.kernel.udev import Udev
from initpy.simulation.world.plans import FileSystem
from initpy.simulation.world.world import World

CLEAN_SECONDS, PASS_SECONDS = 0.2, 0.4
CORRECTED, UNCORRECTED, FAILED = 1, 4, 8
STEPS = 50  # in which a slow check tells how far it is
# How much is done when each of the five passes ends, as the runtime reckons.
PASSES = (0.7, 0.9, 0.93, 0.96, 1.0)


def check(world: World, _: Udev, call: Call) -> Work:
    """A file system without errors is left alone; `-a` and `-p` mend what is safe to mend."""
    yield CLEAN_SECONDS
    node = call.words[-1]
    block = world.at(node)
    system = block.place.content if block is not None and block.place is not None else None
    if block is None or not isinstance(system, FileSystem):
        return Answer(FAILED, complaints=f"{call.program}: No such file or directory while trying "
                      f"to open {node}")  # fmt: skip
    if world.used(block):
        return Answer(FAILED, complaints=f"{node} is in use.\ne2fsck: Cannot continue, aborting.")
    disturb(world, block)
    nothing = "-n" in call.words
    if not nothing:
        world.write(block, "its file system was checked")
    name = system.label or node
    if system.journal is not None and world.of(system.journal) is None:
        still = f"{name}: ********** WARNING: Filesystem still has errors **********"
        return Answer(FAILED | UNCORRECTED, f"{name}: Can't find external journal\n\n{still}\n")
    left = world.left(system)
    forced = "-f" in call.words
    if not left and not forced:
        return Answer(0, f"{name}: clean\n")
    for share in PASSES:
        yield PASS_SECONDS
        # The first pass reads the inodes.
        for step in range(STEPS if system.check and share == PASSES[0] else 0):
            yield Exactly(system.check / STEPS)
            yield Share(share * (step + 1) / STEPS)
        yield Share(share)
    if not block.present:
        return Answer(FAILED, complaints=f"{call.program}: Input/output error")
    if not left:
        return Answer(0, f"{name}: clean\n")
    if nothing and left == "errors":
        # A wrong number of free blocks does not make the file system invalid for e2fsck.
        return Answer(0, f"{name} was not cleanly unmounted, check forced.\nFix? no\n")
    if left == "spoilt" and "-y" not in call.words:
        unexpected = f"{name}: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY.\n"
        how = "\t(i.e., without -a or -p options)"
        output = f"{name}: Inode 12 (/lab) has invalid mode (0160755).\n"
        return Answer(UNCORRECTED, output, unexpected + how)
    world.repaired.add(system.uuid)
    return Answer(CORRECTED, f"{name}: FILE SYSTEM WAS MODIFIED\n")
