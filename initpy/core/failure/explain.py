"""Builds the tree that explains the present state (R23): root, what may lead to it, every wait.

Imported only when a tree is shown: most boots never need it.
"""

from collections.abc import Iterable, Iterator

from initpy.core.devices.graph import BLOCK, DERIVED, Device
from initpy.core.devices.suggestions import Near, nearest
from initpy.core.explanation import Node
from initpy.core.failure.words import condition, content, may_be_damaged
from initpy.core.goals.naming import why_not
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.hold_table import DeadlineKind
from initpy.core.jobs.instance import Instance, JobState
from initpy.core.jobs.timers import Timer
from initpy.core.machine.templates import describe
from initpy.core.settings import ExtraMount
from initpy.core.slots import dataclass, field
from initpy.core.state.assemblies import deadline_name
from initpy.core.state.context import Context
from initpy.core.state.deadlines import Deadline
from initpy.core.state.goals import SYSROOT
from initpy.core.waiting.holds import holds

# States that need no explanation: nothing waits for them.
QUIET = (JobState.DONE, JobState.WITHDRAWN)
# Words for states in which the job is not at work; other states have their own.
WORDS = {
    JobState.READY: "waits",
    JobState.SKIPPED: "not wanted",
    JobState.AWAITING: "done, its effect is to show",
}
TIMERS = {  # whose end the tree announces
    JobState.RUNNING: (Timer.LIMIT, "stopped then"),
    JobState.FAILED: (Timer.RETRY, "tried again then"),
    JobState.AWAITING: (Timer.EFFECT, "failed then"),
}


def explain(context: Context, most: int | None = None) -> Node:
    """Root at the top; below it the devices that may lead to it, and what is done with them.

    `most`: how many devices at the top of their stack are shown, the most telling first.
    """
    return _Explainer(context).root(most)


