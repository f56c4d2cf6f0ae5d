"""A file system over several devices of which some are missing: btrfs (R7).

The kernel mounts it without them only when it is told to (`degraded`), so
that people must have said so in rootflags=; then the missing devices get the
time that the missing members of an array get, held by what may reveal them.
"""

from initpy.core.goals import mounts as mounting
from initpy.core.machine.context import State
from initpy.core.machine.instance import Instance
from initpy.core.storage import btrfs as groups
from initpy.core.storage.assembly import GRACE_SECONDS, deadline_name, drop_timer, groups_first
from initpy.core.waiting.deadline import Deadline

FLAG = "degraded"


def step(state: State, instance: Instance) -> None:
    """Some devices of the root are there: wait for the others, then mount it without."""
    name = deadline_name(instance)
    device = state.device(instance)
    if device is None:
        return
    missing = groups.lacks(state, device)
    if FLAG not in state.settings.mount.flags:
        instance.reason = f"{missing}; to boot without, add rootflags={FLAG}"
        return
    deadline = state.deadlines.get(name)
    if deadline is None and not instance.failures:
        deadline = Deadline(name, state.settings.md_timeout, GRACE_SECONDS, device.name)
        state.deadlines[name] = deadline
        instance.reason = f"{missing}; waits for the others"
    due = instance.key in state.forced or (deadline is not None and deadline.over(state.now))
    if due and groups_first(state, instance):
        return
    if due or instance.failures:
        drop_timer(state, instance)
        state.report(f"{device.name}: mounting it degraded: {missing}")
        mounting.step(state, instance)
