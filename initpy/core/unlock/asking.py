"""The queue of prompts: for which volume the user is asked next."""

from initpy.core.actions import Ask, GiveWay
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.instance import Instance, JobState
from initpy.core.jobs.timers import Timer
from initpy.core.state.context import Context
from initpy.core.unlock import for_later
from initpy.core.unlock.volume import Unlock, own, specification


def next_prompt(context: Context) -> None:
    """Show the first prompt of the queue unless one is up, or an answer is being tried.

    While an answer is tried the others wait: it may open them too (R12). A
    volume whose key is to come from a device goes last: another volume may
    hold that device. Its prompt gives way when such a volume comes later.
    """
    prompts, unlock = context.prompts, own(context)
    if context.goals.root_matches:
        for each in [context.machine[key] for key in prompts.queued]:
            if each.strategy is Strategy.UNLOCK and for_later.is_needless(context, each):
                for_later.put_off(context, each)
    if prompts.asking is not None:
        _give_way(context, unlock)
        return
    instance = None if unlock.any_answer() else _first(context, unlock)
    if instance is None:
        return
    spec, volume = specification(context, instance), unlock.of(instance)
    device = context.device(instance)
    again = f", try {volume.wrong + 1} of {spec.tries}" if volume.wrong and spec.tries else ""
    prompts.put(instance.key)
    volume.gave_way = False
    node = device.node if device else instance.subject
    context.current.act(Ask(instance.key, f"Passphrase for {spec.name} ({node}{again}): "))
    if spec.timeout:
        due = context.now + spec.timeout
        context.machine.timers.start(Timer.ANSWER, instance.key, due)


def drop(context: Context, instance: Instance, reason: str) -> None:
    """The volume needs no user any more."""
    context.machine.timers.cancel(Timer.ANSWER, instance.key)
    context.prompts.drop(instance.key, reason)


def _first(context: Context, unlock: Unlock) -> Instance | None:
    """The first volume of the queue that lacks no key, or else the first."""
    first = None
    for each in (context.machine[key] for key in context.prompts.queued):
        if _may_ask(unlock, each):
            if not _lacks_key(unlock, each):
                return each
            first = first or each
    return first


def _may_ask(unlock: Unlock, instance: Instance) -> bool:
    """True where no attempt runs, or an attempt that keeps no prompt away."""
    attempt = unlock.of(instance).attempt
    overdue = attempt is not None and attempt.overdue and instance.state is JobState.RUNNING
    return instance.state is JobState.READY or overdue


def _lacks_key(unlock: Unlock, instance: Instance) -> bool:
    """True while a device that its key is to come from is not there."""
    return any(True for _ in unlock.fetchings.missing(instance))


def _give_way(context: Context, unlock: Unlock) -> None:
    """The prompt that is up may be for a volume whose key another one holds, which waits now."""
    prompts = context.prompts
    asked = context.machine[prompts.asking or ""]
    if len(prompts.queued) < 2 or asked.key not in prompts.queued or unlock.of(asked).gave_way:
        return
    if asked.state is not JobState.READY or not _lacks_key(unlock, asked):
        return
    if not unlock.lookout.news(context.current):
        return
    for each in (context.machine[key] for key in prompts.queued):
        if each is not asked and each.state is JobState.READY and not _lacks_key(unlock, each):
            unlock.of(asked).gave_way = True
            holds, locked = (specification(context, one).name for one in (each, asked))
            context.current.act(
                GiveWay(asked.key, f"{holds} is locked, too, and may hold the key of {locked}")
            )
            return
