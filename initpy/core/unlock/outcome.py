"""What comes of an attempt: a volume is open, a secret is refused, or the volume is gone (R12).

What opened a volume is kept for others; a refused secret is wiped, and the next source is used.
"""

import re

from initpy.core.events import JobEnded
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.instance import Instance, JobState, Stimulus
from initpy.core.jobs.timers import Timer
from initpy.core.machine.rules import ended as ended_as_usual
from initpy.core.state.context import Context
from initpy.core.unlock import asking, same_name
from initpy.core.unlock.source import Attempt
from initpy.core.unlock.volume import own, specification, to_be_proven
from initpy.core.volumes import VolumeSpec

WRONG_PASSPHRASE = 2  # EXIT CODES in cryptsetup(8)


def ended(context: Context, instance: Instance, event: JobEnded) -> None:
    """cryptsetup has ended: keep what opened the volume, ask again for what did not."""
    volume, spec = own(context).of(instance), specification(context, instance)
    context.machine.timers.cancel(Timer.ATTEMPT, instance.key)
    attempt = volume.attempt
    same_name.look_again(context, spec.name)
    if event.status == 0:
        volume.attempt = None
        if to_be_proven(spec, attempt):
            volume.unproven = attempt
        else:
            opened(context, instance, spec, attempt)
        ended_as_usual(context, instance, event)
        return
    detail, refusal = event.error or f"status {event.status}", _is_refusal(instance, event)
    if attempt is not None and attempt.source.person:  # who gave it is told
        text = event.error or f"failed with status {event.status}"
        text = "that does not open it" if refusal else text
        context.prompts.reply(instance.key, False, f"{spec.name}: {text}")
    if attempt is not None and (refusal or _replaced(instance, attempt)):
        volume.attempt = None
        refused(context, instance, spec, attempt, detail)
    elif not refusal:
        # The tool failed, not the secret: it is kept for the next try.
        ended_as_usual(context, instance, event)


def _is_refusal(instance: Instance, event: JobEnded) -> bool:
    """True if the tool says that the secret is wrong."""
    if pattern := instance.definition.refused:
        return event.status > 0 and bool(re.search(pattern, event.complaints or event.error))
    return event.status == WRONG_PASSPHRASE


def opened(context: Context, instance: Instance, spec: VolumeSpec, attempt: Attempt | None) -> None:
    """The secret fits (None: cryptsetup has read it itself): nothing else is asked or tried."""
    if attempt is not None and attempt.secret is not None and attempt.source.person:
        own(context).keyring.add(attempt.secret)
        # Others that wait for a user may try this passphrase first.
        context.machine.touch_all(context.machine.pending(Strategy.UNLOCK))
    elif attempt is not None:
        attempt.wipe()
    how = str(spec.key) if attempt is None else attempt.source.words(spec)
    context.prompts.reply(instance.key, True, f"{spec.name}: unlocked")
    asking.drop(context, instance, f"{spec.name} needs no passphrase any more: {how} fits")
    context.report(f"{spec.name}: unlocked")
    _release(context, instance)


def _replaced(instance: Instance, attempt: Attempt) -> bool:
    """True where another source goes on: the tool has failed with a key as often as it may."""
    last = instance.failures + 1 >= instance.definition.tries
    return attempt.stopped or (last and attempt.source.dispensable)


def refused(
    context: Context, instance: Instance, spec: VolumeSpec, attempt: Attempt, detail: str
) -> None:
    """The secret does not open the volume: the next source has its turn."""
    attempt.wipe()
    how = attempt.source.words(spec)
    if attempt.source.person:
        context.report(f"{spec.name}: wrong passphrase")
    else:
        context.report(f"{spec.name}: {how} does not open it ({detail})")
    attempt.source.refused(context, instance, own(context).of(instance))
    if instance.state is not JobState.READY:
        context.machine.move(instance, Stimulus.RETRY, f"{how} was refused")


def _release(context: Context, instance: Instance) -> None:
    """The volume is open, or gone: what was read or typed for it meanwhile is not needed."""
    own(context).fetchings.drop(context, instance)
    volume = own(context).of(instance)
    if volume.typed is not None:
        volume.typed.wipe()
        volume.typed = None


def left(context: Context, instance: Instance) -> None:
    """The volume is not pending any more: nothing is asked or waited for, every request ends."""
    if instance.state is JobState.FAILED and instance.expected:
        return  # its key is tried again in a moment; the prompt stays up
    asking.drop(context, instance, instance.reason)
    name, done = specification(context, instance).name, instance.state is JobState.DONE
    context.prompts.reply(instance.key, done, f"{name}: {instance.reason}")
    if instance.state is JobState.FAILED:
        own(context).of(instance).wipe()
    else:
        _release(context, instance)


def gone(context: Context, instance: Instance) -> None:
    """The volume is gone; a command that still works on it has the secret until it ends."""
    asking.drop(context, instance, f"{instance.subject} is gone")
    context.prompts.reply(instance.key, False, f"{instance.subject} is gone")
    _forget(context, instance)


def afresh(context: Context, instance: Instance) -> None:
    """The volume starts afresh: what was tried counts no more."""
    _forget(context, instance)


def _forget(context: Context, instance: Instance) -> None:
    own(context).fetchings.drop(context, instance)
    own(context).forget(instance, instance.state is JobState.RUNNING)
    instance.unanswered = False
    context.machine.timers.cancel(Timer.ATTEMPT, instance.key)


def landed(context: Context, instance: Instance, event: JobEnded) -> None:
    own(context).landed(event.job, event.run)


def handover(context: Context) -> None:
    """No secret is needed any more (R14)."""
    for instance in context.machine.every():
        if instance.strategy is Strategy.UNLOCK:
            own(context).fetchings.drop(context, instance)
    own(context).wipe()
