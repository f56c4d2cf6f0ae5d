"""Builds the tree that explains the present state (R23): root, what may lead to it, every wait.

Imported only when a tree is shown: most boots never need it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from initpy.core.devices.graph import Device, DeviceGraph
from initpy.core.devices.suggestions import Near, names, nearest
from initpy.core.goals import naming as roles
from initpy.core.goals.naming import LAYERS
from initpy.core.machine.context import SYSROOT, State
from initpy.core.machine.definitions import Strategy
from initpy.core.machine.instance import Instance, JobState
from initpy.core.machine.timers import Timer
from initpy.core.settings import FurtherMount, Naming
from initpy.core.storage.assembly import deadline_name
from initpy.core.tree import Node
from initpy.core.waiting.deadline import Deadline
from initpy.core.waiting.holds import END, ROOT_WAIT, holds

# States that need no explanation: nothing waits for them.
QUIET = (JobState.DONE, JobState.WITHDRAWN)
# Where the job is not at work, a word of people's language; otherwise the state's own.
WORDS = {
    JobState.READY: "waits",
    JobState.SKIPPED: "not wanted",
    JobState.AWAITING: "done, its effect is to show",
}
TIMERS = {  # whose end people see coming
    JobState.RUNNING: (Timer.LIMIT, "stopped then"),
    JobState.FAILED: (Timer.RETRY, "tried again then"),
    JobState.AWAITING: (Timer.EFFECT, "failed then"),
}


def explain(state: State, most: int | None = None) -> Node:
    """Root at the top; below it the devices that may lead to it, and what is done with them.

    `most`: so many devices at the top of their stack are shown, the most telling ones.
    """
    return _Explainer(state).root(most)


@dataclass(slots=True)
class _Explainer:
    """One tree in the making."""

    state: State
    shown: set[str] = field(default_factory=set)  # devices: each is told of once
    told: set[str] = field(default_factory=set)  # deadlines

    def root(self, most: int | None) -> Node:
        state = self.state
        root = state.settings.root
        clock = state.deadlines.get(ROOT_WAIT)
        tops, left_out = self._tops(most)
        children = [self._job(each) for each in self._jobs(None)]
        children += [self._further(each, clock) for each in state.unmounted()]
        children += [self._device(each) for each in tops]
        if left_out:
            children.append(Node(f"{left_out} more devices", "not shown here"))
        children += [
            self._wait(each)
            for each in state.deadlines.values()
            if each.name not in self.told and each.name != ROOT_WAIT
        ]
        word, reason = self._root_state()
        return Node(
            f"root {root or '(not given)'}",
            word,
            since=state.waiting_since if word != "mounted" else None,
            left=clock.left(state.now) if clock else None,
            reason=reason,
            children=tuple(children),
            held=self._held(clock),
        )

    def _root_state(self) -> tuple[str, str]:
        state = self.state
        root = state.settings.root
        if SYSROOT in state.mounted:
            return "mounted", state.refused or f"from {state.mounted[SYSROOT]}"
        word = "waiting"
        if state.failed:
            word = "not mounted" if state.by_role else "not found"
        if root is None:
            return word, "the command line has no root=: add one, e.g. root=UUID=…"
        if (why := roles.why_not(state)) is not None:
            return word, why
        if state.by_role:
            return (
                word,
                f"found on {', '.join(map(self._node, sorted(state.by_role)))}, not mounted",
            )
        if named := next((each for each in state.devices if root.names(each)), None):
            kind = named.properties.get("ID_FS_TYPE", "no file system")
            return word, (
                f"{named.node} has this name, but holds {kind}: name the file system inside it"
            )
        if not any(True for _ in self._real_devices()):
            return word, "not one disk has been seen"
        near = min(
            filter(None, (nearest(root, each) for each in self._real_devices())), default=None
        )
        hint = f"; is {near.name} meant?" if near else ""
        return word, f"no device with that name has been seen{hint}"

    def _further(self, each: FurtherMount, clock: Deadline | None) -> Node:
        """What is wanted below the root and not mounted."""
        names = ", ".join(map(self._node, sorted(self.state.devices_for({SYSROOT + each.target}))))
        reason = f"found on {names}, not mounted" if names else "not seen, or not yet its turn"
        left = clock.left(self.state.now) if clock is not None else None
        return Node(f"{each.target} {each.source}", "waiting", None, left, reason)

    # Devices

    def _node(self, name: str) -> str:
        device = self.state.devices.get(name)
        return device.node if device else name

    def _real_devices(self) -> Iterator[Device]:
        """All but empty loops and drives; an array that has not started has no size yet."""
        known = self.state.devices
        return (each for each in known if each.slaves or each.properties.get("size") != "0")

    def _tops(self, most: int | None) -> tuple[list[Device], int]:
        """The devices that nothing stands on, the most telling first: one should have been root."""
        state = self.state
        tops = [each for each in self._real_devices() if not state.devices.holders(each.name)]
        tops.sort(key=self._rank)
        kept = tops if most is None else tops[:most]
        return kept, len(tops) - len(kept)

    def _rank(self, device: Device) -> tuple[float, str]:
        """What root= names, what is worked on, what resembles the name, the rest."""
        state, root = self.state, self.state.settings.root
        if device.name in state.by_role or (root is not None and root.names(device)):
            return 0.0, device.name
        if any(each.state in (JobState.READY, JobState.RUNNING, JobState.FAILED, JobState.AWAITING)
               for each in self._jobs(device.name)):  # fmt: skip
            return 1.0, device.name
        near: Near | None = nearest(root, device) if root is not None else None
        if near is not None:
            return 2.0 + near.distance, device.name
        return (4.0 if "ID_FS_TYPE" in device.properties else 5.0), device.name

    def _device(self, device: Device) -> Node:
        self.shown.add(device.name)
        state = self.state
        children = [self._job(each) for each in self._jobs(device.name)]
        children += [
            self._wait(each)
            for each in state.deadlines.values()
            if each.subject == device.name and each.name not in self.told
        ]
        word, why = _condition(device, bool(state.devices.holders(device.name)))
        whole = not state.devices.holders(device.name)
        content = _content(device, whole)
        if group := lacking_group(self.state.devices, device):
            why = ", ".join(filter(None, (f"volume group {group}, which is incomplete", why)))
        reason = ", ".join(filter(None, (*content, why)))
        repeated = []
        for lower in state.devices.slaves(device.name):
            if lower.name in self.shown:
                repeated.append(lower.node)
            # A partition's disk is of interest only when something is done with it.
            elif device.properties.get("DEVTYPE") != "partition" or any(self._jobs(lower.name)):
                children.append(self._device(lower))
        if repeated and device.properties.get("DEVTYPE") != "partition":
            reason += f"; on {', '.join(repeated)} (above)"
        return Node(_label(device), word, reason=reason, children=tuple(children))

    # Jobs and waits

    def _jobs(self, subject: str | None) -> list[Instance]:
        state = self.state
        if subject is None:
            found: Iterable[Instance] = (
                each for each in state.instances.values() if each.subject is None
            )
        else:
            found = state.by_subject.get(subject, ())
        shown = [each for each in found if each.state not in QUIET]
        return sorted(shown, key=lambda each: each.key)

    def _job(self, instance: Instance) -> Node:
        state = self.state
        parts = [instance.reason]
        if instance.definition.strategy is Strategy.UNLOCK and instance.pending:
            if instance.key == state.asking:
                parts.append("the prompt is up")
            elif instance.key in state.prompts:
                parts.append("asked for after the others (an empty line at a prompt goes on)")
            if not state.settings.volumes:
                parts.append("a candidate, since no volume was named")
        if instance.definition.strategy is Strategy.CHECK:
            from initpy.core.goals.fsck import standstill

            parts.append(standstill(state, instance))
        if instance.failures and instance.definition.strategy is not Strategy.UNLOCK:
            parts.append(f"{instance.failures} of {instance.definition.tries} tries used")
        clock = state.deadlines.get(deadline_name(instance))
        left = None
        if clock is not None:
            self.told.add(clock.name)
            left = clock.left(state.now)
        elif instance.state in TIMERS:
            timer, then = TIMERS[instance.state]
            due = state.timers.due(timer, instance.key)
            if due is not None:
                left = max(0.0, due - state.now)
                parts.append(then)
        return Node(
            state.describe(instance),
            WORDS.get(instance.state, instance.state.value),
            instance.since,
            left,
            "; ".join(filter(None, parts)),
            held=self._held(clock),
        )

    def _wait(self, deadline: Deadline) -> Node:
        self.told.add(deadline.name)
        label = deadline.name
        if label == END:
            label = f"{self.state.ending.value} of the machine"
        left = deadline.left(self.state.now)
        return Node(label, "waits", left=left, held=self._held(deadline))

    def _held(self, deadline: Deadline | None) -> tuple[str, ...]:
        if deadline is None or not deadline.held:
            return ()
        found = holds(self.state, deadline)
        return tuple(dict.fromkeys(f"{each.owner} ({each.reason})" for each in found))


def _label(device: Device) -> str:
    """The node, and the name that people gave it."""
    known = device.properties
    name = known.get("DM_NAME")
    if device.name.startswith("md"):  # a member knows the array's name, too
        name = known.get("MD_DEVNAME") or known.get("MD_NAME")
    return f"{device.node} ({name})" if name and name not in device.node else device.node


def _condition(device: Device, held: bool) -> tuple[str, str]:
    """A word for what the device is like, and why."""
    known = device.properties
    if known.get("md/array_state") in ("inactive", "clear"):
        return "incomplete", _members(known)
    if known.get("DM_SUSPENDED") == "1" or known.get("dm/suspended") == "1":
        return "suspended", ""
    if not device.ready:
        return "not ready", "incomplete, or udev has not finished with it"
    if held:
        return "in use", _members(known)
    if known.get("ID_FS_USAGE") == "crypto":
        return "locked", ""
    return "ready", _members(known)


def _members(known: Mapping[str, str]) -> str:
    """What an array lacks, as the kernel says."""
    missing = known.get("md/degraded", "0")
    if missing in ("0", ""):
        return ""
    return f"{missing} of its {known.get('md/raid_disks', '?')} members missing"


def _table(kind: str | None, whole: bool) -> str:
    """What there is to say of a partition table; `whole`: no partition stands on the device.

    udev (libblkid) takes a GPT's backup where the first copy is damaged; the kernel does so
    only when it is told to (`gpt` in admin-guide/kernel-parameters.rst).
    """
    if kind is None:
        return "no known content"
    if kind == "PMBR":
        return "gpt partition table, damaged in both copies"
    if kind == "gpt" and whole:
        return (
            "gpt partition table, but the kernel has made no partitions of it: if its first copy "
            "is damaged, the word gpt on the kernel command line has the backup used"
        )
    return f"{kind} partition table"


def _content(device: Device, whole: bool) -> Iterator[str]:
    """What is on the device, in the words that root= understands."""
    known = device.properties
    kind = known.get("ID_FS_TYPE")
    usable = known.get("ID_FS_USAGE") not in LAYERS
    yield kind or _table(known.get("ID_PART_TABLE_TYPE"), whole)
    for each in names(device):
        if usable or each.naming in (Naming.PARTUUID, Naming.PARTLABEL):
            yield str(each)
        else:
            yield f"{each.naming.value} {each.value}"
    if model := known.get("ID_MODEL"):
        yield model.replace("_", " ").strip()


def lacking_group(devices: DeviceGraph, device: Device) -> str:
    """The volume group of a physical volume, if it lacks others; else empty.

    Each volume tells what there was when it was looked at: a later one may have completed it.
    """
    group = device.properties.get("LVM_VG_NAME_INCOMPLETE", "")
    if group and any(each.properties.get("LVM_VG_NAME_COMPLETE") == group for each in devices):
        return ""
    return group
