"""Random adversity: what hangs for ever, fails in process 1, or comes in an unexpected order.

Each kind is a function that adds its trouble to a world, where the world has what it takes. Drawn
from a generator of its own, so that worlds without adversity stay what they are.
"""

import random
import re
from collections.abc import Callable
from dataclasses import replace

from initpy.scenario.acts import Cue, Damage, Deed, Fault, Person, Syscall, SystemCall, Tool, Way
from initpy.scenario.model import Disk, Layer, Partition, Scenario
from initpy.scenario.places import PLACES

SHARE = 0.3  # of the worlds
TIMES = (0.5, 2.0, 5.0, 12.0, 33.0, 70.0)
MEBI = 1 << 20
NAMED = "3b1f4c52-6f0e-4c56-8f55-0000000000ff"  # of a volume that only its name makes wanted
EXIT_AFTER = (1.0, 20.0, 60.0)
COMMANDS = (
    ("mdadm", "--incremental"), ("mdadm", "--run"), ("cryptsetup", "open"), ("lvm", "pvscan"),
    ("lvm", "lvchange"), ("modprobe", "dm-crypt"), ("e2fsck", ""),
)  # fmt: skip
PROMPT = r"Passphrase for {} "
SHELL = re.compile(r"\(initramfs\) # ", re.MULTILINE)
AWAITED = re.compile("a key (opens|tries)", re.MULTILINE)

Kind = Callable[[random.Random, Scenario], Scenario | None]


def troubles_of(number: int) -> tuple[str, ...]:
    """The kinds of trouble that the world of that number has; most have none."""
    chance = random.Random(f"trouble {number}")
    if chance.random() >= SHARE:
        return ()
    return tuple(chance.sample(sorted(KINDS), chance.choice((1, 1, 2))))


def with_adversity(number: int, scenario: Scenario, *kinds: str) -> Scenario:
    """The world of that number with these kinds of trouble, as far as it has room for them."""
    chance = random.Random(f"adverse {number}")
    for name in kinds:
        scenario = KINDS[name](chance, scenario) or scenario
    return scenario


def _layers(scenario: Scenario, *kinds: str) -> list[Layer]:
    return [each for each in scenario.layers if each.kind in kinds]


def _own_disks(scenario: Scenario) -> list[Disk]:
    """The disks of the machine that nothing is done to yet."""
    handled = {fault.argument for fault in scenario.faults}
    served = {name for server in scenario.servers for name in server.serves}
    own = (each for each in scenario.disks if not each.image)
    return [each for each in own if each.name not in handled | served]


def _tool(scenario: Scenario, tool: Tool) -> Scenario:
    """A tool that misbehaves one way only."""
    others = tuple(each for each in scenario.tools if (each.program, each.arguments)
                   != (tool.program, tool.arguments))  # fmt: skip
    return replace(scenario, tools=(*others, tool))


def _faults(scenario: Scenario, *faults: tuple[float, Deed, str]) -> Scenario:
    more = (Fault(Cue(at=at), deed, argument) for at, deed, argument in faults)
    return replace(scenario, faults=(*scenario.faults, *more))


def _words(scenario: Scenario, *words: str) -> Scenario:
    """The command line with these, instead of others of the same parameters."""
    keys = {each.partition("=")[0] for each in words}
    old = [each for each in scenario.cmdline.split() if each.partition("=")[0] not in keys]
    return replace(scenario, cmdline=" ".join((*old, *words)))


def _unkillable(chance: random.Random, scenario: Scenario) -> Scenario:
    """A command that survives SIGKILL, for ever or for some time."""
    program, word = chance.choice(COMMANDS)
    ends = chance.choice((None, None, 5.0, 120.0))
    return _tool(scenario, Tool(program, Way.UNKILLABLE, 1, word, ends))


def _silent(chance: random.Random, scenario: Scenario) -> Scenario | None:
    """A disk whose reads never return, or only after a while."""
    disks = _own_disks(scenario)
    if not disks:
        return None
    disk, at = chance.choice(disks).name, chance.choice(TIMES)
    scenario = _faults(scenario, (at, Deed.FREEZE, disk))
    if chance.random() < 0.5:
        scenario = _faults(scenario, (at + chance.choice(TIMES), Deed.THAW, disk))
    return scenario


