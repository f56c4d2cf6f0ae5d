"""Parts that belong together, as a job file says: the set of them is a subject of its own.

The job's instance on each part takes that part into the set. The set stands on its parts, so that
the tree shows them, and what is opened for a part holds the deadline of the set.
"""

from collections.abc import Iterable

from initpy.core.devices.graph import Device
from initpy.core.jobs.handler import Handler
from initpy.core.jobs.instance import Instance
from initpy.core.jobs.technology import Technology
from initpy.core.machine import rules
from initpy.core.state.context import Context


def handler() -> Handler:
    """The handler of jobs that gather parts."""
    return Handler(step, rules.ended)


def technology() -> Technology:
    """The hooks of sets: a part may change, or be gone, and so may a set."""
    return Technology("sets", changed=_changed, gone=_gone)


def step(context: Context, instance: Instance) -> None:
    """The part is ready: its set has it now."""
    device = context.device(instance)
    if device is None:
        return
    if not context.derived.gather(device, instance.definition):
        rules.give_up(context, instance, "nothing on it says what it is a part of")
        return
    instance.reason = "is taken for a part"


def _changed(context: Context, name: str) -> Iterable[str]:
    """A part that is something else now leaves its set; one that has changed is told again."""
    job, device = context.derived.job_of(name), context.devices.get(name)
    if job is None or device is None:
        return ()
    if job.match.accepts(device.properties):
        context.derived.gather(device, job)
    else:
        context.derived.leave(name)
    return ()


def _gone(context: Context, device: Device | None, name: str) -> Iterable[str]:
    context.derived.leave(name)
    context.derived.forget(name)
    return ()
