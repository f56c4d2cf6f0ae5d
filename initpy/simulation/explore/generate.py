"""Random worlds: from a seed, a scenario and what udev and the tools do wrong in it.

Swarm style: each world turns a random subset of the features on and leaves the others alone, so
that some worlds have much of a thing and nothing that hides its effect. A world that everything
happens in shows less than many that differ in what happens (Groce et al., "Swarm testing",
ISSTA 2012).
"""

import random
import re
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from initpy.scenario.acts import Cue, Deed, Fault, Person, Tool, Way
from initpy.scenario.model import SHUTDOWNS, Disk, Expectation, Layer, Outcome, Scenario
from initpy.simulation.explore.adverse import troubles_of, with_adversity
from initpy.simulation.explore.deviceevents import with_device_events
from initpy.simulation.explore.exportedroots import exported_root
from initpy.simulation.explore.firmware import with_firmware, with_monitors
from initpy.simulation.explore.halves import with_halves
from initpy.simulation.explore.identities import with_identity
from initpy.simulation.explore.networks import with_network
from initpy.simulation.explore.otherchecks import with_other_checks
from initpy.simulation.explore.otherstorage import with_other_storage
from initpy.simulation.explore.sessions import with_sessions
from initpy.simulation.explore.shortages import with_shortage
from initpy.simulation.explore.slowroots import with_slow_root
from initpy.simulation.explore.stacks import LABEL, UUID, Stack, luks_uuid, lvm_conf, with_mbr
from initpy.simulation.explore.usertools import has_user_tool, with_user_tool
from initpy.simulation.oracle.expected import PARITY, expected_of
from initpy.simulation.oracle.reach import root_reach
from initpy.simulation.oracle.sure import Sure
from initpy.simulation.world.random_faults import RandomFaults

# What a world may have of storage; each is in about half of the worlds.
KINDS = (
    "raid0", "raid1", "raid4", "raid5", "raid6", "raid10", "luks1", "luks2", "linear", "striped",
    "thin", "partitions", "btrfs-raid1",
)  # fmt: skip
# What may happen in a world.
FEATURES = (
    "late", "missing", "two missing", "known degraded", "foreign", "beside", "wrong", "slow",
    "never", "shared passphrase", "key in image", "key on stick", "late stick", "tools fail",
    "tools hang", "tools killed", "storm", "engine killed", "udevd killed", "replugged",
    "by uuid", "by path", "short waits", "not degraded", "named", "lost", "delayed", "doubled",
    "reordered", "no shell", "unreliable tools", "dying engine", "dying udevd", "root never",
    "dirty", "ask",
)  # fmt: skip
# Features that hide most of the others: in fewer worlds.
RARE = ("two missing", "never", "not degraded", "unreliable tools", "root never", "wrong", "ask")
TIMES = (0.5, 2.0, 5.0, 12.0, 20.0, 33.0, 45.0, 70.0, 100.0)
TOOLS = (
    ("mdadm", "--incremental"), ("mdadm", "--run"), ("cryptsetup", "open"), ("lvm", "pvscan"),
    ("lvm", "lvchange"),
)  # fmt: skip
# So that a tool that hangs costs seconds.
LIMITS = (
    ("md-member", 4.0), ("md-start", 4.0), ("luks-open", 8.0), ("lvm-scan", 4.0),
    ("lvm-activate", 6.0), ("lvm-start", 6.0), ("nbd-driver", 4.0), ("iscsi-driver", 4.0),
    ("bcache-module", 4.0),
)  # fmt: skip
SHUT_DOWN = 0.3  # of the worlds
KEY_FILE, STICK = "/keys/root.key", "STICK"
KEY = "7f1e0c5d9a3b4e62"
# A prompt that comes again (the engine has died, the passphrase was wrong) is answered again.
PATIENCE = 6
WITHIN = 1800.0  # seconds; a boot that takes longer takes for ever


class Trial(NamedTuple):
    """One world to be simulated; `seed` is the simulation's."""

    scenario: Scenario
    random_faults: RandomFaults = RandomFaults()
    seed: int | None = None


