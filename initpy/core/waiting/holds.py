"""What holds a deadline, and why: a hold has an owner, a subject and a reason.

A deadline is held by what can still lead to what it waits for. That one rule
gives: no time-out while a user types, and no degraded start while a locked
volume may hide the missing member. `kinds.STOPS` is the table.
"""

from collections.abc import Iterator, Mapping

from initpy.core.devices.marks import LOOK
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.hold_table import SELECTIVE, STOPPED_BY, DeadlineKind, HoldKind
from initpy.core.jobs.instance import Instance, JobState
from initpy.core.state.assemblies import deadline_name
from initpy.core.state.context import Context
from initpy.core.state.deadlines import NOBODY, Deadline
from initpy.core.tuples import NamedTuple


class Hold(NamedTuple):
    """Why a deadline does not count.

    `owner` is the job that takes it, `subject` the device it may still change,
    `reason` is for the user.
    """

    owner: str
    subject: str | None
    reason: str


class Takers:
    """Who takes holds now: found once for all deadlines."""

    __slots__ = ("_context", "_starts", "by_kind")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._starts: list[tuple[int, Instance]] | None = None
        machine, prompts = context.machine, context.prompts
        self.by_kind: Mapping[HoldKind, Mapping[str, Instance]] = machine.holding
        others = machine.revealing or prompts.asking is not None or context.assemblies.confirming
        if others or context.settings.counting is not None:
            self.by_kind = _with_others(context)

    def starts_before(self, deadline: Deadline) -> Iterator[Instance]:
        """The starts that are still to come and that the deadline waits for.

        A volume group waits for arrays, whatever deadline began first: a volume may be on one.
        """
        context = self._context
        if self._starts is None:
            self._starts = [
                (other.rank, each)
                for strategy in context.handlers.manners.assembling
                for each in context.machine.pending(strategy)
                if each.hold in (HoldKind.WORK, HoldKind.START)
                and not each.busy
                and (other := context.deadlines.get(deadline_name(each))) is not None
            ]
        for rank, each in self._starts:
            if rank < deadline.rank:
                yield each


def _with_others(context: Context) -> Mapping[HoldKind, Mapping[str, Instance]]:
    """The same with holds that not just pending instances of a strategy take."""
    machine, found = context.machine, {**context.machine.holding}
    asked = machine.find(context.prompts.asking or "")
    if asked is not None and asked.state is JobState.FAILED:
        # The volume whose prompt is up though its attempt has failed: its key is tried again.
        found[HoldKind.PERSON] = {**found.get(HoldKind.PERSON, {}), asked.key: asked}
    found[HoldKind.QUESTION] = {key: machine[key] for key in context.assemblies.confirming}
    # Also while there is no way to the server yet: its cable may be late.
    found[HoldKind.SERVER] = {
        each.key: each
        for each in machine.revealing
        if each.expected or each.state is JobState.WAITING
    }
    if context.settings.counting is not None:
        asked_in_vain = (each for each in machine.failed(Strategy.UNLOCK) if each.unanswered)
        found[HoldKind.UNANSWERED] = {each.key: each for each in asked_in_vain}
    return found


def held(context: Context, deadline: Deadline) -> bool:
    """True when anything holds the deadline; looks no further than the first hold."""
    return first(context, deadline, Takers(context)) != NOBODY


def first(context: Context, deadline: Deadline, takers: Takers) -> tuple[str, str]:
    """Owner and reason of the first hold; NOBODY when nothing holds the deadline."""
    if (shell := _shell(context, deadline)) is not None:
        return shell
    if not takers.by_kind and not deadline.rank:
        return NOBODY
    instance = next(_holding(context, deadline, takers), None)
    return NOBODY if instance is None else (instance.key, _reason(instance))


def _shell(context: Context, deadline: Deadline) -> tuple[str, str] | None:
    """Owner and reason of the hold that a shell takes, if it takes one."""
    if context.breakpoints.open:
        return "break=", "a shell is open"
    if context.outcome.attended and deadline.kind is DeadlineKind.END:
        return "shell", "a user has opened it"
    return None


def _reason(instance: Instance) -> str:
    return instance.reason or "is about to run"


def holds(context: Context, deadline: Deadline) -> Iterator[Hold]:
    """What holds the deadline now, users and keys first."""
    if (shell := _shell(context, deadline)) is not None:
        yield Hold(shell[0], None, shell[1])
    for instance in _holding(context, deadline, Takers(context)):
        yield Hold(instance.key, instance.subject, _reason(instance))


def _holding(context: Context, deadline: Deadline, takers: Takers) -> Iterator[Instance]:
    selective, taking = deadline.kind in SELECTIVE, takers.by_kind
    for kind in STOPPED_BY[deadline.kind]:
        if kind in taking:
            for each in taking[kind].values():
                if not (each.stalled or each.idle) and (
                    not selective or _holds_assembly(context, each, kind, deadline)
                ):
                    yield each
        if deadline.rank and kind is HoldKind.WORK:
            for each in takers.starts_before(deadline):
                asked = context.assemblies.is_confirming(each)
                # The user may never answer, and root may be elsewhere.
                waived = asked and deadline.kind is DeadlineKind.LAST_RESORT
                if not waived and _may_reveal(context, each, deadline.subject):
                    yield each


def _holds_assembly(
    context: Context, instance: Instance, kind: HoldKind, deadline: Deadline
) -> bool:
    if kind is HoldKind.MOUNT:
        return True
    if deadline.kind is DeadlineKind.LOOK:
        return _may_show(context, instance)
    # What the user is asked about an assembly does not hold its own deadline.
    own = kind is HoldKind.QUESTION and instance.subject == deadline.subject
    return not own and _may_reveal(context, instance, deadline.subject)


def _may_show(context: Context, instance: Instance) -> bool:
    """True when the job could show more of what is looked into: it acts on what stands there."""
    device = context.device(instance)
    return (
        device is not None and LOOK in device.properties and instance.strategy is not Strategy.LOOK
    )


def _may_reveal(context: Context, instance: Instance, subject: str) -> bool:
    """True when the job could reveal a part of what the deadline is about.

    What stands on an array cannot: it is there only after the array. A job on the boot itself
    can when a device had it run, or when it says so.
    """
    job = instance.definition
    if job.reveals and context.outcome.overdue:
        return False
    if instance.subject is None:
        return job.reveals or (job.once and bool(job.match.patterns))
    return not context.devices.stands_on(instance.subject, subject)
