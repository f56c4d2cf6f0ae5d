"""LVM volume groups: complete ones at once, incomplete ones after a timer, and only wanted ones.

Each physical volume that appears is shown to `lvm pvscan`, which records it
under /run/lvm and says whether its group is complete by now. That record is
the memory: a second scan says the same again (R5), and the real system's own
scan finds nothing that it would take for its own work.

Which groups are wanted (R1): those that `rd.lvm.vg=` and `rd.lvm.lv=` name,
and no others. When only `root=` or `resume=` name a group, one that may lead
to it all the same (LVM on LUKS on LVM) is activated as the last way, when
nothing else is left that could. When nobody names one, all that are complete.
"""

from dataclasses import dataclass, field

from initpy.core.devices.graph import Device
from initpy.core.events import JobEnded
from initpy.core.machine.context import State
from initpy.core.machine.definitions import Layer, Strategy
from initpy.core.machine.instance import Instance, Stimulus
from initpy.core.machine.rules import ended, start
from initpy.core.machine.timers import Timer
from initpy.core.storage.assembly import GRACE_SECONDS, deadline_name, drop_timer, groups_first
from initpy.core.waiting.deadline import LAST_RANK, Deadline

COMPLETE, INCOMPLETE = "LVM_VG_NAME_COMPLETE", "LVM_VG_NAME_INCOMPLETE"
# How long nothing may be at work before a group that root= does not name is tried.
OTHERS_SECONDS = 5.0
# An incomplete group waits for arrays that are still to start.
GROUP_RANK = 1
# pvscan(8): nothing but facts, for udev; without it, what it thinks of the device.
FACTS_ONLY = "--udevoutput"


@dataclass(slots=True)
class Groups:
    """The strategies of the LVM jobs; remembers what need not be done twice."""

    active: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)  # group -> why it is not activated
    speakers: dict[str, str] = field(default_factory=dict)  # incomplete group -> job with its timer
    # Scans that said nothing -> the run in which LVM is asked why. Another run is another life of
    # the device, which came back while LVM was still to answer.
    silent: dict[str, int] = field(default_factory=dict)

    def wake(self, state: State) -> None:
        """Those that wait for others of their group look again."""
        for strategy in (Strategy.GROUP_ACTIVATE, Strategy.GROUP_START):
            state.touch_all(state.pending[strategy].values())

    def forget(self, state: State, device: Device | None) -> None:
        """A physical volume has come or gone: what its group needs is open again."""
        for group in _groups(device):
            self.active.discard(group)
            self.refused.pop(group, None)
        self.wake(state)

    def step(self, state: State, instance: Instance) -> None:
        """One of the LVM jobs is ready."""
        match instance.definition.strategy:
            case Strategy.GROUP_SCAN:
                self._scan(state, instance)
            case Strategy.GROUP_ACTIVATE:
                self._activate(state, instance)
            case _:
                self._start(state, instance)

    def ended(self, state: State, instance: Instance, event: JobEnded) -> None:
        """The command of one of them has ended."""
        if instance.definition.strategy is Strategy.GROUP_SCAN:
            self._scanned(state, instance, event)
        else:
            self._activated(state, instance, event)

    # Looking at physical volumes

    def _scan(self, state: State, instance: Instance) -> None:
        """Show the volume to LVM."""
        command = _command(state, instance)
        if self.silent.get(instance.key) == instance.run + 1:
            command = tuple(word for word in command if word != FACTS_ONLY)
        start(state, instance, command)

    def _scanned(self, state: State, instance: Instance, event: JobEnded) -> None:
        """LVM has said which group it is of, or has nothing to say: then it is asked why."""
        if self.silent.pop(instance.key, None) == instance.run:
            self._explained(state, instance, event)
            return
        keys = instance.definition.publishes
        found = any(line.startswith(keys) for line in event.output.splitlines())
        last = instance.failures + 1 >= instance.definition.tries
        if (event.status == 0 and not found) or (event.status and last):
            self.silent[instance.key] = instance.run + 1
            state.timers.cancel(Timer.LIMIT, instance.key)
            state.move(instance, Stimulus.RETRY, "LVM is asked why it leaves it alone")
            return
        ended(state, instance, event)
        self.forget(state, state.device(instance))

    def _explained(self, state: State, instance: Instance, event: JobEnded) -> None:
        why = "; ".join(_remarks(f"{event.complaints}\n{event.output}")) or "no reason given"
        state.timers.cancel(Timer.LIMIT, instance.key)
        state.move(instance, Stimulus.RETRY, why)
        if event.status == 0:
            state.move(instance, Stimulus.NOT_WANTED, f"left alone by LVM: {why}")
        else:
            state.report(f"{state.describe(instance)}: {why}")
            instance.failures = instance.definition.tries
            state.move(instance, Stimulus.GIVEN_UP, why)

    # Activating groups

    def _activate(self, state: State, instance: Instance) -> None:
        """A group is complete: activate it once, unless root= names another one."""
        group = _group(state, instance, COMPLETE)
        if group is None:
            return
        if group in self.active:
            drop_timer(state, instance)
            instance.succeeded = True
            state.touch(instance)
        elif not _wanted(state, group) and not _due(state, instance, OTHERS_SECONDS, LAST_RANK):
            instance.reason = (
                f"{group} is not named: activated when nothing else can lead to the root"
            )
        elif other := _at_work(state, group):
            # Volumes that come at once are each told to be the last.
            instance.reason = f"{group} is being activated, as {other.subject} has shown"
        else:
            drop_timer(state, instance)
            start(state, instance, _command(state, instance, group))

    def _start(self, state: State, instance: Instance) -> None:
        """A group is incomplete: wait for the rest, then activate what can be."""
        group = _group(state, instance, INCOMPLETE)
        if group is None:
            return
        if group in self.active:
            instance.succeeded = True
            state.touch(instance)
        elif group in self.refused:
            instance.failures = instance.definition.tries
            state.move(instance, Stimulus.GIVEN_UP, self.refused[group])
        elif not _wanted(state, group):
            state.move(instance, Stimulus.NOT_WANTED, "root= names another group")
        elif other := self._other(state, instance, group):
            instance.reason = other
            drop_timer(state, instance)
        elif _due(state, instance, state.settings.lvm.timeout, GROUP_RANK) or instance.failures:
            if groups_first(state, instance):
                return
            drop_timer(state, instance)
            state.report(f"{group}: activating it without its missing physical volumes")
            start(state, instance, _command(state, instance, group))
        else:
            instance.reason = f"{group} is incomplete: waits for its other physical volumes"

    def _other(self, state: State, instance: Instance, group: str) -> str:
        """Why another instance acts for this group; empty when this one does."""
        for each in state.pending[Strategy.GROUP_ACTIVATE].values():
            if _group(state, each, COMPLETE) == group:
                return f"{group} is complete by now"
        first = state.instances.get(self.speakers.get(group, ""), instance)
        if first is not instance and first.expected and _group(state, first, INCOMPLETE) == group:
            return f"{group} is incomplete, as {first.subject} has shown"
        self.speakers[group] = instance.key
        return ""

    def _activated(self, state: State, instance: Instance, event: JobEnded) -> None:
        """LVM has done what it could; its complaints name the volumes that are missing."""
        incomplete = instance.definition.strategy is Strategy.GROUP_START
        group = _group(state, instance, INCOMPLETE if incomplete else COMPLETE)
        remarks = _remarks(event.complaints)
        missing = [each for each in remarks if "is missing PV" in each]
        if event.status:
            why = "; ".join(dict.fromkeys((*missing, *remarks[-1:])))
            event = event._replace(error=_our_parameter(why))
        for each in missing if event.status == 0 else ():
            state.report(each)
        if incomplete and event.status > 0:
            instance.failures = instance.definition.tries - 1  # refused: not to be asked again
        ended(state, instance, event)
        if group is None:
            return
        if event.status == 0:
            self.active.add(group)
        elif incomplete and instance.failures >= instance.definition.tries:
            self.refused[group] = instance.reason
        self.wake(state)


