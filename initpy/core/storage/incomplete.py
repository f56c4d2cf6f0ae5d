"""Starts a set without its missing parts, as its job file says, once its deadline is over (R7, R8).

What is missing is found out by jobs on the same set. While one of them is at work, or is to run
again, nothing is started: the part may just have come.
"""

from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.handler import Handler
from initpy.core.jobs.hold_table import GRACE_SECONDS
from initpy.core.jobs.instance import Instance
from initpy.core.machine import rules
from initpy.core.machine.templates import describe, fill
from initpy.core.machine.wanted import awaits_job
from initpy.core.people.confirmations import answered
from initpy.core.settings import Degraded
from initpy.core.state.assemblies import deadline_name
from initpy.core.state.context import Context
from initpy.core.storage.assembly import Plan, gone, is_due, left, starting


def handler() -> Handler:
    """The handler of starts without missing parts."""
    return Handler(step, rules.ended, left, _gone, answered=answered)


def step(context: Context, instance: Instance) -> None:
    """Parts are missing: wait for them, then start without."""
    device, settings, job = context.device(instance), context.settings, instance.definition
    if device is None or context.assemblies.is_confirming(instance):
        return
    if (name := awaits_job(context, instance)) is not None:
        instance.reason = f"waits for {name} to end"
        return
    has = fill(context, job.lacks, instance) or "parts are missing"
    seconds = settings.patience.get(job.patience_parameter or "", job.patience)
    forbidden = settings.md_degraded is Degraded.NO
    plan = Plan(
        0.0 if instance.failures else seconds,
        has,
        device.name,
        forbidden="rd.md.degraded=no: parts are missing" if forbidden else "",
        confirm=settings.md_degraded is Degraded.ASK,
    )
    if (other := _being_examined(context, instance)) is not None:
        deadline = context.deadlines.get(deadline_name(instance))
        if deadline is not None and deadline.over(context.now):
            context.deadlines.extend(deadline, GRACE_SECONDS)
        instance.reason = f"{has}; waits: {describe(context, other)}"
        return
    if not is_due(context, instance, plan):
        instance.reason = f"{has}; waits for the others"
        return
    starting(context, instance)
    context.report(f"{device.node}: {describe(context, instance)}: {has}")
    rules.start(context, instance)


def _being_examined(context: Context, instance: Instance) -> Instance | None:
    """A job that is finding out what is missing, or is about to."""
    device = context.device(instance)
    for each in context.machine.on(instance.subject):
        if each is instance or each.strategy is not Strategy.RUN or not each.definition.reads:
            continue
        if each.pending or (each.definition.renew and rules.renewed(each, device)):
            return each
    return None


def _gone(context: Context, instance: Instance) -> None:
    gone(context, instance, f"{instance.subject} is gone")
