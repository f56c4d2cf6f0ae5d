"""What people ask for from the shell: try again, wait longer, here is a key (R24)."""

from initpy.core.actions import Reply
from initpy.core.events import Answered, KeyGiven, RetryAsked, WaitAsked
from initpy.core.failure import outcome as failing
from initpy.core.machine.context import State
from initpy.core.machine.definitions import Strategy
from initpy.core.machine.instance import Instance, JobState, Stimulus
from initpy.core.unlock.race import Unlocker, drop_prompt, specification
from initpy.core.waiting.deadline import Deadline
from initpy.core.waiting.holds import ROOT_WAIT

Request = RetryAsked | WaitAsked | KeyGiven


def handle(state: State, unlocker: Unlocker, event: Request) -> None:
    """Do what is asked and answer, now or when it has come to an end."""
    if state.handed_over or (state.complete and not isinstance(event, KeyGiven)):
        if isinstance(event, KeyGiven):
            event.secret.wipe()
        _reply(state, event, False, "root is mounted already")
        return
    match event:
        case RetryAsked():
            _retry(state, unlocker, event)
        case WaitAsked(_, seconds):
            _wait(state, event, seconds)
        case KeyGiven():
            _unlock(state, unlocker, event)


def _reply(state: State, event: Request, done: bool, text: str) -> None:
    state.act(Reply(event.request, done, text))


def _retry(state: State, unlocker: Unlocker, event: RetryAsked) -> None:
    failed = [each for each in state.instances.values() if each.state is JobState.FAILED]
    names = ", ".join(state.describe(each) for each in failed)
    failing.try_again(state, unlocker, "asked for with `initpy retry`")
    _reply(state, event, True, f"tried again: {names}" if names else "nothing had failed")


def _wait(state: State, event: WaitAsked, seconds: float | None) -> None:
    """The clock of root starts anew; a restart of the machine that was due is called off."""
    failing.call_off(state)
    state.deadlines.pop(ROOT_WAIT, None)
    if seconds is None:
        _reply(state, event, True, "root is waited for as long as it takes")
        return
    state.deadlines[ROOT_WAIT] = Deadline(ROOT_WAIT, seconds, state.settings.grace)
    _reply(state, event, True, f"root is waited for another {seconds:.0f} s")


def _unlock(state: State, unlocker: Unlocker, event: KeyGiven) -> None:
    volumes = [
        each
        for each in state.instances.values()
        if each.definition.strategy is Strategy.UNLOCK
        and each.state not in (JobState.DONE, JobState.WITHDRAWN)
    ]
    found = [each for each in volumes if not event.volume or event.volume in _names(state, each)]
    if len(found) != 1:
        event.secret.wipe()
        known = ", ".join(specification(state, each).name for each in volumes) or "none"
        problem = "say which volume" if found else f"no locked volume {event.volume}".rstrip()
        _reply(state, event, False, f"{problem}; locked are: {known}")
        return
    _give(state, unlocker, found[0], event)


def _names(state: State, instance: Instance) -> set[str]:
    """All that people may call a volume."""
    device = state.device(instance)
    if device is None:
        return set()
    uuid = device.properties.get("ID_FS_UUID", "")
    label = device.properties.get("ID_FS_LABEL", "")
    given = {specification(state, instance).name, device.name, device.node, *device.links}
    return (
        given
        | {uuid, f"UUID={uuid}", f"luks-{uuid}"}
        | ({label, f"LABEL={label}"} if label else set())
    )


def _give(state: State, unlocker: Unlocker, instance: Instance, event: KeyGiven) -> None:
    if instance.state is JobState.FAILED:
        instance.failures = 0
        unlocker.forget(state, instance)
        state.move(instance, Stimulus.RETRY, "a key was given with `initpy unlock`")
    if instance.state is not JobState.READY:
        event.secret.wipe()
        why = instance.reason or instance.state.value
        _reply(state, event, False, f"{instance.subject}: not now: {why}")
        return
    drop_prompt(state, instance, "a key was given with `initpy unlock`")
    state.requests[instance.key] = event.request
    unlocker.answered(state, instance, Answered(instance.key, event.secret))
