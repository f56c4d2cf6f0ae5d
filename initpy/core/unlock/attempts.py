"""Unlocking: one secret per volume, from whichever source answers first (R10, R12).

What needs no user is tried first: the key that crypttab or the command line
names, passphrases that opened another volume, the empty passphrase where the
user said so. Then the user is asked, one volume at a time, until the
volume's tries are used; a key that turns up meanwhile is tried beside the
prompt (R11), which stays until something has opened the volume.

An attempt without a user that takes long keeps no prompt away: what the user
types then is tried in its place.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from initpy.core.devices.graph import Device
from initpy.core.events import Answered, Fetched
from initpy.core.explanation import Advice
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.handler import Handler
from initpy.core.jobs.instance import Instance, JobState, Stimulus
from initpy.core.jobs.technology import Technology
from initpy.core.jobs.timers import Timer
from initpy.core.machine.rules import give_up, start, stop
from initpy.core.machine.templates import fill, looking
from initpy.core.machine.wanted import awaits_job
from initpy.core.state.context import Context
from initpy.core.state.looks import is_over
from initpy.core.unlock import asking, for_later, named_volumes, outcome, plain, same_name
from initpy.core.unlock import header as headers
from initpy.core.unlock.fetched import Fetching, Stage
from initpy.core.unlock.source import Attempt, Offer, Source
from initpy.core.unlock.volume import Volume, own, specification
from initpy.core.volumes import VolumeSpec

# An attempt without a user that takes longer has met a disk or a token that does not answer.
ATTEMPT_SECONDS = 10.0


def handler(sources: Sequence[Callable[[], Source]]) -> Handler:
    """The handler of unlocks, with these sources, the first that is ready first."""
    made = tuple(each() for each in sources)
    return Handler(
        partial(step, sources=made),
        outcome.ended,
        outcome.left,
        outcome.gone,
        outcome.afresh,
        timer,
        answered,
        outcome.handover,
        outcome.landed,
        advice,
    )


def technology() -> Technology:
    """The hooks of unlocking: a device may be the one that a key or header is on."""
    return Technology(
        "luks",
        looked=looked,
        gone=_device_gone,
        changed=plain.changed,
        ended=_ended,
        left=for_later.ended,
        overdue=for_later.ask_for_all,
        named=named_volumes.named,
    )


def _ended(context: Context, instance: Instance) -> tuple[str, ...]:
    return (*plain.ended(context, instance), *for_later.ended(context, instance))


def _device_gone(context: Context, device: Device | None, name: str) -> tuple[str, ...]:
    own(context).fetchings.device_removed(context, name)
    same_name.changed(context, device)
    own(context).specs.pop(name, None)
    return ()


def step(context: Context, instance: Instance, sources: Sequence[Source]) -> None:
    """An unlock is ready to go on: use the next source, or wait for the user."""
    spec, volume = specification(context, instance), own(context).of(instance)
    volume.spec, instance.idle = spec, False
    if same_name.put_off(context, instance, spec) or for_later.carries_a_mount(context, instance):
        return
    if plain.being_closed(context, instance):
        return
    header = headers.obtain(context, instance, spec)
    if header is not None and not headers.usable(context, instance, spec, header):
        return
    attempt = volume.attempt  # again: the tool had failed, not the secret
    ready = None if attempt is not None else _first_ready(context, instance, volume, sources)
    if attempt is None and ready is None:
        _ask(context, instance, spec)
    elif (name := awaits_job(context, instance)) is not None:
        instance.reason = f"waits for {name} to end"
    elif other := same_name.being_opened(context, instance, spec):
        instance.reason = f"waits for {other}, which opens a volume of the same name"
    elif header is not None and header.stage is Stage.READING:
        instance.reason = "its header is being checked"
        if instance.stalled:
            why = f"{instance.subject} does not answer; the key is tried once it does"
            context.prompts.reply(instance.key, False, why)
    else:
        if attempt is None and ready is not None:
            attempt = volume.attempt = ready.take(context, instance, volume)
        if attempt is not None:
            _try(context, instance, spec, attempt, header)


def _first_ready(
    context: Context, instance: Instance, volume: Volume, sources: Sequence[Source]
) -> Source | None:
    """The source to use now; every source that can begin has begun."""
    for source in sources:
        source.begin(context, instance, volume)
        if source.offer(context, instance, volume) is Offer.READY:
            return source
    return None


def _ask(context: Context, instance: Instance, spec: VolumeSpec) -> None:
    """Nothing else is left: queue for the prompt, unless the user is out of tries."""
    volume, fetchings = own(context).of(instance), own(context).fetchings
    if context.machine.timers.armed(Timer.PATIENCE, instance.key):
        absent = any(True for _ in fetchings.missing(instance))
        instance.reason = f"{spec.key} {'may come yet' if absent else 'is being read'}"
    elif spec.tries and volume.wrong >= spec.tries:
        plural = "s" if volume.wrong > 1 else ""
        instance.unanswered = True
        give_up(context, instance, f"{volume.wrong} wrong passphrase{plural}")
    elif spec.headless:
        instance.idle = True
        instance.reason = f"waits for {spec.key or 'a key'}; no user is asked (headless)"
    elif for_later.is_for_later(context, spec):
        instance.idle = True
        instance.reason = f"is left to the real system: {spec.key} is not in the image"
    elif for_later.is_needless(context, instance):
        for_later.put_off(context, instance)
    elif others := named_volumes.beside(context, instance):
        instance.idle = True
        instance.reason = f"only looked into, as {others} is: name the volume to be asked for it"
    else:
        context.prompts.queue(instance.key)
        instance.reason = "waits for a passphrase"
        if any(True for _ in fetchings.missing(instance)):
            instance.reason += f", or for {spec.key}"
            if not volume.told:
                context.report(f"{spec.name}: {spec.key} is used as soon as it is there")
                volume.told = True


def _try(
    context: Context,
    instance: Instance,
    spec: VolumeSpec,
    attempt: Attempt,
    header: Fetching | None,
) -> None:
    options = spec.options
    if "--hash" in attempt.words:
        options = tuple(each for each in options if not each.startswith("--hash="))
    if header is not None and header.path:
        options = (f"--header={header.path}", *options)
    words = {
        "{options}": options,
        "{key}": attempt.words,
        "{looking}": looking(context, instance),
    }
    command: list[str] = []
    for word in instance.definition.run:
        if word in words:
            command.extend(words[word])
        else:
            filled = word.replace("{mapping}", spec.name).replace("{type}", spec.kind)
            command.append(fill(context, filled, instance))
    attempt.overdue = attempt.stopped = False
    start(context, instance, tuple(command), attempt.secret)
    instance.reason = f"being unlocked with {attempt.source.words(spec)}"
    if attempt.source.person or not spec.headless:
        due = context.now + ATTEMPT_SECONDS
        context.machine.timers.start(Timer.ATTEMPT, instance.key, due)


def answered(context: Context, instance: Instance, event: Answered) -> None:
    """The user typed something for this volume."""
    volume = own(context).of(instance)
    context.machine.timers.cancel(Timer.ANSWER, instance.key)
    queued = context.prompts.taken(instance.key)
    if not event.secret.reveal():
        # Just Enter: no try is used up, and the next volume's prompt comes, or this again.
        if queued:
            context.prompts.queue(instance.key)
        return
    if not instance.expected or volume.typed is not None:
        event.secret.wipe()
        return
    own(context).answer(instance, event.secret)
    attempt = volume.attempt
    if attempt is not None and attempt.overdue and instance.state is JobState.RUNNING:
        _give_up_for_typed(context, instance, attempt)
    context.machine.touch(instance)


def _give_up_for_typed(context: Context, instance: Instance, attempt: Attempt) -> None:
    """Stop an attempt that takes long: what the user has typed is tried in its place."""
    attempt.stopped = True
    stop(context, instance)


def fetched(context: Context, event: Fetched) -> None:
    """A key or header has been read, or could not be."""
    found = own(context).fetchings.fetched(context, event)
    instance = context.machine.find(event.job)
    if found is None or instance is None:
        return
    instance.stalled = False
    context.machine.timers.cancel(Timer.STALL, instance.key)
    spec = specification(context, instance)
    node = device.node if (device := context.device(instance)) else instance.subject
    if event.error:
        what = f"its header {spec.header or f'on {node}'}" if found[1] else spec.key
        again = instance.revivals > 0
        context.report(f"{spec.name}: {what} cannot be read: {event.error}", detail=again)
    elif event.path and spec.header is None:
        context.report(
            f"{spec.name}: one of the two LUKS2 headers on {node} is damaged; the other one "
            f"is used, and nothing is written (cryptsetup repair {node} would mend it)"
        )
    if not event.error:
        _revive(context, instance)
    context.machine.touch(instance)


def _revive(context: Context, instance: Instance) -> None:
    """A volume that the user gave up may still be opened by a key (R11)."""
    if instance.state is JobState.FAILED and instance.failures >= instance.definition.tries:
        instance.failures = 0
        context.machine.move(instance, Stimulus.RETRY, "a key has turned up")


def looked(context: Context, name: str) -> tuple[str, ...]:
    """A device may be the one that a key or header is on."""
    device = context.devices.get(name)
    same_name.changed(context, device)
    for instance in own(context).fetchings.concerned(context, device) if device else ():
        _revive(context, instance)
        context.machine.touch(instance)
    for instance in context.machine.on(name):
        if instance.strategy is Strategy.UNLOCK and instance.state is JobState.FAILED:
            _check_again(context, instance)
    return ()


def _check_again(context: Context, instance: Instance) -> None:
    """udev tells of a volume again whose header could not be read: it may have been away."""
    if instance.revivals >= instance.definition.tries:
        return
    if own(context).fetchings.check_again(instance):
        instance.revivals += 1
        _revive(context, instance)


def timer(context: Context, instance: Instance, which: Timer) -> None:
    """Time is up for the key's device, for an attempt, or for the user."""
    spec, unlock = specification(context, instance), own(context)
    if which is Timer.ABSENT and unlock.fetchings.give_up_key(instance):
        context.report(f"{spec.name}: {spec.key} has not come within its time")
    elif which is Timer.ATTEMPT and instance.state is JobState.RUNNING:
        _overdue(context, instance, spec)
    elif which is Timer.ANSWER and instance.state is JobState.READY:
        asking.drop(context, instance, f"no passphrase for {spec.name} in time")
        why = f"no passphrase was typed within {spec.timeout:.0f} s (timeout=)"
        instance.unanswered = True
        give_up(context, instance, why)