@dataclass(slots=True)
class _Explainer:
    """One tree in the making."""

    context: Context
    shown: set[str] = field(default_factory=set)  # devices: each is told of once
    told: set[str] = field(default_factory=set)  # deadlines

    def root(self, most: int | None) -> Node:
        context = self.context
        root = context.settings.root
        clock = context.deadlines.root
        tops, left_out = self._tops(most)
        children = [self._job(each) for each in self._jobs(None)]
        children += [self._further(each, clock) for each in context.goals.unmounted()]
        for nodes in context.technologies.nodes:
            children += nodes(context)
        children += [self._job(job) for each in self._declared() for job in self._jobs(each)]
        children += [self._device(each) for each in tops]
        if left_out:
            children.append(Node(f"{left_out} more devices", "not shown here"))
        children += [
            self._wait(each)
            for each in context.deadlines.every()
            if each.name not in self.told and each.kind is not DeadlineKind.ROOT
        ]
        if context.settings.counting is not None:
            from initpy.core.failure import assessment  # few boots are counted

            children.insert(0, assessment.node(context.settings.counting))
        word, reason = self._root_state()
        return Node(
            f"root {root or '(not given)'}",
            word,
            since=context.outcome.waiting_since if word != "mounted" else None,
            left=clock.left(context.now) if clock else None,
            reason=reason,
            children=tuple(children),
            held=self._held(clock),
        )

    def _root_state(self) -> tuple[str, str]:
        context = self.context
        root = context.settings.root
        if context.goals.root_mounted:
            return "mounted", context.goals.refused or f"from {context.goals.mounted[SYSROOT]}"
        word = "waiting"
        if context.outcome.failed:
            word = "not mounted" if context.goals.root_matches else "not found"
        if context.settings.refusal:
            return "left alone", "see above"
        if root is None and context.settings.unread:
            return word, "root= is not understood: change it in the boot loader's menu"
        if root is None:
            return word, "the command line has no root=: add one, e.g. root=UUID=…"
        if (why := why_not(context)) is not None:
            return word, why
        if any(each in context.goals.root_matches for each in self._declared()):
            return word, "see below"
        if context.goals.root_matches:
            names = ", ".join(map(self._node, sorted(context.goals.root_matches)))
            return word, f"found on {names}, not mounted"
        if named := next((each for each in context.devices if root.names(each)), None):
            kind = named.properties.get("ID_FS_TYPE", "no file system")
            return word, (
                f"{named.node} has this name, but holds {kind}: name the file system inside it"
            )
        if context.settings.network is None and not any(True for _ in self._real_devices()):
            return word, "not one disk has been seen"
        near = min(
            filter(None, (nearest(root, each) for each in self._real_devices())), default=None
        )
        hint = f"; is {near.name} meant?" if near else ""
        return word, f"no device with that name has been seen{hint}"

    def _further(self, each: ExtraMount, clock: Deadline | None) -> Node:
        """What is wanted below the root and not mounted."""
        devices = self.context.goals.devices_for({SYSROOT + each.target})
        names = ", ".join(map(self._node, sorted(devices)))
        reason = f"found on {names}, not mounted" if names else "not seen, or not yet its turn"
        left = clock.left(self.context.now) if clock is not None else None
        return Node(f"{each.target} {each.source}", "waiting", None, left, reason)

    # Devices

    def _node(self, name: str) -> str:
        device = self.context.devices.get(name)
        return device.node if device else name

    def _real_devices(self) -> Iterator[Device]:
        """All but empty loops and drives; an array that has not started has no size yet."""
        known = self.context.devices
        blocks = (each for each in known if each.kind is BLOCK or each.kind in DERIVED)
        return (each for each in blocks if each.slaves or each.properties.get("size") != "0")

    def _declared(self) -> list[str]:
        return [
            each.name
            for each in self.context.devices
            if each.kind.declared and each.kind not in DERIVED
        ]

    def _tops(self, most: int | None) -> tuple[list[Device], int]:
        """The devices that nothing stands on, the most telling first: one should have been root."""
        context = self.context
        tops = [each for each in self._real_devices() if not context.devices.holders(each.name)]
        tops.sort(key=self._rank)
        kept = tops if most is None else tops[:most]
        return kept, len(tops) - len(kept)

    def _rank(self, device: Device) -> tuple[float, str]:
        """What root= names, what is worked on, what resembles the name, the rest."""
        context, root = self.context, self.context.settings.root
        if device.name in context.goals.root_matches or (root is not None and root.names(device)):
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
        context = self.context
        children = [self._job(each) for each in self._jobs(device.name)]
        children += [
            self._wait(each)
            for each in context.deadlines.every()
            if each.subject == device.name and each.name not in self.told
        ]
        word, why = self._condition(device)
        whole = not context.devices.holders(device.name)
        found = content(device, whole)
        for part_of in context.technologies.part_of:
            if part := part_of(context, device):
                why = ", ".join(filter(None, (part, why)))
        reason = ", ".join(filter(None, (*found, why)))
        repeated = []
        for lower in context.devices.slaves(device.name):
            if lower.name in self.shown:
                repeated.append(lower.node)
            # A partition's disk is of interest only when something is done with it.
            elif device.properties.get("DEVTYPE") != "partition" or any(self._jobs(lower.name)):
                children.append(self._device(lower))
        if repeated and device.properties.get("DEVTYPE") != "partition":
            reason += f"; on {', '.join(repeated)} (above)"
        return Node(
            self._label(device),
            word,
            reason=reason,
            children=tuple(children),
            doubtful=device.node if device.kind is BLOCK and may_be_damaged(device) else "",
        )

    def _label(self, device: Device) -> str:
        """The node, and the name that the user gave it."""
        name = device.properties.get("DM_NAME", "")
        for name_of in self.context.technologies.name_of:
            name = name_of(device) or name
        return f"{device.node} ({name})" if name and name not in device.node else device.node

    def _condition(self, device: Device) -> tuple[str, str]:
        """A word for what the device is like, and why."""
        held = bool(self.context.devices.holders(device.name))
        word, why = condition(device, held)
        for judged in self.context.technologies.condition:
            other, reason = judged(device)
            word, why = other or word, reason or ("" if other else why)
        return word, why

    # Jobs and waits

    def _jobs(self, subject: str | None) -> list[Instance]:
        context = self.context
        if subject is None:
            found: Iterable[Instance] = (
                each for each in context.machine.every() if each.subject is None
            )
        else:
            found = context.machine.on(subject)
        shown = [each for each in found if each.state not in QUIET]
        return sorted(shown, key=lambda each: each.key)

    def _job(self, instance: Instance) -> Node:
        context = self.context
        parts = [instance.reason]
        if instance.strategy is Strategy.UNLOCK and instance.pending:
            if instance.key == context.prompts.asking:
                parts.append("the prompt is up")
            elif instance.key in context.prompts.queued:
                parts.append("asked for after the others (an empty line at a prompt goes on)")
            if not context.settings.volumes:
                parts.append("a candidate, since no volume was named")
        if instance.strategy in (Strategy.CHECK, Strategy.CHECK_OTHER):
            from initpy.core.goals.fsck import standstill

            parts.append(standstill(context, instance))
        if instance.failures and instance.failed_with not in ("", instance.reason):
            parts.append(f"failed before: {instance.failed_with}")
        if instance.failures and instance.strategy is not Strategy.UNLOCK:
            parts.append(f"{instance.failures} of {instance.definition.tries} tries used")
        clock = context.deadlines.get(deadline_name(instance))
        left = None
        if clock is not None:
            self.told.add(clock.name)
            left = clock.left(context.now)
        elif instance.state in TIMERS:
            timer, then = TIMERS[instance.state]
            due = context.machine.timers.due(timer, instance.key)
            if due is not None:
                left = max(0.0, due - context.now)
                parts.append(then)
        return Node(
            describe(context, instance),
            WORDS.get(instance.state, instance.state.value),
            instance.since,
            left,
            "; ".join(filter(None, parts)),
            held=self._held(clock),
        )

    def _wait(self, deadline: Deadline) -> Node:
        self.told.add(deadline.name)
        label = deadline.name
        if deadline.kind is DeadlineKind.END:
            label = f"{self.context.outcome.ending.value} of the machine"
        left = deadline.left(self.context.now)
        return Node(label, "waits", left=left, held=self._held(deadline))

    def _held(self, deadline: Deadline | None) -> tuple[str, ...]:
        if deadline is None or not deadline.held:
            return ()
        found = holds(self.context, deadline)
        return tuple(dict.fromkeys(f"{each.owner} ({each.reason})" for each in found))