def draw(number: int, troubles: tuple[str, ...] | None = None) -> Trial:
    """The world of that number: always the same one.

    `troubles`: the kinds of adversity that it is to have, instead of those of its number.
    """
    if troubles is None and (exported := exported_root(number)) is not None:
        return Trial(exported, seed=number)
    chance = random.Random(number)
    on = {each for each in FEATURES if chance.random() < (0.12 if each in RARE else 0.35)}
    kinds = frozenset(each for each in KINDS if chance.random() < 0.5)
    # Small worlds are quick, and show most of what there is to show.
    stack = Stack(
        chance, kinds, chance.choice((1, 2, 3, 4, 6, 8)),
        shared_passphrase="shared passphrase" in on,
    )  # fmt: skip
    stack.root(chance.choice((0, 1, 2, 2, 3, 4)))
    wanted = {layer.name for layer in stack.layers}
    if "beside" in on:
        stack.most_disks += 3
        stack.beside("elsewhere" if "foreign" in on else "")
    layers = _refined(chance, on, stack.layers, wanted)
    keys = _Keys.drawn(chance, on, layers, wanted)
    disks = (*_arrivals(chance, on, stack.disks, layers), *keys.disks)
    scenario = Scenario(
        path=Path(f"world-{number}.toml"),
        title=f"world {number}",
        requirements=(),
        memory=1024,
        cmdline=" ".join(_words(chance, on, layers, wanted, keys)),
        disks=disks,
        layers=(*keys.below, *keys.layers),
        files=keys.files,
        people=_people(chance, on, keys.layers, keys.names),
        faults=_faults(chance, on, disks, keys.layers),
        expect=Expectation(Outcome.BOOTED, WITHIN),
        tools=_tools(chance, on),
        limits=LIMITS if on & {"tools hang", "unreliable tools"} else (),
    )
    scenario = (
        with_halves(number, scenario)
        or with_other_storage(number, scenario)
        or with_servers(number, scenario)
    )
    scenario = with_shutdown(number, with_firmware(number, scenario))
    scenario = with_other_checks(number, with_device_events(number, scenario))
    scenario = with_slow_root(number, with_shortage(number, scenario))
    trouble = troubles_of(number) if troubles is None else troubles
    scenario = with_mbr(number, with_adversity(number, scenario, *trouble))
    if has_user_tool(number):
        scenario = with_user_tool(number, scenario)
    files = (*scenario.files, *lvm_conf(scenario.layers))
    scenario = expecting(replace(scenario, files=files))
    return Trial(scenario, with_monitors(number, scenario, _random_faults(chance, on)), number)


def with_servers(number: int, scenario: Scenario) -> Scenario:
    """The world with an identity, and perhaps with disks that servers have."""
    scenario = with_identity(number, scenario)
    return with_sessions(number, scenario) or with_network(number, scenario)


def with_shutdown(number: int, scenario: Scenario) -> Scenario:
    """Some worlds are shut down once they have booted; drawn apart, so that the rest stays."""
    chance = random.Random(f"shutdown {number}")
    if chance.random() >= SHUT_DOWN:
        return scenario
    return replace(scenario, shutdown=chance.choice(SHUTDOWNS))


def expecting(scenario: Scenario) -> Scenario:
    """The scenario with what can come of it: it ends with the failure screen where nothing can."""
    expected = expected_of(scenario)
    fails = root_reach(expected) is Sure.NO
    outcome = Outcome.FAILED if fails else Outcome.BOOTED
    if fails and expected.wishes.end_after is not None:
        outcome = Outcome.REBOOTED  # the world goes on behind the failure screen
    return replace(scenario, expect=Expectation(outcome, WITHIN))


def _refined(
    chance: random.Random, on: set[str], layers: list[Layer], wanted: set[str]
) -> tuple[Layer, ...]:
    """Arrays as they were left, or as another host has made them."""
    refined = []
    for layer in layers:
        if layer.kind in ("raid1", "raid5", "raid6", "raid10") and "known degraded" in on:
            left = "degraded" if chance.random() < 0.4 else ""
            layer = _changed(layer, left=left)
        if layer.kind in PARITY and "dirty" in on and not layer.left and chance.random() < 0.4:
            layer = _changed(layer, left="dirty")
        foreign = "foreign" in on and layer.kind.startswith("raid") and layer.name in wanted
        if foreign and chance.random() < 0.5:
            layer = _changed(layer, homehost="elsewhere")
        owned = "foreign" in on and layer.kind == "lvm" and layer.name in wanted
        if owned and chance.random() < 0.5:
            layer = _changed(layer, system_id="elsewhere")
        refined.append(layer)
    return tuple(refined)


