"""What the engine leaves in /run, and what it tells the core of what is mounted."""

from initpy.core.actions import Record
from initpy.core.events import Mounted
from initpy.core.network.linkfiles import LinkFile
from initpy.core.settings import OtherCheck, Settings
from initpy.core.state.goals import SYSROOT
from initpy.simulation.kernel import mounts
from initpy.simulation.world.world import World

RUN = "/run/initpy"


def leave(world: World, action: Record) -> str:
    """Write a file; what there is to complain of, empty if it is there."""
    name, text, folder, _, secret = action
    if secret is not None:
        world.secrets[f"{folder}/{name}"] = bytes(secret.reveal())
        return ""
    if world.run_full:
        return f"cannot write {folder}/{name}: No space left on device"
    world.records[name if folder == RUN else f"{folder}/{name}"] = text
    about = name.partition(".")[2]  # an array, the UUID of its members, or of a container
    for block in world.blocks.values():
        known = block.known or {}
        if about and about in (block.name, known.get("ID_FS_UUID"), known.get("MD_UUID")):
            block.told = None
    return ""


def mounted(world: World, settings: Settings, target: str) -> tuple[Mounted, tuple[str, ...]]:
    """What is mounted there, with what root asks for; the lines that are not understood."""
    source = world.mounts[target].source
    if target != SYSROOT:
        return Mounted(target, source), ()
    wanted, problems = mounts.wanted_below(world, target, settings.listed_types)
    checks: tuple[OtherCheck, ...] = ()
    continues = False
    if settings.other_checks:
        checks = mounts.other_checks(world, target)
        continues = mounts.awaits_checks(world, target, settings.init)
    files: tuple[LinkFile, ...] = ()
    if settings.network is not None:
        files = mounts.link_files(world, target)
    event = Mounted(target, source, wanted, checks, continues, files)
    return event, tuple(str(each) for each in problems)
