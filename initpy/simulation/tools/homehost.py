"""Whose array is it, and what is it called: mdadm 4.2 and 4.4, the same in both.

mdadm.c (homehost), config.c (homehostline, arrayline, autoline, conf_match, conf_test_metadata,
conf_name_is_free), Incremental.c (steps 3 and 4, Incremental_container), mdopen.c (create_mddev),
super0.c, super1.c, super-intel.c, super-ddf.c (match_home).
"""

import fnmatch
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache

from initpy.scenario.model import Scenario
from initpy.simulation.kernel.process import Answer, Call
from initpy.simulation.world.plans import NO_HOST, ArrayPlan, homehost_digits
from initpy.simulation.world.world import Block, World

CONFIGURATIONS = ("/etc/mdadm/mdadm.conf", "/etc/mdadm.conf")
UNNAMED = "(none)"  # the kernel's CONFIG_DEFAULT_HOSTNAME
HOST_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
IGNORED, MULTIPLE = "<ignore>", "multiple lines in mdadm.conf match"
LEAST_KEYWORD = 3  # letters of a keyword (match_keyword)
METADATA = ("0.90", "1.x", "ddf", "imsm")


def hostname_of(scenario: Scenario) -> str:
    """The machine's name in the initramfs, as PID 1 sets it (runtime/hostname.py)."""
    given = dict(word.split("=", 1) for word in scenario.cmdline.split() if "=" in word)
    names = given.get("systemd.hostname", ""), _of_image(scenario), given.get("hostname", "")
    return next((name for name in names if HOST_NAME.fullmatch(name)), UNNAMED)


def _of_image(scenario: Scenario) -> str:
    text = dict(scenario.files).get("/etc/hostname", scenario.variant.hostname)
    lines = (line.strip() for line in text.splitlines())
    return next((line for line in lines if line and not line.startswith("#")), "")


class Trust(Enum):
    """How far mdadm trusts the name of an array."""

    LOCAL = "local"
    FOREIGN = "foreign"
    METADATA = "metadata"  # a container without a name


@dataclass(frozen=True, slots=True)
class Entry:
    """An ARRAY line."""

    device: str = ""
    uuid: str = ""
    name: str = ""
    minor: str = ""

    def matches(self, plan: ArrayPlan) -> bool:
        """conf_match(): everything that the line says holds, and it says something."""
        return (
            bool(self.uuid or self.name or self.minor)
            and self.uuid in ("", plan.uuid)
            and (not self.name or self.name.lower() == plan.set_name.lower())
            and self.minor in ("", str(plan.minor))
        )


@dataclass(slots=True)
class Configuration:
    """What mdadm.conf says."""

    homehost: str | None = None
    required: bool = True  # require_homehost
    entries: list[Entry] = field(default_factory=list)
    auto: list[str] | None = None
    devices: list[str] = field(default_factory=list)  # patterns of DEVICE; none: all

    def permits(self, names: Iterable[str]) -> bool:
        """conf_test_dev(): mdadm compares the numbers of what a pattern finds, so links count."""
        if not self.devices or "partitions" in map(str.lower, self.devices):
            return True
        return any(fnmatch.fnmatchcase(name, each) for name in names for each in self.devices)

    def free(self, name: str) -> bool:
        """conf_name_is_free(): no ARRAY line takes the name."""
        taken = (each for entry in self.entries for each in (entry.device, entry.name, entry.minor))
        return _bare(name) not in {_bare(each) for each in taken if each}

    def may_assemble(self, metadata: str) -> bool:
        """conf_test_metadata(), after autoline() made policies of the AUTO line.

        A refusal after `homehost` becomes the policy "homehost", and only "no" refuses.
        """
        kind = metadata if metadata in METADATA else "1.x"
        for word in self.auto or ():
            lower = word.lower()
            if lower == "homehost":
                return True
            if lower in ("yes", "no") or lower[1:] == "all" or _is_kind(lower[1:], kind):
                return lower == "yes" or lower[0] == "+"
        return True


def _is_kind(word: str, kind: str) -> bool:
    return word == kind or word == kind[0] or (kind == "1.x" and word.startswith("1."))


def _bare(name: str) -> str:
    """devname_matches(): /dev/md0, /dev/md/0, md0 and 0 are the same."""
    name = name.removeprefix("/dev/md/").removeprefix("/dev/")
    return name[2:] if re.match(r"md\d", name) else name


@dataclass(frozen=True, slots=True)
class Verdict:
    """What mdadm makes of an array's identity."""

    trust: Trust = Trust.FOREIGN
    entry: Entry | None = None
    refusal: str = ""  # why it does not assemble the array

    @property
    def foreign(self) -> bool:
        """MD_FOREIGN."""
        return self.trust is Trust.FOREIGN


def configuration(world: World, call: Call) -> Configuration:
    """The mdadm.conf of the image, unless the command line of mdadm forbids it."""
    files = dict(world.scenario.files)
    text = next((files[path] for path in CONFIGURATIONS if path in files), "")
    return _read(text if "--config=none" not in call.words else "")


@lru_cache(maxsize=64)  # a scenario is simulated thousands of times
def _read(text: str) -> Configuration:
    read = Configuration()
    for words in _lines(text):
        keyword = words[0].upper()
        if len(keyword) < LEAST_KEYWORD:
            continue
        if "ARRAY".startswith(keyword):
            read.entries.append(_entry(words[1:]))
        elif "HOMEHOST".startswith(keyword):
            for word in words[1:]:
                if word.lower() == IGNORED:
                    read.required = False
                elif read.homehost is None:
                    read.homehost = "" if word.lower() == NO_HOST else word
        elif "DEVICES".startswith(keyword):
            read.devices += words[1:]
        elif "AUTO".startswith(keyword) and read.auto is None:
            read.auto = words[1:]
    return read