def _changed(layer: Layer, **changes: str) -> Layer:
    """`dataclasses.replace` takes five times as long, and worlds are many."""
    values = {name: getattr(layer, name) for name in Layer.__slots__}
    return Layer(**{**values, **changes})


class _Keys(NamedTuple):
    """Where the keys of this world are, and what that adds to it."""

    layers: tuple[Layer, ...]  # with the key files
    below: tuple[Layer, ...] = ()  # the file system of the stick
    disks: tuple[Disk, ...] = ()
    files: tuple[tuple[str, str], ...] = ()  # of the image
    names: tuple[tuple[str, str], ...] = ()  # UUID -> the mapping's name
    words: tuple[str, ...] = ()  # of the command line

    @classmethod
    def drawn(
        cls, chance: random.Random, on: set[str], layers: tuple[Layer, ...], wanted: set[str]
    ) -> "_Keys":
        """At most one volume has a key; some are named, and then only those are touched."""
        volumes = [each for each in layers if each.kind.startswith("luks") and each.name in wanted]
        keyed = on & {"key in image", "key on stick"}
        if not volumes or not ("named" in on or keyed):
            return cls(layers)
        names = tuple((each.uuid, f"crypt-{each.name}") for each in volumes)
        words = tuple(f"rd.luks.name={uuid}={name}" for uuid, name in names)
        if not keyed:
            return cls(layers, names=names, words=words)
        chosen = chance.choice(volumes)
        changed = tuple(
            _changed(each, keyfile=KEY_FILE) if each is chosen else each for each in layers
        )
        if "key in image" in on and chance.random() < 0.4:
            # crypttab names the volume, and its disk in a way that tells nothing of the UUID.
            mapping = f"luks-{chosen.uuid}"
            path = f"/dev/disk/by-id/virtio-{chosen.on[0]}"
            names = tuple((each, mapping if each == chosen.uuid else it) for each, it in names)
            words = tuple(f"rd.luks.name={uuid}={name}" for uuid, name in names
                          if uuid != chosen.uuid)  # fmt: skip
            table = f"{mapping} {path} {KEY_FILE} luks\n"
            files = ((KEY_FILE, KEY), ("/etc/crypttab", table))
            return cls(changed, (), (), files, names, (*words, f"rd.luks.uuid={chosen.uuid}"))
        if "key in image" in on:
            word = f"rd.luks.key={chosen.uuid}={KEY_FILE}"
            return cls(changed, (), (), ((KEY_FILE, KEY),), names, (*words, word))
        arrives = None
        present = "late stick" not in on
        if not present and chance.random() < 0.8:
            arrives = chance.choice(TIMES)
        stick = Disk("stick", 40 << 20, present, arrives, bus="usb")
        below = Layer("ext4", "keys", ("stick",), label=STICK, files=((KEY_FILE, KEY),))
        word = f"rd.luks.key={chosen.uuid}={KEY_FILE}:LABEL={STICK}"
        return cls(changed, (below,), (stick,), (), names, (*words, word))


def _arrivals(
    chance: random.Random, on: set[str], disks: list[Disk], layers: tuple[Layer, ...]
) -> tuple[Disk, ...]:
    """Some disks come late, some never."""
    names = [disk.name for disk in disks]
    lost = 2 if "two missing" in on else 1 if "missing" in on else 0
    missing = set(chance.sample(names, min(lost, len(names) - 1)))
    if "root never" in on and "missing" in on:
        missing = set(names)
    found = []
    for disk in disks:
        if disk.name in missing:
            disk = Disk(disk.name, disk.size, present=False)
        elif "late" in on and chance.random() < 0.5:
            disk = Disk(disk.name, disk.size, present=False, arrives=chance.choice(TIMES))
        found.append(disk)
    return tuple(found)


def _words(
    chance: random.Random, on: set[str], layers: tuple[Layer, ...], wanted: set[str], keys: _Keys
) -> list[str]:
    """The command line."""
    root = layers[-1] if not wanted else next(each for each in layers if each.holds == "root")
    below = next((each for each in layers if each.name and each.name in root.on), None)
    name = f"LABEL={LABEL}"
    if "by uuid" in on:
        name = f"UUID={UUID}"
    elif "by path" in on and below is not None and below.kind == "lvm":
        name = f"/dev/{below.group}/{below.name}"
    elif "root never" in on:
        name = "LABEL=nowhere"
    words = [f"root={name}", *keys.words]
    if "short waits" in on:
        words.append(f"rd.timeout={chance.choice((8, 20, 60))}")
        words.append(f"rd.md.timeout={chance.choice((3, 10, 40))}")
    if "no shell" in on:
        words.append("rd.shell=0")
    if "ask" in on:
        words.append("rd.md.degraded=ask")
    elif "not degraded" in on:
        words.append("rd.md.degraded=no")
    return words