def _syscall(chance: random.Random, scenario: Scenario) -> Scenario:
    """A system call that fails in process 1; udevd or the engine has died where that is needed."""
    call = chance.choice(list(SystemCall))
    again = chance.random() < 0.6
    failing = Syscall(call, chance.choice((1, 1, 2, 5)), int(again))
    if again and call is not SystemCall.FORK_ENGINE:
        scenario = _faults(scenario, (chance.choice((0.5, *TIMES)), Deed.KILL_UDEVD, ""))
    elif again:
        scenario = _faults(scenario, (chance.choice(TIMES), Deed.KILL_ENGINE, ""))
    return replace(scenario, syscalls=(*scenario.syscalls, failing))


def _announced(chance: random.Random, scenario: Scenario) -> Scenario | None:
    """Partitions that udev tells of before their disk."""
    on = {name for layer in _layers(scenario, "partitions") for name in layer.on}
    at_end = {name for layer in _layers(scenario, "raid1") if layer.metadata == "1.0"
              for name in layer.on}  # fmt: skip
    served = {name for server in scenario.servers for name in server.serves}
    names = [each.name for each in scenario.disks if each.name in (on | at_end) - served]
    if not names:
        return None
    chosen = set(chance.sample(names, chance.randint(1, len(names))))
    late = chance.choice((3.0, 8.0, 20.0, 60.0))
    disks = tuple(
        replace(each, announced=late) if each.name in chosen else each for each in scenario.disks
    )
    return replace(scenario, disks=disks)


def _raw_mirror(chance: random.Random, scenario: Scenario) -> Scenario | None:
    """Root on a partition inside a mirror of whole disks, whose superblock is at their end."""
    root = next((each for each in scenario.layers if each.holds == "root"), None)
    if root is None or root.kind != "ext4" or scenario.nics:
        return None
    disks = tuple(Disk(f"m{number}", 96 * MEBI) for number in (1, 2))
    below = (
        Layer("raid1", "mirror", ("m1", "m2"), metadata=chance.choice(("0.90", "1.0"))),
        Layer("partitions", "", ("mirror",), parts=(Partition("mp"),)),
    )
    others = tuple(each for each in scenario.layers if each is not root)
    top = replace(root, on=("mp",))
    late = chance.choice((3.0, 8.0, 20.0))
    disks = tuple(replace(each, announced=late) for each in disks)
    return replace(scenario, disks=(*scenario.disks, *disks), layers=(*others, *below, top))


def _named_beside(chance: random.Random, scenario: Scenario) -> Scenario:
    """A named volume that root does not need, whose first attempts may fail."""
    disk = Disk("nb", 64 * MEBI)
    key = chance.random() < 0.5
    layer = Layer("luks2", "named", ("nb",), uuid=NAMED, passphrase="tell nobody",
                  keyfile="/keys/named" if key else "")  # fmt: skip
    files = (*scenario.files, *([("/keys/named", "9b1d2c3e4f506172")] if key else []))
    words = [f"rd.luks.name={each.uuid}=crypt-{each.name}" for each in _layers(
        scenario, "luks1", "luks2")]  # fmt: skip
    if "rd.luks.name=" in scenario.cmdline:
        words = [each for each in scenario.cmdline.split() if each.startswith("rd.luks.name=")]
    words.append(f"rd.luks.name={NAMED}=beside")
    if key:
        words += [each for each in scenario.cmdline.split() if each.startswith("rd.luks.key=")]
        words.append(f"rd.luks.key={NAMED}=/keys/named")
    names = {each.uuid: f"crypt-{each.name}" for each in _layers(scenario, "luks1", "luks2")}
    people = tuple(
        replace(each, cue=replace(each.cue, when=_renamed(each.cue.when, names)))
        for each in scenario.people
    )
    cue = Cue(when=re.compile(PROMPT.format("beside"), re.MULTILINE), after=1.0)
    people += tuple(Person(cue, "tell nobody\n", name="beside") for _ in range(6))
    scenario = replace(
        scenario, disks=(*scenario.disks, disk), layers=(*scenario.layers, layer), files=files,
        people=people,
    )  # fmt: skip
    if chance.random() < 0.7:
        times = chance.choice((1, 2))
        scenario = _tool(scenario, Tool("cryptsetup", Way.FAILS, times, "beside"))
    return _words(scenario, *words)


def _renamed(pattern: re.Pattern[str] | None, names: dict[str, str]) -> re.Pattern[str] | None:
    """A prompt's pattern once the volume has a name of its own."""
    text = pattern.pattern if pattern is not None else ""
    for uuid, name in names.items():
        text = text.replace(f"luks-{uuid}", name)
    return re.compile(text, re.MULTILINE) if pattern is not None else None


