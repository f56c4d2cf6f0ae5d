"""Tries a volume on a server's disk once more that could not be read.

Requests to an iSCSI disk fail once its session has been away for the replacement timeout, and work
again as soon as it is back; neither udev nor the kernel tells of that.
"""

from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.instance import Instance, JobState, Stimulus
from initpy.core.jobs.timers import Timer
from initpy.core.network.targets import Targets
from initpy.core.state.context import Context

FIRST_PAUSE = 10.0  # seconds, doubled each time: each try costs a line on the console
AGAIN = "unlock again: "  # keys of its timers begin so


def ended(context: Context, instance: Instance) -> None:
    """An attempt has ended: arm another one if its tool has failed for good, and not the secret."""
    given_up = instance.state is JobState.FAILED and instance.status > 0
    unlocks = instance.strategy is Strategy.UNLOCK and instance.subject is not None
    if not (given_up and unlocks) or instance.failures < instance.definition.tries:
        return
    if context.technologies.own(Targets).every() and not context.goals.root_mounted:
        due = context.now + FIRST_PAUSE * 2**instance.revivals
        context.machine.timers.start(Timer.LINK, AGAIN + instance.key, due)


def timer(context: Context, key: str) -> None:
    """Try once more, or ask the user again."""
    instance = context.machine.find(key.removeprefix(AGAIN))
    if instance is None or instance.state is not JobState.FAILED or context.goals.root_mounted:
        return
    instance.revivals += 1
    instance.failures = instance.definition.tries - 1
    context.machine.move(instance, Stimulus.RETRY, "its disk may answer again")
