"""Starts without missing members: the timers' names, and the way to what deals with arrays.

Most boots have no array that lacks a member: `incomplete` and `questions` are
imported when one does.
"""

from initpy.core.actions import Record
from initpy.core.devices.graph import Device
from initpy.core.events import Answered, JobEnded
from initpy.core.machine.context import State
from initpy.core.machine.definitions import Layer, Strategy
from initpy.core.machine.instance import Instance

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
# The mark of an array whose members are to be offered to mdadm again ("yes"), or were too often:
# whether it is of another host is not known.
UNHEARD = "INITPY_UNHEARD"


def deadline_name(instance: Instance) -> str:
    """The name of the timer of an array or group: its own, as other jobs have the same subject."""
    return f"timer of {instance.key}"


def step(state: State, instance: Instance) -> None:
    """An array that does not run is ready to be started without its missing members."""
    from initpy.core.storage.md import start as incomplete

    incomplete.step(state, instance)


def groups_first(state: State, instance: Instance) -> bool:
    """True while groups that root= does not name come before a start without the missing parts."""
    deadline = state.deadlines.get(deadline_name(instance))
    if deadline is None or not state.pending[Strategy.GROUP_ACTIVATE]:
        return False
    from initpy.core.storage.md import start as incomplete

    return incomplete.groups_first(state, instance, deadline)


def ended(state: State, instance: Instance, event: JobEnded) -> None:
    """The start has worked, or was refused."""
    from initpy.core.storage.md import start as incomplete

    incomplete.ended(state, instance, event)


def changed(state: State, name: str) -> list[str]:
    """A device has come, changed or gone; the arrays that may have to let it in."""
    if not state.stuck and not _refused_before(state, name):
        return []
    from initpy.core.storage.md import start as incomplete

    return incomplete.changed(state, name)


def half_made(state: State, name: str) -> list[str]:
    """A member or array has changed; the arrays that mdadm was not done with, now marked so.

    Whoever waited for its last word may have died: the engine before this one, or mdadm itself.
    While a command of ours is at work on an array it is `unsettled`: look again when it has ended.
    """
    device = state.devices.get(name)
    if device is None:
        return []
    found: tuple[Device, ...] = (device,)
    if device.properties.get("ID_FS_TYPE") == "linux_raid_member":
        found += state.devices.holders(name)
        if state.gave_up:
            from initpy.core.storage.md import facts as arrays

            found += tuple(arrays.disputing(state, device))
    marked = []
    for each in found:
        known = each.properties
        state.unsettled.discard(each.name)
        if known.get("md/array_state") != "inactive" or not each.slaves:
            continue
        if known.get("md/metadata_version", "").startswith("external"):
            continue
        if at_work(state, each):
            state.unsettled.add(each.name)
            continue
        from initpy.core.storage.md import reassemble as unheard

        if unheard.busy(state, each):
            state.unsettled.add(each.name)
        elif unheard.mark(state, each):
            marked.append(each.name)
    return marked


def at_work(state: State, array: Device) -> bool:
    """True while a command of ours works on the array or a member, or its effect is to show."""
    for each in (array.name, *array.slaves):
        if any(
            job.busy and job.definition.layer is Layer.MD for job in state.by_subject.get(each, ())
        ):
            return True
    return False


def step_again(state: State, instance: Instance) -> None:
    """An array that mdadm was not done with is to be stopped, so that its members are free."""
    from initpy.core.storage.md import reassemble as unheard

    unheard.step(state, instance)


def published(state: State, instance: Instance) -> None:
    """mdadm has said of which array a member is, and whether another host made that one.

    It says so only once: an engine that is started again finds the word that this one leaves,
    whether the array has shown by now or not (R5, R9).
    """
    known = device.properties if (device := state.device(instance)) is not None else {}
    array = known.get("MD_DEVICE")
    if not array or known.get("MD_FOREIGN") != "yes" or array in state.foreign:
        return
    if not state.settings.layer(Layer.MD).named:
        note_foreign(state, array, known.get("ID_FS_UUID", ""))


def note_foreign(state: State, array: str, uuid: str) -> None:
    """Another host has made the array: known from now on, also to an engine after this one."""
    state.foreign.add(array)
    state.act(Record(f"foreign.{array}", f"{uuid}\n"))


def _refused_before(state: State, name: str) -> bool:
    """An array that an engine before this one could not start (R5); it is noted as stuck.

    The kernel reads how many members there are at a start only, and nothing of ours is at work on
    the array that might be just starting it.
    """
    device = state.devices.get(name)
    if device is None or not device.properties.get("md/raid_disks"):
        return False
    if device.properties.get("md/array_state") != "inactive" or not device.slaves:
        return False
    if at_work(state, device):
        return False
    state.stuck.add(name)
    return True


def gone(state: State, array: Device) -> None:
    """An array is about to be forgotten."""
    from initpy.core.storage.md import facts as arrays

    arrays.array_gone(state, array)


def drop_timer(state: State, instance: Instance) -> None:
    """What has a timer of its own is started now, or not by it any more."""
    state.deadlines.pop(deadline_name(instance), None)
    state.forced.discard(instance.key)


def forget(state: State, instance: Instance) -> None:
    """The array is gone: nothing that was waited for or agreed counts any more."""
    drop_timer(state, instance)
    state.agreed.discard(instance.key)
    state.foreign.discard(instance.subject or "")


def record(state: State) -> None:
    """Leave word of the arrays that run degraded to the real system (R8)."""
    if any(each.properties.get("md/degraded", "0") not in ("", "0") for each in state.devices):
        from initpy.core.storage.md import start as incomplete

        incomplete.record(state)


def ask(state: State) -> None:
    """Put the next question to people, or take one back (rd.md.degraded=ask)."""
    if state.questions:
        from initpy.core.people import confirmations as questions

        questions.settle(state)


def answered(state: State, instance: Instance, event: Answered) -> None:
    """A person has answered a question."""
    from initpy.core.people import confirmations as questions

    questions.answered(state, instance, event)


def drop_question(state: State, instance: Instance, reason: str) -> None:
    """The question about this array, if there is one, is not to be answered any more."""
    if instance.key in state.questions:
        from initpy.core.people import confirmations as questions

        questions.drop(state, instance, reason)
