"""Make a failing world as small as it gets while it still fails in the same way.

Delta debugging over the values of the scenario (Zeller and Hildebrandt, "Simplifying and isolating
failure-inducing input", 2002): each step proposes worlds that lack something or have something
simpler, the larger cuts first; the first that still fails is taken, until none does.
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from initpy.config.errors import InputError
from initpy.scenario.acts import Cue, Person
from initpy.scenario.model import Disk, Layer, Scenario
from initpy.scenario.parse import load_scenario
from initpy.scenario.servers import Times
from initpy.scenario.write import write_scenario
from initpy.simulation.explore.generate import Trial
from initpy.simulation.world.random_faults import RandomFaults

# So many worlds are tried at most: a shrunk world that is not the smallest is good enough.
MOST = 3000
# Times that are easy to read.
ROUND = (0.0, 1.0, 5.0, 10.0, 20.0, 60.0)


def shrink(
    trial: Trial, fails: Callable[[Trial], bool], seen: Callable[[Trial], None] = lambda _: None
) -> Trial:
    """The smallest world found for which `fails` holds; `seen` is told of each success."""
    left = MOST
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "world.toml"
        progress = True
        while progress and left > 0:
            progress = False
            for candidate in smaller(trial):
                left -= 1
                if left <= 0:
                    break
                if is_valid(candidate.scenario, path) and fails(candidate):
                    trial, progress = candidate, True
                    seen(trial)
                    break
    return trial


def is_valid(scenario: Scenario, path: Path) -> bool:
    """Whether the file of the scenario (written to `path`) can be read."""
    write_scenario(scenario, path)
    try:
        load_scenario(path)
    except InputError:
        return False
    return True


def smaller(trial: Trial) -> Iterator[Trial]:
    """Worlds that are a little simpler, the larger cuts first."""
    yield from _fewer_random_faults(trial)
    for scenario in _less(trial.scenario):
        yield trial._replace(scenario=scenario)


def _fewer_random_faults(trial: Trial) -> Iterator[Trial]:
    if trial.random_faults != RandomFaults():
        yield trial._replace(random_faults=RandomFaults())
    elif trial.seed is not None:
        yield trial._replace(seed=None)
    for field in fields(RandomFaults):
        if getattr(trial.random_faults, field.name):
            yield trial._replace(random_faults=replace(trial.random_faults, **{field.name: 0.0}))


def _with(scenario: Scenario, **changes: Any) -> Scenario:
    return replace(scenario, **changes)


def _less(scenario: Scenario) -> Iterator[Scenario]:
    for name in ("tools", "faults", "people", "damages", "limits", "files", "syscalls"):
        items = getattr(scenario, name)
        if len(items) > 1:
            yield _with(scenario, **{name: ()})
        for index in range(len(items)):
            yield _with(scenario, **{name: (*items[:index], *items[index + 1 :])})
    for person in {each.name for each in scenario.people}:
        others = tuple(each for each in scenario.people if each.name != person)
        yield replace(scenario, people=others)
    if scenario.variant.hostname:
        yield replace(scenario, variant=replace(scenario.variant, hostname=""))
    yield from _less_network(scenario)
    yield from _fewer_layers(scenario)
    yield from _fewer_disks(scenario)
    yield from _fewer_words(scenario)
    yield from _simpler_disks(scenario)
    yield from _simpler_layers(scenario)
    yield from _simpler_people(scenario)
    yield from _simpler_faults(scenario)
    yield from _simpler_tools(scenario)


def _fewer_layers(scenario: Scenario) -> Iterator[Scenario]:
    used = {name for layer in scenario.layers for name in layer.on}
    for index, layer in enumerate(scenario.layers):
        others = (*scenario.layers[:index], *scenario.layers[index + 1 :])
        made = {part.name for part in layer.parts} or {layer.name} - {""}
        if not made & used and layer.holds != "root":
            yield replace(scenario, layers=others)
        # What stands on the layer stands on one of those below instead.
        for lower in layer.on if layer.holds != "root" else ():
            for name in made & used:
                moved = tuple(
                    replace(each, on=tuple(lower if n == name else n for n in each.on))
                    for each in others
                )
                yield replace(scenario, layers=moved)
        for member in layer.on if len(layer.on) > 1 else ():
            rest = replace(layer, on=tuple(name for name in layer.on if name != member))
            layers = (*scenario.layers[:index], rest, *scenario.layers[index + 1 :])
            yield replace(scenario, layers=layers)
        for part in layer.parts if len(layer.parts) > 1 else ():
            if part.name not in used:
                rest = replace(layer, parts=tuple(each for each in layer.parts if each != part))
                layers = (*scenario.layers[:index], rest, *scenario.layers[index + 1 :])
                yield replace(scenario, layers=layers)


def _less_network(scenario: Scenario) -> Iterator[Scenario]:
    if scenario.nics:
        yield replace(scenario, nics=(), servers=())
    for index, server in enumerate(scenario.servers):
        others = scenario.servers[:index], scenario.servers[index + 1 :]
        yield replace(scenario, servers=(*others[0], *others[1]))
        fewer = [replace(server, serves=tuple(n for n in server.serves if n != name))
                 for name in server.serves if len(server.serves) > 1]  # fmt: skip
        for simple in (*fewer, *(replace(server, times=t) for t in _simpler(server.times))):
            yield replace(scenario, servers=(*others[0], simple, *others[1]))
    for index, nic in enumerate(scenario.nics):
        simpler = [replace(nic, carrier=times) for times in _simpler(nic.carrier)]
        if nic.lease:
            simpler.append(replace(nic, lease=0.0))
        for each in simpler:
            nics = (*scenario.nics[:index], each, *scenario.nics[index + 1 :])
            yield replace(scenario, nics=nics)


def _simpler(times: Times) -> Iterator[Times]:
    if times != Times():
        yield Times()
    if times.down is not None:
        yield Times(times.up)
    if times.back is not None:
        yield replace(times, back=None)
    yield from (replace(times, up=up) for up in _sooner(times.up or 0.0))


def _fewer_disks(scenario: Scenario) -> Iterator[Scenario]:
    used = {name for layer in scenario.layers for name in layer.on}
    for disk in scenario.disks:
        if disk.name not in used:
            rest = tuple(each for each in scenario.disks if each is not disk)
            faults = tuple(each for each in scenario.faults if each.argument != disk.name)
            yield replace(scenario, disks=rest, faults=faults)


def _fewer_words(scenario: Scenario) -> Iterator[Scenario]:
    words = scenario.cmdline.split()
    for word in words:
        if not word.startswith("root="):
            rest = " ".join(each for each in words if each != word)
            yield replace(scenario, cmdline=rest)


def _simpler_disks(scenario: Scenario) -> Iterator[Scenario]:
    for index, disk in enumerate(scenario.disks):
        for simple in _simpler_disk(disk):
            disks = (*scenario.disks[:index], simple, *scenario.disks[index + 1 :])
            yield replace(scenario, disks=disks)


def _simpler_disk(disk: Disk) -> Iterator[Disk]:
    if not disk.present:
        yield replace(disk, present=True, arrives=None)
    if disk.arrives is not None:
        for time in _sooner(disk.arrives):
            yield replace(disk, arrives=time)
    for time in _sooner(disk.announced):
        yield replace(disk, announced=time)
    if disk.bus != "virtio":
        yield replace(disk, bus="virtio")


def _simpler_layers(scenario: Scenario) -> Iterator[Scenario]:
    for index, layer in enumerate(scenario.layers):
        for simple in _simpler_layer(layer):
            layers = (*scenario.layers[:index], simple, *scenario.layers[index + 1 :])
            yield replace(scenario, layers=layers)


def _simpler_layer(layer: Layer) -> Iterator[Layer]:
    usual: dict[str, Any] = {
        "left": "", "homehost": "any", "system_id": "", "type": "", "keyfile": "", "profile": "",
        "files": (), "metadata": "", "renamed": "",
    }  # fmt: skip
    for name, value in usual.items():
        if getattr(layer, name) != value:
            yield replace(layer, **{name: value})
    for kind, simple in {"luks1": "luks2", "raid6": "raid5", "raid5": "raid1"}.items():
        if layer.kind == kind:
            yield replace(layer, kind=simple)


def _simpler_people(scenario: Scenario) -> Iterator[Scenario]:
    for index, person in enumerate(scenario.people):
        for simple in _simpler_person(person):
            people = (*scenario.people[:index], simple, *scenario.people[index + 1 :])
            yield replace(scenario, people=people)


def _simpler_person(person: Person) -> Iterator[Person]:
    if person.pace:
        yield replace(person, pace=0.0)
    for time in _sooner(person.cue.after):
        yield replace(person, cue=replace(person.cue, after=time))


def _simpler_faults(scenario: Scenario) -> Iterator[Scenario]:
    for index, fault in enumerate(scenario.faults):
        if fault.cue.at is not None:
            for time in _sooner(fault.cue.at):
                simple = replace(fault, cue=Cue(at=time))
                faults = (*scenario.faults[:index], simple, *scenario.faults[index + 1 :])
                yield replace(scenario, faults=faults)


def _simpler_tools(scenario: Scenario) -> Iterator[Scenario]:
    for index, tool in enumerate(scenario.tools):
        simpler = [replace(tool, ends=None)] if tool.ends is not None else []
        simpler += [replace(tool, times=1)] if tool.times > 1 else []
        for each in simpler:
            tools = (*scenario.tools[:index], each, *scenario.tools[index + 1 :])
            yield replace(scenario, tools=tools)
    for index, call in enumerate(scenario.syscalls):
        if call.skip:
            others = scenario.syscalls[:index], scenario.syscalls[index + 1 :]
            yield replace(scenario, syscalls=(*others[0], replace(call, skip=0), *others[1]))


def _sooner(time: float) -> Iterator[float]:
    yield from (each for each in ROUND if each < time)
