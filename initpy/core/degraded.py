"""Degraded starts: each incomplete array has its own timer (R7, R8)."""

from initpy.core.deadlines import Deadline
from initpy.core.definitions import Strategy
from initpy.core.instance import Instance, Stimulus
from initpy.core.running import start
from initpy.core.settings import Degraded
from initpy.core.state import State

# What has a timer of its own and starts without the rest when it runs out.
DELAYED = (
    Strategy.DEGRADED_START,
    Strategy.MOUNT_PARTIAL,
    Strategy.GROUP_START,
    Strategy.GROUP_ACTIVATE,
)
# After something that might have revealed a member has ended: time for its
# events to arrive. The member's own job holds the timer again.
GRACE_SECONDS = 5.0


def deadline_name(instance: Instance) -> str:
    """The name of the timer of an array or group, as people see it."""
    if instance.definition.strategy in (Strategy.GROUP_START, Strategy.GROUP_ACTIVATE):
        return f"timer of {instance.key}"
    return f"missing members of {instance.subject}"


def step(state: State, instance: Instance) -> None:
    """An array has members but has not started: wait for the rest, then start without."""
    name = deadline_name(instance)
    device = state.device(instance)
    if device is None:
        return
    if state.settings.md_degraded is Degraded.NO:
        state.move(instance, Stimulus.NOT_WANTED, "rd.md.degraded=no: members are missing")
        return
    members = state.devices.slaves(device.name)
    if not members:
        # mdadm has made the array but not yet given it its first member.
        instance.reason = "has no member yet"
        state.deadlines.pop(name, None)
        return
    if any(each.properties.get("MD_FOREIGN") == "yes" for each in members):
        state.move(instance, Stimulus.NOT_WANTED, "belongs to another host (R9)")
        return
    deadline = state.deadlines.get(name)
    if deadline is None and not instance.failures:
        deadline = Deadline(name, state.settings.md_timeout, GRACE_SECONDS, device.name)
        state.deadlines[name] = deadline
        instance.reason = f"has {_count(state, instance)}; waits for the others"
    due = deadline is not None and deadline.over(state.now)
    # A start that failed is tried again at once: its timer has run out already.
    if due or instance.failures or instance.key in state.forced:
        state.deadlines.pop(name, None)
        state.forced.discard(instance.key)
        state.report(f"{device.name}: starting degraded, with {_count(state, instance)}")
        start(state, instance)


def _count(state: State, instance: Instance) -> str:
    device = state.device(instance)
    # The kernel does not know the number before the array's first try to start.
    total = device.properties.get("md/raid_disks", "") if device else ""
    present = len(state.devices.slaves(instance.subject or ""))
    return f"{present} of {total} members" if total else f"{present} member(s)"