def _key_hangs(chance: random.Random, scenario: Scenario) -> Scenario | None:
    """An attempt with a key that takes for ever."""
    if not any(each.keyfile for each in scenario.layers):
        return None
    way = chance.choice((Way.HANGS, Way.HANGS, Way.UNKILLABLE))
    times = chance.choice((1, 3)) if way is Way.HANGS else 1
    limits = tuple(each for each in scenario.limits if each[0] != "luks-open")
    return replace(_tool(scenario, Tool("cryptsetup", way, times, "--key-file")), limits=limits)


def _pulled_while_tried(chance: random.Random, scenario: Scenario) -> Scenario | None:
    """A locked volume goes while a passphrase is tried on it; later it may be back."""
    own = {each.name for each in _own_disks(scenario)}
    volumes = [each for each in _layers(scenario, "luks1", "luks2") if each.on[0] in own]
    if not volumes:
        return None
    volume = chance.choice(volumes)
    layers = tuple(replace(each, argon2=(1 << 18, 4)) if each is volume and each.kind == "luks2"
                   else each for each in scenario.layers)  # fmt: skip
    when = re.compile(PROMPT.format(".*"), re.MULTILINE)
    after = chance.choice((1.0, 2.0, 4.0, 8.0))
    faults = [Fault(Cue(when=when, after=after), Deed.UNPLUG, volume.on[0])]
    if chance.random() < 0.5:
        faults.append(Fault(Cue(at=chance.choice(TIMES) + 30.0), Deed.PLUG, volume.on[0]))
    return replace(scenario, layers=layers, faults=(*scenario.faults, *faults))


def _flaps(chance: random.Random, scenario: Scenario) -> Scenario | None:
    """A disk comes and goes while commands at work on it hang."""
    loose = [each.name for each in _own_disks(scenario) if each.present]
    if not loose:
        return None
    disk, at = chance.choice(loose), chance.choice((2.0, 5.0))
    for _ in range(chance.choice((1, 3))):
        scenario = _faults(scenario, (at, Deed.UNPLUG, disk), (at + 4.0, Deed.PLUG, disk))
        at += 12.0
    program, word = chance.choice(_commands_of(scenario))
    return _tool(scenario, Tool(program, Way.HANGS, 2, word))


def _commands_of(scenario: Scenario) -> list[tuple[str, str]]:
    """Commands that this world has a use for."""
    kinds = {each.kind for each in scenario.layers}
    programs = {"mdadm"} if any(kind.startswith("raid") for kind in kinds) else set()
    programs |= {"cryptsetup"} if kinds & {"luks1", "luks2"} else set()
    programs |= {"lvm"} if "lvm" in kinds else set()
    return [each for each in COMMANDS if each[0] in programs] or [("mdadm", "--incremental")]


def _scan_fails(chance: random.Random, scenario: Scenario) -> Scenario | None:
    """A physical volume that cannot be read as often as it is tried, until it is plugged again."""
    own = {each.name for each in _own_disks(scenario) if each.present}
    names = [each for layer in _layers(scenario, "lvm") for each in layer.on if each in own]
    if not names:
        return None
    disk, at = chance.choice(names), chance.choice((12.0, 33.0))
    scenario = _tool(scenario, Tool("lvm", Way.FAILS, chance.choice((3, 3, 2)), "pvscan"))
    return _faults(scenario, (at, Deed.UNPLUG, disk), (at + 5.0, Deed.PLUG, disk))


def _modules_hang(chance: random.Random, scenario: Scenario) -> Scenario | None:
    """The driver of encrypted volumes takes its time, and the first volume goes meanwhile."""
    own = {each.name for each in _own_disks(scenario) if each.present}
    names = [each.on[0] for each in _layers(scenario, "luks1", "luks2") if each.on[0] in own]
    if not names:
        return None
    way = chance.choice((Way.HANGS, Way.UNKILLABLE))
    scenario = _tool(scenario, Tool("modprobe", way, 1, "dm-crypt"))
    disk, at = chance.choice(names), chance.choice((2.0, 5.0, 12.0))
    return _faults(scenario, (at, Deed.UNPLUG, disk), (at + 5.0, Deed.PLUG, disk))


def _mount_fails(chance: random.Random, scenario: Scenario) -> Scenario:
    """Root's module cannot be loaded at first, or never; the boot may have to end."""
    if chance.random() < 0.5:
        scenario = _words(scenario, "rootfstype=xfs")
    else:
        times = chance.choice((1, 2, 3))
        scenario = _tool(scenario, Tool("modprobe", Way.FAILS, times, "fs-ext4"))
    return _ending(chance, scenario) if chance.random() < 0.7 else scenario


def _ending(chance: random.Random, scenario: Scenario) -> Scenario:
    """A boot that fails ends."""
    word = chance.choice(("panic=60", "panic=120", "rd.emergency=reboot"))
    return _words(scenario, word, f"rd.timeout={chance.choice((20, 60))}")