def _overdue(context: Context, instance: Instance, spec: VolumeSpec) -> None:
    """An attempt takes long: it keeps no prompt away any more, nor that of its own volume.

    What the user has typed for this volume is tried on: only the prompts of others come up.
    """
    volume = own(context).of(instance)
    out_of_tries = spec.tries and volume.wrong >= spec.tries
    device = context.device(instance)
    if is_over(device):
        return  # it was only looked into, and that is over
    if volume.attempt is None or (out_of_tries and not volume.attempt.source.person):
        return
    volume.attempt.overdue = True
    if volume.attempt.source.person:
        return
    what = volume.attempt.source.words(spec)
    context.report(f"{spec.name}: {what} takes long; a passphrase is tried in its place")
    if volume.typed is not None:
        _give_up_for_typed(context, instance, volume.attempt)
    else:
        context.prompts.queue(instance.key)


def advice(context: Context, instance: Instance) -> Iterator[Advice]:
    """How to unlock a volume from the shell."""
    device = context.device(instance)
    if device is not None and instance.state in (JobState.FAILED, JobState.READY):
        name = specification(context, instance).name
        yield Advice(
            f"{device.node} is locked:",
            (
                (f"initpy unlock {name}", "asks for its passphrase"),
                (f"initpy unlock {name} --key-file FILE", "or takes a key"),
            ),
        )