def _lines(text: str) -> Iterator[list[str]]:
    """conf_line(): a line that starts with a blank goes on with the one before."""
    joined = re.sub(r"\n[ \t]+", " ", re.sub("#.*", "", text))
    return (words for line in joined.splitlines() if (words := line.split()))


def _entry(words: list[str]) -> Entry:
    device = next((each for each in words if each[0] == "/" or "=" not in each), "")
    pairs = dict(each.lower().split("=", 1) for each in reversed(words) if "=" in each)
    uuid = re.sub("[^0-9a-f]", "", pairs.get("uuid", ""))
    return Entry(device, uuid, pairs.get("name", ""), pairs.get("super-minor", ""))


def judge(world: World, call: Call, plan: ArrayPlan) -> Verdict:
    """Steps 3 and 3a of Incremental()."""
    conf = configuration(world, call)
    matching = [each for each in conf.entries if each.matches(plan)]
    if len(matching) > 1:
        return Verdict(refusal=MULTIPLE)
    entry = matching[0] if matching else None
    if entry is not None and entry.device.lower() == IGNORED:
        return Verdict(entry=entry, refusal=IGNORED)
    required, local = _identity(world, conf)
    own = entry is not None or _at_home(plan, local)
    if entry is None and not conf.may_assemble(plan.metadata):
        return Verdict(refusal="auto-assembly is disabled")
    if plan.level == "container":
        return Verdict(Trust.METADATA, entry)
    own = own or _at_home(plan, "any")
    own = own or (not required and conf.free(plan.set_name))
    return Verdict(Trust.LOCAL if own else Trust.FOREIGN, entry)


def refused(plan: ArrayPlan, verdict: Verdict, node: str) -> Answer:
    """How Incremental() ends for an array that mdadm.conf keeps it from."""
    if verdict.refusal == IGNORED:
        what = f"mdadm: array containing {node} is explicitly ignored by mdadm.conf"
    elif verdict.entry is None and verdict.refusal == MULTIPLE:
        return Answer(2, complaints=f"mdadm: {MULTIPLE}")
    else:
        what = f"mdadm: {node} has metadata type {plan.metadata} for which {verdict.refusal}"
    return Answer(1, complaints=what)


def not_permitted(world: World, call: Call, device: Block) -> Answer | None:
    """Step 1 of Incremental(): DEVICE in mdadm.conf may leave out a member."""
    if configuration(world, call).permits((device.node, *device.links)):
        return None
    return Answer(1, complaints=f"mdadm: {device.node} not permitted by mdadm.conf.")


def judge_volume(world: World, call: Call, plan: ArrayPlan) -> Verdict:
    """Incremental_container(): the container decides for its volumes, not HOMEHOST <ignore>."""
    box, conf = plan.container, configuration(world, call)
    assert box is not None
    matching = [each for each in conf.entries if each.matches(box)]
    _, local = _identity(world, conf)
    own = bool(matching) or _at_home(box, local) or _at_home(box, "any")
    return Verdict(Trust.LOCAL if own else Trust.FOREIGN)


def _identity(world: World, conf: Configuration) -> tuple[bool, str]:
    """The end of mdadm.c's main(): whether a host is required, and which is this one."""
    name = conf.homehost
    if name is None or name.lower() == "<system>":
        name = hostname_of(world.scenario)
    if name in ("", NO_HOST):
        return False, ""
    return conf.required, name


def _at_home(plan: ArrayPlan, host: str) -> bool:
    """match_home(): the whole name, FQDN or not, letter for letter."""
    if not host or plan.metadata == "imsm":
        return False
    if plan.metadata == "0.90":
        return plan.uuid[16:] == homehost_digits(host)
    return plan.homehost == host


def place_for(
    world: World, call: Call, plan: ArrayPlan, verdict: Verdict
) -> tuple[int | None, str]:
    """create_mddev(): the number (None: a free high one), and the name below /dev/md, or a path."""
    asked = verdict.entry.device if verdict.entry is not None else ""
    given = re.fullmatch(r"(?:/dev/md/?|)(\d+)", asked)
    number = int(given[1]) if given else None
    name = plan.metadata if plan.level == "container" else plan.set_name
    if verdict.trust is Trust.LOCAL:
        name = name.partition(":")[2] or name
        own = re.fullmatch(r"(?:/dev/)?(?:md)?/?(\d+)", name)
        if number is None and own and f"md{int(own[1])}" not in world.blocks:
            number = int(own[1])
    if asked:
        return number, asked.removeprefix("/dev/md/")
    return number, _unused(world, name, verdict.trust)


def _unused(world: World, name: str, trust: Trust) -> str:
    """A name that no array has; a foreign one needs no suffix if its host is in it."""
    taken = {block.array.name for block in world.blocks.values() if block.array is not None}
    plain = trust is Trust.LOCAL or (trust is Trust.FOREIGN and ":" in name)
    if plain and name not in taken:
        return name
    separator = "" if trust is Trust.METADATA and not name[-1].isdigit() else "_"
    number = 0
    while f"{name}{separator}{number}" in taken:
        number += 1
    return f"{name}{separator}{number}"


def skipped(world: World, call: Call) -> frozenset[str]:
    """find_free_devnm() takes no number that an ARRAY line names."""
    conf = configuration(world, call)
    if not conf.entries:
        return frozenset()
    return frozenset(f"md{number}" for number in range(128) if not conf.free(f"md{number}"))