def _counted(chance: random.Random, scenario: Scenario) -> Scenario:
    """The boot loader counts the boot; a user may press a key, and leave the shell later."""
    words = [f"initpy.tries={chance.choice((0, 2))}", f"rd.timeout={chance.choice((8, 20, 60))}"]
    words += chance.choice(((), (), (), ("panic=30",), ("rd.shell=0",)))
    people: list[Person] = []
    if chance.random() < 0.5:
        cue = Cue(when=AWAITED, after=chance.choice((1.0, 50.0)))
        people.append(Person(cue, "x", name="key"))
    if chance.random() < 0.5:
        cue = Cue(when=SHELL, after=chance.choice(EXIT_AFTER))
        people.append(Person(cue, "exit\n", name="key"))
    if volumes := _layers(scenario, "luks1", "luks2"):
        asked = re.compile(PROMPT.format(r"\S+"), re.MULTILINE)
        cue = Cue(when=asked, after=chance.choice((1.0, 40.0)))
        times = chance.choice((0, 1, 3 * len(volumes)))
        people += [Person(cue, "no idea\n", name="wrong")] * times
    scenario = replace(scenario, people=(*scenario.people, *people))
    return _words(scenario, *words)


def _break(chance: random.Random, scenario: Scenario) -> Scenario:
    """The boot stops for a shell, which a user leaves after a while."""
    point = chance.choice(("mount", "mount", "top", "premount"))
    cue = Cue(when=re.compile("exit. goes on", re.MULTILINE), after=chance.choice(EXIT_AFTER))
    # An engine that is started again opens the shell anew.
    people = (*scenario.people, *(Person(cue, "exit\n", name="break") for _ in range(4)))
    words = [each for each in scenario.cmdline.split() if each != "rd.shell=0"]
    scenario = replace(scenario, people=people, cmdline=" ".join(words))
    if any(each.kind == "btrfs" and each.holds == "root" for each in scenario.layers):
        scenario = _words(scenario, "rootflags=degraded")
    return _words(scenario, f"break={point}", f"rd.md.timeout={chance.choice((10, 40, 90))}")


def _shell(chance: random.Random, scenario: Scenario) -> Scenario:
    """A user asks for things in the shell of a boot that has failed."""
    asked = chance.sample(("retry", "wait", "unlock", "unlock pulled"), chance.randint(1, 3))
    people: list[Person] = []
    for each in asked:
        cue = Cue(when=SHELL, after=chance.choice((1.0, 5.0)))
        text = {"retry": "initpy retry\n", "wait": "initpy wait 30\n"}.get(each, "initpy unlock\n")
        people.append(Person(cue, text, name="asks"))
        if text == "initpy unlock\n":
            key = Cue(when=re.compile("Passphrase for the locked volume", re.MULTILINE), after=1.0)
            people.append(Person(key, f"{_passphrase(chance, scenario)}\n", name="asks"))
    words = [each for each in scenario.cmdline.split() if each != "rd.shell=0"]
    scenario = replace(scenario, people=(*scenario.people, *people), cmdline=" ".join(words))
    return _words(scenario, f"rd.timeout={chance.choice((8, 20))}")


def _passphrase(chance: random.Random, scenario: Scenario) -> str:
    known = [each.passphrase for each in _layers(scenario, "luks1", "luks2")]
    return chance.choice([*known, "no idea"])


def _header_damaged(chance: random.Random, scenario: Scenario) -> Scenario | None:
    """Both headers of a volume are damaged, and a user wants it opened all the same."""
    disks = {each.name for each in scenario.disks}
    volumes = [each.on[0] for each in _layers(scenario, "luks2") if each.on[0] in disks]
    if not volumes:
        return None
    disk = chance.choice(volumes)
    places = ("luks-header", "luks-second-header")
    damages = tuple(Damage(disk, PLACES[each], bytes(4096)) for each in places)
    return _shell(chance, replace(scenario, damages=(*scenario.damages, *damages)))


KINDS: dict[str, Kind] = {
    "unkillable": _unkillable,
    "silent": _silent,
    "syscall": _syscall,
    "announced": _announced,
    "raw mirror": _raw_mirror,
    "named beside": _named_beside,
    "key hangs": _key_hangs,
    "pulled while tried": _pulled_while_tried,
    "flaps": _flaps,
    "scan fails": _scan_fails,
    "modules hang": _modules_hang,
    "mount fails": _mount_fails,
    "break": _break,
    "shell": _shell,
    "header damaged": _header_damaged,
    "counted": _counted,
}
