"""Groups of one name, which LVM does not tell apart by that name: a disk of another installation.

LVM refuses a command that names such a group, and wants `--select vg_uuid=` instead. So each
physical volume is asked for the UUID of its group. One group at a time is activated: their
volumes may have the same names, too, which the kernel refuses. The next has its turn when nothing
else can lead to root; the one before is deactivated first. A path such as /dev/GROUP/root does not
say which group is meant: then none is activated.
"""

from collections.abc import Iterable

from initpy.core.devices.graph import Device
from initpy.core.events import JobEnded
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.hold_table import DeadlineKind
from initpy.core.jobs.instance import Instance, JobState, Stimulus
from initpy.core.machine.rules import give_up
from initpy.core.slots import dataclass, field
from initpy.core.state.context import Context
from initpy.core.storage.assembly import Plan, is_due
from initpy.core.storage.lvm import state

# The mark of a physical volume: "yes", or "return" if the group's volumes are to be deactivated.
SAME_NAME = "INITPY_LVM_SAME_NAME"
UUID = "LVM2_VG_UUID"  # what `lvm pvs --nameprefixes` says
# resolve_duplicate_vgnames() in LVM's tools/toollib.c.
REFUSED = "Multiple VGs found with the same name"
NEXT = Plan(5.0, rank=2, kind=DeadlineKind.LAST_RESORT)


@dataclass(slots=True)
class SameName:
    """Which names several groups have, and which of those groups was activated."""

    names: set[str] = field(default_factory=set)
    active: dict[str, str] = field(default_factory=dict)  # name -> UUID
    returned: set[str] = field(default_factory=set)  # UUIDs of groups that were deactivated
    marked: list[str] = field(default_factory=list)  # physical volumes to look at again


def own(context: Context) -> SameName:
    """What is known of groups with the same name."""
    return context.technologies.own(SameName)


def refused(context: Context, event: JobEnded, group: str) -> bool:
    """True if LVM refuses the group because another one has its name; then it is noted."""
    if REFUSED not in event.complaints or group in own(context).names:
        return False
    own(context).names.add(group)
    return True


def forget(context: Context, group: str) -> None:
    """A physical volume has come or gone: LVM is tried by the name first."""
    known = own(context)
    if group in known.names:
        known.names.discard(group)
        uuid = known.active.pop(group, "")
        state.own(context).active.discard(uuid)


def marked(context: Context, groups: Iterable[str]) -> list[str]:
    """Mark the physical volumes of groups with one name; those that were not marked."""
    found = []
    for group in groups:
        for name in state.own(context).volumes(group) if group in own(context).names else ():
            device = context.devices.get(name)
            if device is not None and SAME_NAME not in device.properties:
                context.devices.mark(name, SAME_NAME, "yes")
                found.append(name)
    return found


def key(context: Context, device: Device | None, group: str) -> str:
    """By what it is noted that the group is active: its UUID, if its name is not enough."""
    uuid = device.properties.get(UUID, "") if device is not None else ""
    return uuid if group in own(context).names else group


def activated(context: Context, device: Device | None, group: str) -> None:
    """Note which of the groups is active."""
    if group in own(context).names:
        own(context).active[group] = key(context, device, group)


def chosen(context: Context, device: Device | None, group: str) -> list[str]:
    """The group as LVM wants it named."""
    if group not in own(context).names:
        return [group]
    return ["--select", f"vg_uuid={key(context, device, group)}"]


def waits(context: Context, instance: Instance, group: str) -> bool:
    """True while the group must not be activated, with the reason, or if it never will be."""
    known, device = own(context), context.device(instance)
    if group not in known.names or device is None:
        return False
    uuid, active = device.properties.get(UUID, ""), known.active.get(group)
    if group in context.settings.lvm.hinted:
        why = f"several groups are called {group}; root=UUID= or root=LABEL= tells them apart"
        give_up(context, instance, why)
    elif not uuid:
        instance.reason = f"several groups are called {group}: LVM is asked for its UUID"
    elif uuid in known.returned:
        context.machine.move(instance, Stimulus.NOT_WANTED, "it does not lead to root")
    elif active and active != uuid:
        _wait_for_the_other(context, instance, group, active)
    elif any(each.busy for each in _others(context, instance, group)):
        instance.reason = f"another group {group} is being activated"
    else:
        return False
    return True


def _wait_for_the_other(context: Context, instance: Instance, group: str, active: str) -> None:
    """Have the group that is active deactivated, once nothing else can lead to root."""
    instance.reason = f"another group {group} is active; has its turn if root is not on that"
    if not is_due(context, instance, NEXT):
        return
    for name in state.own(context).volumes(group):
        device = context.devices.get(name)
        if device is not None and device.properties.get(UUID) == active:
            jobs = context.machine.on(name)
            returns = [each for each in jobs if _returns(each)]
            if any(each.state is JobState.FAILED and not each.expected for each in returns):
                give_up(context, instance, f"the other group {group} cannot be deactivated")
            elif device.properties.get(SAME_NAME) != "return":
                context.report(f"{group}: root is not on the group {active}: it is deactivated")
                context.devices.mark(name, SAME_NAME, "return")
                own(context).marked.append(name)
                context.current.stir()
            return


def unsettled(context: Context) -> list[str]:
    """The physical volumes that were marked by what another one waits for."""
    known = own(context)
    found, known.marked = known.marked, []
    return found


def _returns(instance: Instance) -> bool:
    """True for the job of a physical volume that deactivates its group again."""
    return instance.strategy is Strategy.GROUP_COMMAND and not instance.definition.publishes


def _others(context: Context, instance: Instance, group: str) -> list[Instance]:
    """The activations of the groups of this name."""
    return [
        each
        for name in state.own(context).volumes(group)
        for each in context.machine.on(name)
        if each.strategy is Strategy.GROUP_ACTIVATE and each is not instance
    ]


def ended(context: Context, instance: Instance, groups: Iterable[str]) -> None:
    """A group was deactivated: the next one has its turn."""
    device, known = context.device(instance), own(context)
    if device is None or not (_returns(instance) and instance.succeeded):
        return
    uuid = device.properties.get(UUID, "")
    for group in groups:
        if known.active.get(group) == uuid:
            del known.active[group]
            known.returned.add(uuid)
            state.own(context).active.discard(uuid)
            context.devices.mark(device.name, SAME_NAME, "yes")
