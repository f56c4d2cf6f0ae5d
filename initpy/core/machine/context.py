"""Everything the boot knows: the devices, the jobs on them, the clocks, the prompts."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from initpy.core.actions import Action, Moved, Report
from initpy.core.devices.graph import Device, DeviceGraph
from initpy.core.machine.definitions import Strategy
from initpy.core.machine.instance import PENDING, Instance, JobState, Stimulus
from initpy.core.machine.matching import Match
from initpy.core.machine.timers import Timer, Timers
from initpy.core.secret import Secret
from initpy.core.settings import BreakPoint, Emergency, FurtherMount, Settings
from initpy.core.waiting.deadline import Deadline

PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
SYSROOT = "/sysroot"
# Only something new moves an instance on from here, and what is new has it looked at.
AT_REST = (JobState.RUNNING, JobState.DONE, JobState.WITHDRAWN)
HOST = "/run/initpy/host"  # where the file system is mounted that has the root in a file


@dataclass(slots=True)
class State:
    """The one mutable value of the core; `Boot` owns it, strategies read and change it."""

    settings: Settings
    now: float = 0.0
    began: float = 0.0  # this engine
    devices: DeviceGraph = field(default_factory=DeviceGraph)
    instances: dict[str, Instance] = field(default_factory=dict)
    by_subject: dict[str, list[Instance]] = field(default_factory=dict)
    revealing: list[Instance] = field(default_factory=list)  # of jobs that make disks appear
    pending: dict[Strategy, dict[str, Instance]] = field(
        default_factory=lambda: {each: {} for each in Strategy}
    )
    timers: Timers = field(default_factory=Timers)
    deadlines: dict[str, Deadline] = field(default_factory=dict)  # those that can be held
    clocks: dict[str, tuple[float | None, tuple[str, str]]] = field(default_factory=dict)  # as told
    mounted: dict[str, str] = field(default_factory=dict)
    complete: bool = False  # the root is mounted, and all that is wanted below it
    known: list[Secret] = field(default_factory=list)  # passphrases that opened something (R12)
    prompts: dict[str, None] = field(default_factory=dict)  # jobs that want to ask; the first does
    asking: str | None = None
    forced: set[str] = field(default_factory=set)  # degraded starts due with the root deadline (R7)
    questions: dict[str, Deadline] = field(default_factory=dict)  # degraded starts asked about
    foreign: set[str] = field(default_factory=set)  # arrays that were recorded as such
    stuck: set[str] = field(default_factory=set)  # arrays that the kernel would not start
    unsettled: set[str] = field(default_factory=set)  # arrays that something is at work on
    offered: dict[str, int] = field(default_factory=dict)  # UUID -> how often once more
    agreed: set[str] = field(default_factory=set)  # those that a person has allowed
    named: set[str] = field(default_factory=set)  # devices that root= names
    by_role: set[str] = field(default_factory=set)  # those that may be mounted as root
    alone: bool = False  # no other disk has shown a root partition for a while (gpt-auto)
    overlay_on: set[str] = field(default_factory=set)  # devices for the root's changes
    further: tuple[FurtherMount, ...] = ()  # known once the root is mounted
    groups: dict[str, set[str]] = field(default_factory=dict)  # UUID -> devices, see groups.py
    group_of: dict[str, str] = field(default_factory=dict)
    targets: dict[str, set[str]] = field(default_factory=dict)  # where -> the devices marked so
    paused: BreakPoint | None = None  # the boot stands here while a shell is open
    passed: set[BreakPoint] = field(default_factory=set)
    leaving: bool = False  # only tools that root does not stand on are waited for
    handed_over: bool = False
    refused: str = ""  # why the mounted root could not be handed over to
    failed: bool = False  # the failure screen has been shown
    overdue: bool = False  # root's time is over: nobody waits for servers any more (R16)
    reboot: str = ""  # why the machine is to be restarted, whatever people want of a failure
    progress: dict[str, tuple[float, float]] = field(default_factory=dict)  # check -> share, when
    progress_told: float = 0.0  # when people were last told how far a check is
    waiting_since: float = 0.0  # for root
    notices: int = 0  # how often people were told that the boot still waits
    requests: dict[str, int] = field(default_factory=dict)  # unlocks that somebody waits to end
    actions: list[Action] = field(default_factory=list)
    dirty: dict[str, None] = field(default_factory=dict)  # instances to look at, in order
    # Instances whose success is any device's property: by the (key, value) awaited.
    awaiting: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    tools: set[str] = field(default_factory=set)  # jobs whose command runs, see crowded()
    queue: dict[str, None] = field(default_factory=dict)  # jobs that wait for fewer of them
    gave_up: set[str] = field(default_factory=set)  # jobs that have failed, for now or for good

    def act(self, action: Action) -> None:
        """Have something done."""
        self.actions.append(action)

    def report(self, text: str, detail: bool = False) -> None:
        """Tell people something."""
        self.actions.append(Report(text, detail))

    def touch(self, instance: Instance) -> None:
        """Have the instance looked at before this event is finished with."""
        self.dirty[instance.key] = None

    def touch_all(self, instances: Iterable[Instance]) -> None:
        """`touch` each."""
        for instance in instances:
            self.dirty[instance.key] = None

    def move(self, instance: Instance, stimulus: Stimulus, reason: str) -> None:
        """Move an instance, note it for the journal and, if it may go on, look at it again."""
        key, before = instance.key, instance.move(stimulus, self.now, reason)
        after = instance.state
        self.actions.append(Moved(key, before.word, after.word, reason))
        if after in PENDING:
            self.pending[instance.definition.strategy][key] = instance
        elif before in PENDING:
            self._not_pending(instance)
        if after is JobState.RUNNING:
            self.tools.add(key)
        elif before is JobState.RUNNING:
            self.tools.discard(key)
        elif before is JobState.AWAITING:
            self.timers.cancel(Timer.EFFECT, key)
        if after is JobState.FAILED:
            self.gave_up.add(key)
        elif before is JobState.FAILED:
            self.gave_up.discard(key)
        if after is JobState.DONE:
            instance.failures = 0
        if after not in AT_REST:
            self.dirty[key] = None

    def _not_pending(self, instance: Instance) -> None:
        """Those that wait for a job to end may go on."""
        del self.pending[instance.definition.strategy][instance.key]
        if instance.definition.once:
            for others in self.pending.values():
                self.touch_all(each for each in others.values() if each.definition.after)

    def unmounted(self) -> list[FurtherMount]:
        """What is still to be mounted below the root."""
        return [each for each in self.further if SYSROOT + each.target not in self.mounted]

    def devices_for(self, places: set[str]) -> set[str]:
        """The devices that are to be mounted at these places."""
        found = set(self.by_role) if SYSROOT in places else set()
        for place in places - {SYSROOT}:
            found |= self.targets.get(place, set())
        return found

    @property
    def ending(self) -> Emergency:
        """How the boot ends when it ends without the root."""
        return Emergency.REBOOT if self.reboot else self.settings.emergency

    def awaits_job(self, instance: Instance) -> str | None:
        """The job that must end before this one may run, None when there is none (any more)."""
        for name in instance.definition.after:
            other = self.instances.get(name)
            if other is not None and other.pending:
                return name
        return None

    def device(self, instance: Instance) -> Device | None:
        """The subject as it is now; None when it is gone or the job has none."""
        return self.devices.get(instance.subject) if instance.subject is not None else None

    def fill(self, template: str, instance: Instance) -> str:
        """Put the subject's properties into a template; absent ones become empty.

        `{below}` is the node of a device that the subject stands on.
        """
        if "{" not in template:
            return template
        device = self.device(instance)
        properties = device.properties if device else {}
        if "{below}" in template and device is not None:
            lower = self.devices.slaves(device.name)
            template = template.replace("{below}", lower[0].node if lower else "")
        return PLACEHOLDER.sub(lambda found: properties.get(found[1], ""), template)

    def command(
        self, instance: Instance, several: Mapping[str, Sequence[str]] | None = None
    ) -> tuple[str, ...]:
        """The job's command, its templates filled in.

        `several`: placeholders of a strategy that stand for any number of words, as `{without}`
        does for all.
        """
        words: list[str] = []
        for word in instance.definition.run:
            if "{" not in word:
                words.append(word)
            elif several is not None and word in several:
                words += several[word]
            elif word == "{without}":
                off = self.settings.switched_off
                for switch, given in instance.definition.without:
                    words += given if switch in off else ()
            else:
                words.append(self.fill(word, instance))
        return tuple(words)

    def describe(self, instance: Instance) -> str:
        """What the job does, as a sentence part for people."""
        return self.fill(instance.definition.does, instance)

    def holds_true(self, instance: Instance) -> bool:
        """True when the world shows what the job is to achieve."""
        success = instance.definition.success
        if (success.exit and not instance.succeeded) or (
            success.published and not instance.published
        ):
            return False
        if success.mounted and self.fill(success.mounted, instance) not in self.mounted:
            return False
        if success.subject is not None:
            device = self.device(instance)
            if device is None or not success.subject.accepts(device.properties):
                return False
        if success.holder is not None and not self._has_holder(instance, success.holder):
            return False
        return not success.device or self._has_device(instance)

    def _has_holder(self, instance: Instance, match: Match) -> bool:
        for each in self.devices.above(instance.subject) if instance.subject else ():
            if match.accepts(each.properties):
                return True
        return False

    def awaited(self, instance: Instance) -> list[tuple[str, str]]:
        """The `(property, value)` pairs of any device that the job's success asks for."""
        asked = instance.definition.success.device or {}
        return [(key, self.fill(text, instance)) for key, text in asked.items()]

    def _has_device(self, instance: Instance) -> bool:
        asked = self.awaited(instance)
        found = [self.devices.having(key, value) for key, value in asked]
        return bool(found) and bool(frozenset.intersection(*found))

    def unwanted(self, instance: Instance) -> str | None:
        """Why people do not want this job to run, or None when they do (R1)."""
        switch = instance.definition.switch
        if switch is not None and switch in self.settings.switched_off:
            return f"switched off by {switch}=0"
        layer = instance.definition.layer
        if layer is None:
            return None
        policy = self.settings.layer(layer)
        if not policy.enabled:
            return f"switched off by {policy.by}"
        device = self.device(instance)
        if instance.definition.strategy is Strategy.UNLOCK and self.settings.volumes and device:
            named = self.settings.volume(device) is not None
            return None if named else "not among the volumes that people named"
        templates = instance.definition.identity
        if not policy.named or not templates:
            return None
        names = {normalised(self.fill(each, instance)) for each in templates}
        if names & {normalised(each) for each in policy.named}:
            return None
        return f"not among those that {policy.by} names"


def normalised(name: str) -> str:
    """Names of arrays and volumes compared regardless of how their UUID is punctuated."""
    bare = name.lower().replace(":", "").replace("-", "")
    return bare if re.fullmatch("[0-9a-f]{32}", bare) else name
