"""Questions to the user: whether an assembly may start without its missing parts (R8).

A question is up only while its assembly's deadline is over and nothing holds it:
asking never stops the waiting. A member that arrives, or something that may
still reveal one, withdraws it. Questions and passphrase prompts are put one
after another, passphrases first.
"""

from initpy.core.actions import Ask
from initpy.core.events import Answered
from initpy.core.jobs.instance import Instance, JobState, Stimulus
from initpy.core.state.assemblies import Assembly, Step
from initpy.core.state.context import Context
from initpy.core.waiting.holds import held

YES, NO = ("yes", "y"), ("no", "n")


def settle(context: Context) -> None:
    """Put the next question, or take one back that must not be answered now."""
    doubtful = context.assemblies.lookout.news(context.current)
    for assembly in tuple(context.assemblies.confirming.values()) if doubtful else ():
        if assembly.asked is not None and held(context, assembly.asked):
            why = "something that may hold a member has turned up"
            context.prompts.drop(assembly.key, why)
            context.deadlines.begin(assembly.asked)
            context.assemblies.step(assembly, Step.WITHDRAWN)
    waiting = context.assemblies.confirming
    if context.prompts.asking is None and not context.prompts.queued and waiting:
        assembly = next(iter(waiting.values()))
        context.prompts.put(assembly.key)
        context.current.act(Ask(assembly.key, _text(context, assembly)))


def _text(context: Context, assembly: Assembly) -> str:
    device = context.device(context.machine[assembly.key])
    if device is None:
        return ""
    return f"{device.name} {assembly.has}. Start it without the others? (yes or no): "


def answered(context: Context, instance: Instance, event: Answered) -> None:
    """The user has answered; what is neither yes nor no asks again."""
    word = bytes(event.secret.reveal()).strip().lower().decode(errors="replace")
    event.secret.wipe()  # it may be a passphrase that was meant for another prompt
    context.prompts.taken(instance.key)
    if not context.assemblies.is_confirming(instance) or instance.state is not JobState.READY:
        return
    assembly = context.assemblies.of(instance)
    if word in YES:
        assembly.agreed = True
        context.assemblies.step(assembly, Step.ALLOWED)
        context.machine.touch(instance)
    elif word in NO:
        context.assemblies.step(assembly, Step.NOT_ALLOWED)
        why = "the user does not want it without its members"
        context.machine.move(instance, Stimulus.NOT_WANTED, why)
    else:
        context.report("please answer yes or no")
