"""Random file systems of the machine's fstab that are checked while root is awaited (R19).

Drawn from a generator of its own, so that worlds without one stay what they are.
"""

import random
from dataclasses import replace

from initpy.scenario.acts import Cue, Deed, Fault, Tool, Way
from initpy.scenario.model import FSTAB, Disk, Layer, Scenario

SHARE = 0.25  # of the worlds
SIZE = 64 << 20
KINDS = ("ext4", "ext4", "ext4", "ext3", "vfat", "xfs")
RATES = (None, 64 << 10, 64 << 10, 1 << 20)  # bytes per second
INODES = 20_000
PASSES = (0, 1, 2, 2, 2)
WORDS = ("fsck.mode=force", "fsck.mode=skip", "fsck.repair=no", "fsck.repair=yes")
TIMES = (0.0, 0.5, 2.0, 12.0, 33.0)


def with_other_checks(number: int, scenario: Scenario) -> Scenario:
    """The world of that number, perhaps with /home and /srv that fstab has checked."""
    chance = random.Random(f"other checks {number}")
    if chance.random() >= SHARE:
        return scenario
    lines, own = [], []
    for name in ("home", "srv")[: chance.choice((1, 1, 2))]:
        scenario = _with_disk(chance, scenario, f"other-{name}", name)
        line = f"LABEL={name} /{name} auto defaults 0"
        lines.append(f"{line} {chance.choice(PASSES)}")
        changed = f"{line},nofail {chance.choice(PASSES)}".replace(" 0,nofail", ",nofail 0")
        own += chance.choices(([lines[-1]], [], [changed]), (70, 15, 15))[0]
    scenario = _with_root(chance, scenario, "".join(f"{each}\n" for each in own))
    files = (*scenario.files, (FSTAB, "".join(f"{each}\n" for each in lines)))
    words = [each for each in WORDS if chance.random() < 0.1]
    return replace(scenario, files=files, cmdline=" ".join((scenario.cmdline, *words)))


def _with_disk(chance: random.Random, scenario: Scenario, disk: str, label: str) -> Scenario:
    """Add a disk with a file system, which may be slow, left with errors, copied, late, pulled."""
    kind, rate = chance.choice(KINDS), chance.choice(RATES)
    ext = kind.startswith("ext")
    left = chance.choices(("", "errors", "spoilt"), (50, 35, 15))[0] if ext else ""
    arrives = chance.choice(TIMES) or None
    new = [Disk(disk, SIZE, arrives is None, arrives, rate=rate)]
    if chance.random() < 0.15:
        new.append(Disk(f"{disk}-copy", SIZE, copy_of=disk))
    inodes = INODES if ext and rate is not None else 0
    layer = Layer(kind, "", (disk,), label=label, left=left, inodes=inodes)
    scenario = replace(scenario, disks=(*scenario.disks, *new), layers=(*scenario.layers, layer))
    if chance.random() < 0.15:
        at = (arrives or 0.0) + chance.choice((1.0, 5.0, 20.0))
        pulled = Fault(Cue(at=at), Deed.UNPLUG, disk)
        back = Fault(Cue(at=at + chance.choice((3.0, 40.0))), Deed.PLUG, disk)
        scenario = replace(scenario, faults=(*scenario.faults, pulled, back))
    if chance.random() < 0.2:
        way = chance.choice((Way.FAILS, Way.HANGS, Way.KILLED, Way.RESTART, Way.MUTE))
        program = "e2fsck" if ext else f"fsck.{kind}"
        scenario = replace(scenario, tools=(*scenario.tools, Tool(program, way, 1)))
    return scenario


def _with_root(chance: random.Random, scenario: Scenario, table: str) -> Scenario:
    """Give the root an fstab, and perhaps systemd."""
    system = chance.choice(("debian-12", ""))
    layers = tuple(
        replace(each, files=(*each.files, (FSTAB, table)), system=system)
        if each.holds == "root"
        else each
        for each in scenario.layers
    )
    return replace(scenario, layers=layers)