def _at_work(state: State, group: str) -> Instance | None:
    """The job that is activating the complete group."""
    pending = state.pending[Strategy.GROUP_ACTIVATE].values()
    return next(
        (each for each in pending if each.busy and _group(state, each, COMPLETE) == group), None
    )


def _groups(device: Device | None) -> tuple[str, ...]:
    known = device.properties if device else {}
    return tuple(known[key] for key in (COMPLETE, INCOMPLETE) if key in known)


def _group(state: State, instance: Instance, key: str) -> str | None:
    device = state.device(instance)
    return device.properties.get(key) if device else None


def _wanted(state: State, group: str) -> bool:
    hinted = state.settings.lvm.hinted
    return not hinted or group in hinted or group in state.settings.layer(Layer.LVM).named


def _due(state: State, instance: Instance, seconds: float, rank: int) -> bool:
    name = deadline_name(instance)
    deadline = state.deadlines.get(name)
    if deadline is None:
        deadline = state.deadlines[name] = Deadline(name, seconds, GRACE_SECONDS, rank=rank)
    return deadline.over(state.now) or instance.key in state.forced


def _command(state: State, instance: Instance, group: str = "") -> tuple[str, ...]:
    """The command with what people asked for filled in."""
    policy = state.settings.lvm
    chosen = sorted(each for each in policy.volumes if each.partition("/")[0] == group)
    named = group in policy.hinted or group in state.settings.layer(Layer.LVM).named
    several = {
        # lvm(8): an empty LVM_SYSTEM_DIR means no configuration.
        "{lvm}": ["lvm"] if policy.configured else ["env", "LVM_SYSTEM_DIR=", "lvm"],
        "{volumes}": chosen or [group],
        # "ay" leaves alone what people have excluded from automatic activation.
        "{how}": ["y" if named else "ay"],
        "{mode}": ["--activationmode", policy.mode] if policy.mode else [],
    }
    return state.command(instance, several)


def _remarks(text: str) -> list[str]:
    """What LVM said, each remark once, without what only its own log needs."""
    lines = [line.strip().removeprefix("WARNING: ") for line in text.splitlines()]
    bare = [line.partition("] ")[2] if line.startswith("pvscan[") else line for line in lines]
    return list(dict.fromkeys(line.rstrip(".") for line in bare if line))


def _our_parameter(text: str) -> str:
    return text.replace("--activationmode partial", "rd.lvm.activationmode=partial")
