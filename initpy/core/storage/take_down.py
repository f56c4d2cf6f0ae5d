"""Takes down what was looked into, from the top: each device once nothing stands on it (R9)."""

from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.handler import Handler
from initpy.core.jobs.instance import Instance, JobState
from initpy.core.machine import rules
from initpy.core.machine.rules import blocked, start
from initpy.core.state.context import Context


def handler() -> Handler:
    """The handler of jobs that take a device down."""
    return Handler(step, rules.ended)


def step(context: Context, instance: Instance) -> None:
    """Run the command once nothing stands on the device, and no other command works on it."""
    name = instance.subject or ""
    above = _above(context, name)
    device = context.device(instance)
    near = (name, *sorted(device.slaves)) if device is not None else (name,)
    running = [  # also what has made it, and is about to say so
        each.key
        for subject in near
        for each in context.machine.on(subject)
        if each.strategy is not Strategy.TAKE_DOWN
        and each.state is JobState.RUNNING
        and not each.succeeded
    ]
    # The kernel may let go of what it stood on a little after it is gone.
    running += [
        each.key for each, names in context.machine.letting_go() if not names.isdisjoint(near)
    ]
    if above:
        instance.reason = f"waits until {', '.join(sorted(above))} is taken down"
    elif running:
        instance.reason = f"waits for {', '.join(running)} to end"
    elif why := blocked(context, instance):
        instance.reason = why
    else:
        start(context, instance)


def _above(context: Context, name: str) -> set[str]:
    """What stands on the device, or on a partition of it: partitions go with their disk."""
    found: set[str] = set()
    for each in context.devices.above(name):
        if each.properties.get("DEVTYPE") == "partition":
            found |= _above(context, each.name)
        else:
            found.add(each.name)
    return found