def _people(
    chance: random.Random,
    on: set[str],
    layers: tuple[Layer, ...],
    names: tuple[tuple[str, str], ...],
) -> tuple[Person, ...]:
    """Each volume has a user who answers when it is asked for, or not."""
    people: list[Person] = []
    if "ask" in on:
        question = re.compile("Start it without the others", re.MULTILINE)
        for answer in ("what?", "yes", "no", "yes", "yes"):
            cue = Cue(when=question, after=chance.choice((1.0, 20.0)))
            people.append(Person(cue, f"{answer}\n", name="asked"))
    for layer in layers:
        if not layer.kind.startswith("luks"):
            continue
        if "never" in on and chance.random() < 0.5:
            continue
        mapping = dict(names).get(layer.uuid, f"luks-{luks_uuid(layer.name)}")
        prompt = re.compile(f"Passphrase for {mapping} ", re.MULTILINE)
        pace = chance.choice((0.3, 2.0, 7.0)) if "slow" in on and chance.random() < 0.5 else 0.0
        delay = chance.choice((0.0, *TIMES)) if "slow" in on else chance.choice((0.0, 1.0, 5.0))
        wrong = chance.randint(1, 3) if "wrong" in on else 0
        for number in range(PATIENCE):
            phrase = layer.passphrase if number >= wrong else "no idea"
            cue = Cue(when=prompt, after=delay if number in (0, wrong) else 1.0)
            people.append(Person(cue, f"{phrase}\n", pace, name=layer.name))
    return tuple(people)


def _faults(
    chance: random.Random, on: set[str], disks: tuple[Disk, ...], layers: tuple[Layer, ...]
) -> tuple[Fault, ...]:
    """What is done to the machine while it boots."""
    faults = []
    there = [disk.name for disk in disks if disk.present]
    for feature, deed, needs_disk in (
        ("storm", Deed.STORM, True),
        ("engine killed", Deed.KILL_ENGINE, False),
        ("udevd killed", Deed.KILL_UDEVD, False),
    ):
        if feature in on and (there or not needs_disk):
            at = chance.choice((0.5, 1.0, 3.0, *TIMES))
            disk = chance.choice(there) if needs_disk else ""
            faults.append(Fault(Cue(at=at), deed, disk))
    members = [name for layer in layers if layer.kind in ("raid1", "raid6") for name in layer.on]
    loose = [name for name in there if name in members]
    if "replugged" in on and loose:
        disk, at = chance.choice(loose), chance.choice(TIMES)
        faults.append(Fault(Cue(at=at), Deed.UNPLUG, disk))
        faults.append(Fault(Cue(at=at + chance.choice(TIMES)), Deed.PLUG, disk))
    return tuple(faults)


def _tools(chance: random.Random, on: set[str]) -> tuple[Tool, ...]:
    """Programs that misbehave the first time: every job may be tried twice at least."""
    tools: list[Tool] = []
    for feature, way in (
        ("tools fail", Way.FAILS), ("tools hang", Way.HANGS), ("tools killed", Way.KILLED),
    ):  # fmt: skip
        if feature in on:
            program, word = chance.choice(TOOLS)
            if (program, word) not in {(each.program, each.arguments) for each in tools}:
                tools.append(Tool(program, way, 1, word))
    return tuple(tools)


def _random_faults(chance: random.Random, on: set[str]) -> RandomFaults:
    unreliable = "unreliable tools" in on
    return RandomFaults(
        late=chance.choice((0.05, 0.3)) if "delayed" in on else 0.0,
        doubled=chance.choice((0.1, 0.5)) if "doubled" in on else 0.0,
        reordered=chance.choice((0.1, 0.5)) if "reordered" in on else 0.0,
        lost=chance.choice((0.02, 0.2)) if "lost" in on else 0.0,
        tool_fails=0.05 if unreliable else 0.0,
        tool_hangs=0.03 if unreliable else 0.0,
        tool_killed=0.03 if unreliable else 0.0,
        engine_dies=0.02 if "dying engine" in on else 0.0,
        udevd_dies=0.01 if "dying udevd" in on else 0.0,
    )
