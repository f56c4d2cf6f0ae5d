"""One way for everything that may start, or be mounted, with parts missing (R7, R8).

A technology says what is missing and what the rules for it are (`Plan`); when the
parts have had their time, and the user agrees where that is asked for, it starts.
"""

from initpy.core.jobs.hold_table import GRACE_SECONDS, DeadlineKind
from initpy.core.jobs.instance import Instance, JobState, Stimulus
from initpy.core.state.assemblies import Assembly, Phase, Step, deadline_name
from initpy.core.state.context import Context
from initpy.core.state.deadlines import Deadline
from initpy.core.tuples import NamedTuple
from initpy.core.waiting.clock import give_time


class Plan(NamedTuple):
    """How an assembly is to be started without its missing parts.

    `seconds`: how long the parts have. `again`: a start that has failed is tried again at once.
    `forbidden`: why it must not be started, "" if it may. `confirm`: the user is asked first.
    `grace`: the least that they have after what might have revealed one.
    """

    seconds: float
    has: str = ""  # what is there, in words
    subject: str = ""  # what stands on this device cannot bring a missing part
    rank: int = 0  # starts of a lower rank come first
    kind: DeadlineKind = DeadlineKind.ASSEMBLY
    again: bool = False
    forbidden: str = ""
    confirm: bool = False
    grace: float = GRACE_SECONDS


def begin(context: Context, instance: Instance, plan: Plan) -> Deadline:
    """The assembly's deadline; it begins when the assembly is first seen incomplete."""
    name = deadline_name(instance)
    deadline = context.deadlines.get(name)
    if deadline is None:
        deadline = Deadline(name, plan.seconds, plan.grace, plan.subject, plan.rank, plan.kind)
        context.deadlines.begin(deadline)
    return deadline


def is_due(context: Context, instance: Instance, plan: Plan) -> bool:
    """True when the assembly may start without its missing parts.

    Once it is due it stays so, whatever keeps the start itself waiting.
    """
    assembly = _present(context, instance)
    if assembly.phase is Phase.DUE or (plan.again and instance.failures):
        return True
    deadline = begin(context, instance, plan)
    if not (deadline.over(context.now) or assembly.forced):
        return False
    if plan.kind is not DeadlineKind.LAST_RESORT and last_resorts_first(
        context, assembly, deadline
    ):
        return False
    context.deadlines.drop(deadline.name)
    assembly.forced = False
    context.assemblies.step(assembly, Step.TIME_OVER)
    if plan.forbidden:
        node = device.name if (device := context.device(instance)) else instance.subject
        context.report(f"{node}: {plan.has}; not started: {plan.forbidden}")
        context.assemblies.step(assembly, Step.NOT_ALLOWED)
        context.machine.move(instance, Stimulus.NOT_WANTED, plan.forbidden)
        return False
    if plan.confirm and not assembly.agreed:
        context.assemblies.step(assembly, Step.ASKED)
        assembly.asked, assembly.has = deadline, plan.has
        instance.reason = f"{plan.has}; waits for an answer"
        context.current.stir()
        return False
    return True


def _present(context: Context, instance: Instance) -> Assembly:
    """The assembly in its present life: it is incomplete again, whatever became of it before."""
    if context.assemblies.of(instance).phase in (Phase.DEGRADED, Phase.FORBIDDEN):
        context.assemblies.forget(instance)
    return context.assemblies.of(instance)


def last_resorts_first(context: Context, assembly: Assembly, deadline: Deadline) -> bool:
    """True while groups that root= does not name are activated: what is missing may be on one.

    They are left alone as long as something else may lead to root (R1), but not longer than
    until something would be put together without its missing parts (R7).
    """
    found = [
        each
        for strategy in context.handlers.manners.last_resorts
        for each in context.machine.pending(strategy)
        if each.subject is None or not context.devices.stands_on(each.subject, deadline.subject)
    ]
    for each in found:
        context.assemblies.of(each).forced = True
        context.machine.touch(each)
    if found:
        assembly.forced = False
        context.deadlines.extend(deadline, GRACE_SECONDS)
    return bool(found)


def starting(context: Context, instance: Instance) -> None:
    """It starts now, or by itself: its deadline is no more."""
    context.deadlines.drop(deadline_name(instance))
    assembly = _present(context, instance)
    assembly.forced = False
    if assembly.phase is not Phase.STARTING:
        context.assemblies.step(assembly, Step.STARTED)


def wait_afresh(context: Context, instance: Instance) -> None:
    """It does not wait any more for now; if it waits again, it has all its time."""
    context.deadlines.drop(deadline_name(instance))
    assembly = context.assemblies.of(instance)
    assembly.forced = False
    if assembly.phase is Phase.DUE:
        context.assemblies.step(assembly, Step.TIME_GIVEN)


def left(context: Context, instance: Instance) -> None:
    """The instance is not pending any more: its deadline and its question go."""
    context.prompts.drop(instance.key, instance.reason)
    context.deadlines.drop(deadline_name(instance))
    assembly = context.assemblies.of(instance)
    if assembly.phase is Phase.STARTING and instance.state is JobState.FAILED:
        context.assemblies.step(assembly, Step.FAILED)
    elif assembly.phase is Phase.STARTING and instance.state is JobState.DONE:
        context.assemblies.step(assembly, Step.WORKED)
    elif assembly.phase is not Phase.FORBIDDEN:
        context.assemblies.forget(instance)
    if instance.state is JobState.DONE and instance.run:
        give_time(context)


def gone(context: Context, instance: Instance, reason: str) -> None:
    """The assembly is gone."""
    context.prompts.drop(instance.key, reason)
    context.deadlines.drop(deadline_name(instance))
    context.assemblies.forget(instance)
