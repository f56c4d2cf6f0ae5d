"""Questions to people: whether an array may start without its missing members (R8).

A question is up only while its array's timer has run out and nothing holds it:
asking never stops the waiting. A member that arrives, or something that may
still reveal one, withdraws it. Questions and passphrase prompts are put one
after another, passphrases first.
"""

from initpy.core.actions import Ask, Withdraw
from initpy.core.events import Answered
from initpy.core.machine.context import State
from initpy.core.machine.instance import Instance, JobState, Stimulus
from initpy.core.storage.md import facts as arrays
from initpy.core.waiting.holds import held

YES, NO = ("yes", "y"), ("no", "n")


def settle(state: State) -> None:
    """Put the next question, or take one back that must not be answered now."""
    for key, deadline in tuple(state.questions.items()):
        if held(state, deadline):
            drop(state, state.instances[key], "something that may hold a member has turned up")
            state.deadlines[deadline.name] = deadline
    if state.asking is None and not state.prompts and state.questions:
        key = next(iter(state.questions))
        state.asking = key
        state.act(Ask(key, _text(state, state.instances[key])))


def _text(state: State, instance: Instance) -> str:
    device = state.device(instance)
    if device is None:
        return ""
    has = arrays.has(device, state.devices.slaves(device.name))
    return f"{device.name} {has}. Start it without the others? (yes or no): "


def answered(state: State, instance: Instance, event: Answered) -> None:
    """A person has answered; what is neither yes nor no asks again."""
    word = bytes(event.secret.reveal()).strip().lower().decode(errors="replace")
    event.secret.wipe()  # it may be a passphrase that was meant for another prompt
    state.asking = None if state.asking == instance.key else state.asking
    if instance.key not in state.questions or instance.state is not JobState.READY:
        return
    if word in YES:
        del state.questions[instance.key]
        state.agreed.add(instance.key)
        state.forced.add(instance.key)
        state.touch(instance)
    elif word in NO:
        del state.questions[instance.key]
        state.move(instance, Stimulus.NOT_WANTED, "a person does not want it without its members")
    else:
        state.report("please answer yes or no")


def drop(state: State, instance: Instance, reason: str) -> None:
    """The question is not to be answered any more, or not yet."""
    state.questions.pop(instance.key, None)
    if state.asking == instance.key:
        state.asking = None
        state.act(Withdraw(instance.key, reason))
