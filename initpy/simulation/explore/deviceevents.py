"""Random events of devices: names that go to others, partitions read anew, workers that die, stops.

What a kernel and udevd do to those who listen, beside what `adverse` has. Drawn from a generator of
its own, so that worlds without them stay what they are.
"""

import random
from collections.abc import Callable
from dataclasses import replace

from initpy.scenario.acts import Cue, Deed, Fault
from initpy.scenario.model import Disk, Layer, Scenario
from initpy.simulation.explore.stacks import MEBI

SHARE = 0.15  # of the worlds
TIMES = (1.2, 1.6, 2.0, 3.0, 5.0, 12.0, 33.0)
STRANGER = "stranger"


def with_device_events(number: int, scenario: Scenario) -> Scenario:
    """The world of that number, perhaps with such events."""
    chance = random.Random(f"device events {number}")
    if chance.random() >= SHARE:
        return scenario
    return chance.choice(KINDS)(chance, scenario)


def _own(scenario: Scenario) -> list[Disk]:
    """The disks of the machine that nothing else is done to."""
    handled = {fault.argument for fault in scenario.faults}
    served = {name for server in scenario.servers for name in server.serves}
    own = (each for each in scenario.disks if not each.image)
    return [each for each in own if each.name not in handled | served]


def _with(scenario: Scenario, *faults: tuple[float, Deed, str]) -> Scenario:
    more = (Fault(Cue(at=at), deed, argument) for at, deed, argument in faults)
    return replace(scenario, faults=(*scenario.faults, *more))


def _another_of_that_name(chance: random.Random, scenario: Scenario) -> Scenario:
    """A disk is swapped for another one, which gets its name if that is free; and back again."""
    disks = [each for each in _own(scenario) if each.present and each.bus == "virtio"]
    if not disks:
        return scenario
    disk, at = chance.choice(disks).name, chance.choice(TIMES)
    stranger = Disk(STRANGER, 64 * MEBI, present=False)
    content = Layer("ext4", "", (STRANGER,), label=STRANGER)
    layers = (*scenario.layers, content) if chance.random() < 0.5 else scenario.layers
    scenario = replace(scenario, disks=(*scenario.disks, stranger), layers=layers)
    pause = chance.choice((0.0, 0.0, 0.05, 1.0))
    back = at + chance.choice((0.3, 4.0, 20.0))
    return _with(
        scenario,
        (at, Deed.UNPLUG, disk), (at + pause, Deed.PLUG, STRANGER),
        (back, Deed.UNPLUG, STRANGER), (back + pause, Deed.PLUG, disk),
    )  # fmt: skip


def _reread(chance: random.Random, scenario: Scenario) -> Scenario:
    """The partitions of a disk go and come again, as udevd has them read after a write."""
    own = {each.name for each in _own(scenario)}
    on = [name for each in scenario.layers if each.kind == "partitions" for name in each.on]
    disks = sorted(own & {*on})
    if not disks:
        return scenario
    times = [chance.choice(TIMES) for _ in range(chance.choice((1, 2, 4)))]
    return _with(scenario, *((at, Deed.REREAD, chance.choice(disks)) for at in times))


def _workers_killed(chance: random.Random, scenario: Scenario) -> Scenario:
    """Workers of udevd die: it announces the devices that they had without any property."""
    times = [chance.choice((0.5, *TIMES)) for _ in range(chance.choice((1, 2, 3)))]
    return _with(scenario, *((at, Deed.KILL_UDEV_WORKERS, "") for at in times))


def _stutters(chance: random.Random, scenario: Scenario) -> Scenario:
    """A disk answers, and then does not for some seconds, again and again: it is slow, or reset."""
    disks = [each.name for each in _own(scenario) if each.present]
    if not disks:
        return scenario
    disk, at = chance.choice(disks), chance.choice(TIMES)
    for _ in range(chance.choice((2, 4, 6))):
        pause = chance.choice((0.5, 3.0, 8.0))
        scenario = _with(scenario, (at, Deed.FREEZE, disk), (at + pause, Deed.THAW, disk))
        at += pause + chance.choice((0.2, 1.0, 4.0))
    return scenario


KINDS: tuple[Callable[[random.Random, Scenario], Scenario], ...] = (
    _another_of_that_name, _reread, _workers_killed, _stutters,
)  # fmt: skip
