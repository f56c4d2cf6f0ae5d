"""Volume groups of another system, which LVM refuses to activate (lvmsystemid(7)).

A group has the system ID of the machine that made it; an image without that name, or a machine
that was renamed, takes it for another system's. Root must boot all the same (R9):

- A group that the user names (`root=`, `rd.lvm.vg=`, `rd.lvm.lv=`) is activated as its owner
  would do it: each command gets the group's system ID for this one call. Nothing is written.
- Any other group is looked at when nothing else can lead to root: its plain volumes are activated
  read-only and nothing may use them. A volume with root, or with a locked volume that may lead to
  it, becomes writable and goes on as usual; the others are deactivated. RAID volumes are left
  alone, since their activation writes to the disks even if it is read-only; so are thin and
  cached ones, which do not start read-only.
"""

import re
from collections.abc import Iterable, Iterator

from initpy.core.devices.graph import Device
from initpy.core.devices.marks import CRYPT, FOREIGN, LOOK, ROLE, TARGET
from initpy.core.events import JobEnded
from initpy.core.explanation import Advice
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.handler import Handler
from initpy.core.jobs.instance import Instance, JobState
from initpy.core.layer import Layer
from initpy.core.machine.rules import ended, start
from initpy.core.machine.templates import command
from initpy.core.machine.wanted import unwanted
from initpy.core.slots import dataclass, field
from initpy.core.state.context import Context
from initpy.core.storage.lvm import state, unseen

# What `lvm pvs --nameprefixes` says of a physical volume's group.
NAME, SYSTEM_ID = "LVM2_VG_NAME", "LVM2_VG_SYSTEMID"
EXPORTED, LOCK_TYPE = "LVM2_VG_EXPORTED", "LVM2_VG_LOCK_TYPE"
# How LVM says that it leaves a group to others: tools/pvscan.c, lib/metadata/metadata.c.
SCAN_REFUSED = ("ignore foreign VG", "ignore exported VG", "ignore shared VG")
ACTIVATION_REFUSED = "with system ID"
NO_SYSTEM_ID = "No system ID found"
# Marks of a physical volume: who refused it ("scan", "activation"), and that another system
# owns its group.
REFUSED, OTHER = "INITPY_LVM_REFUSED", "INITPY_LVM_FOREIGN"
# "Valid system ID characters are the same as valid VG name characters" (lvmsystemid(7)).
_VALID = re.compile(r"[A-Za-z0-9_+.-]{1,128}")
OF_GROUPS = (
    Strategy.GROUP_SCAN,
    Strategy.GROUP_ACTIVATE,
    Strategy.GROUP_START,
    Strategy.GROUP_COMMAND,
)
UNKNOWN = "unknown"  # of a read-only volume: whose it is
_PLAIN = "lv_layout=[linear] || lv_layout=[striped]"


@dataclass(slots=True)
class ForeignGroups:
    """Which groups belong to another system, where this one has no system ID.

    Where it has one, the scan tells apart even two groups of one name: see `OTHER`.
    """

    owners: dict[str, str] = field(default_factory=dict)  # group -> system ID; "": not foreign
    asked: set[str] = field(default_factory=set)  # groups that LVM has refused to activate
    told: set[str] = field(default_factory=set)  # what the user was told


def own(context: Context) -> ForeignGroups:
    """What is known of other systems' groups."""
    return context.technologies.own(ForeignGroups)


def owner(context: Context, device: Device | None, group: str) -> str:
    """The system ID if this device's group is another system's; else empty."""
    known = device.properties if device is not None else {}
    if REFUSED in known and known.get(NAME) == group:
        return known[SYSTEM_ID] if OTHER in known else ""
    return own(context).owners.get(group, "")


def forget(context: Context, group: str) -> None:
    """A physical volume has come or gone: LVM is tried first without the owner's system ID.

    A group of this machine may have the same name; LVM prefers it.
    """
    own(context).asked.discard(group)
    own(context).owners.pop(group, None)


def twin(context: Context, device: Device | None, volumes: Iterable[str]) -> bool:
    """True if this system has a group of the same name, on these physical volumes."""
    if device is None or OTHER not in device.properties:
        return False
    others = filter(None, map(context.devices.get, volumes))
    return device.properties[REFUSED] == "scan" and any(
        OTHER not in each.properties for each in others
    )


def named(context: Context, group: str) -> bool:
    """True if the user names the group, in rd.lvm.* or by the path of a device."""
    named_by_parameter = context.settings.layer(Layer.LVM).named
    return group in context.settings.lvm.hinted or group in named_by_parameter


def refused(context: Context, instance: Instance, event: JobEnded, group: str) -> bool:
    """True if LVM refuses to activate the group for its system ID; then LVM is asked for that."""
    foreign = own(context)
    if ACTIVATION_REFUSED not in event.complaints or group in foreign.asked or not instance.subject:
        return False
    foreign.asked.add(group)
    context.devices.mark(instance.subject, REFUSED, "activation")
    _learn(context, instance.subject)  # if it was asked for before
    return True


def left_alone(context: Context, instance: Instance, why: str) -> None:
    """The scan leaves a physical volume alone; where its group is why, LVM is asked about that."""
    device = context.device(instance)
    told = any(words in why for words in SCAN_REFUSED)
    if told and device is not None and REFUSED not in device.properties:
        context.devices.mark(device.name, REFUSED, "scan")


def awaited(context: Context, group: str) -> bool:
    """True while LVM is asked for the owner of this group."""
    foreign = own(context)
    if group not in foreign.asked or group in foreign.owners:
        return False
    return any(
        (each.expected or each.state is JobState.WAITING) and group_of(context, each) in ("", group)
        for each in context.machine.every()
        if each.strategy is Strategy.GROUP_COMMAND and each.definition.publishes
    )


def options(context: Context, instance: Instance, group: str) -> list[str]:
    """The options by which a scan, or the activation of a group, acts for the group's owner."""
    device = context.device(instance)
    known = device.properties if device is not None else {}
    found = owner(context, device, group or known.get(NAME, ""))
    if group and found and not named(context, group):
        return _looking(found, group)
    return _acting_as(found, read_only=LOOK in known)


def _acting_as(found: str, *, read_only: bool = False) -> list[str]:
    """The options of an LVM command that acts for this system, for this one call.

    Not local/extra_system_ids, which counts only where the machine has a system ID itself.
    `read_only`: on an array that is only looked into; LVM takes one --config (lvm(8)).
    """
    if not found:
        return []
    # lvm.conf may turn event activation off, for the real system; a scan needs it.
    words = 'event_activation=1 system_id_source="lvmlocal"'
    words += " metadata_read_only=1" if read_only else ""
    return ["--config", f'global {{ {words} }} local/system_id="{found}"']


def _looking(found: str, group: str) -> list[str]:
    """The same for the read-only activation of the volumes of which activation writes nothing."""
    words = _acting_as(found)
    return [words[0], f'{words[1]} activation/read_only_volume_list=["{group}"]', "-S", _PLAIN]


def announce(context: Context, group: str, found: str) -> None:
    """Tell the user once that a group of another system is activated, and how to take it over."""
    told = own(context).told
    if not named(context, group):
        state.own(context).looked_at.add(group)
    act = "activated, since it is named" if named(context, group) else "looked at read-only"
    if group not in told:
        told.add(group)
        context.report(f"{group} belongs to the system {found}: {act}")
        context.report(f"to make {group} this system's: vgchange --systemid, lvmsystemid(7)")


def complain(context: Context, remarks: Iterable[str]) -> None:
    """Tell the user once of a system_id_source that gives no system ID."""
    for each in remarks:
        if each.startswith(NO_SYSTEM_ID) and NO_SYSTEM_ID not in own(context).told:
            own(context).told.add(NO_SYSTEM_ID)
            context.report(f"LVM: {each}; see lvmsystemid(7)")


# Commands on groups of other systems


def handler() -> Handler:
    """The handler of commands on a group that may be another system's."""
    return Handler(_step, _ended, advice=advice)


def _step(context: Context, instance: Instance) -> None:
    configured = context.settings.lvm.configured
    several = {
        "{lvm}": ["lvm"] if configured else ["env", "LVM_SYSTEM_DIR=", "lvm"],
        "{owner}": _acting_as(_owner_of_volume(context, context.device(instance))),
    }
    start(context, instance, unseen.without(context, command(context, instance, several)))


def group_of(context: Context, instance: Instance) -> str:
    """The group of the volume or physical volume that the instance is about; "" if unknown."""
    device = context.device(instance)
    known = device.properties if device is not None else {}
    return known.get("DM_VG_NAME", known.get(NAME, ""))


def _owner_of_volume(context: Context, device: Device | None) -> str:
    """The system that owns the group of a logical volume; plain ones stand on the disks."""
    group = device.properties.get("DM_VG_NAME", "") if device is not None else ""
    below = context.devices.slaves(device.name) if device is not None and group else ()
    return next(filter(None, (owner(context, each, group) for each in below)), "")


def _ended(context: Context, instance: Instance, event: JobEnded) -> None:
    keys = instance.definition.publishes
    if keys and any(line.startswith(keys) for line in event.output.splitlines()):
        event = event._replace(status=0)  # it complains of other groups, too
    ended(context, instance, event)
    if keys and instance.subject is not None:
        _learn(context, instance.subject)


def _learn(context: Context, name: str) -> None:
    """LVM has said, or cannot say, whose group it is."""
    device, foreign = context.devices.get(name), own(context)
    known = device.properties if device is not None else {}
    if NAME not in known:
        return
    found = known.get(SYSTEM_ID, "")
    if found and not _VALID.fullmatch(found):
        context.report(f"{known[NAME]}: the system ID {found!r} is not valid (lvmsystemid(7))")
        found = ""
    if known.get(EXPORTED) or known.get(LOCK_TYPE):
        found = ""  # it is no system's, or that of several
    if known[NAME] in foreign.asked:
        foreign.owners[known[NAME]] = found
    if found:
        context.devices.mark(name, OTHER, "yes")


# Volumes that are looked at


def changed(context: Context, name: str) -> None:
    """Mark a volume that is activated read-only, so that nothing uses it; unmark a writable one."""
    device = context.devices.get(name)
    known = device.properties if device is not None else {}
    group = known.get("DM_VG_NAME", "")
    if not group:
        return
    looks = known.get("ro") == "1" and not named(context, group)
    if looks and _owner_of_volume(context, device):
        if known.get(FOREIGN, UNKNOWN) == UNKNOWN:
            context.devices.mark(name, FOREIGN, "yes")
    elif looks and group not in state.own(context).active:
        # An engine before this one may have activated it only to look at it (R5).
        context.devices.mark(name, FOREIGN, UNKNOWN)
    elif FOREIGN in known:
        context.devices.mark(name, FOREIGN, None)


def changed_group(context: Context, group: str) -> list[str]:
    """LVM has said whose group it is, or has activated it: its volumes that were in doubt."""
    doubtful = [
        each.name
        for each in context.devices
        if each.properties.get(FOREIGN) == UNKNOWN and each.properties.get("DM_VG_NAME") == group
    ]
    for name in doubtful:
        changed(context, name)
        looked(context, name)
    return doubtful


def looked(context: Context, name: str) -> Iterable[str]:
    """Keep a volume that may lead to root, and give back any other."""
    device = context.devices.get(name)
    if device is None or device.properties.get(FOREIGN) != "yes" or not _probed(device):
        return ()
    wanted = any(mark in device.properties for mark in (ROLE, TARGET, CRYPT)) or any(
        each.strategy is Strategy.UNLOCK and unwanted(context, each) is None
        for each in context.machine.on(name)
    )
    context.devices.mark(name, FOREIGN, "keep" if wanted else "return")
    return (name,)


def _probed(device: Device) -> bool:
    """True when all of udev's rules have seen the volume."""
    known = device.properties
    return known.get("DM_UDEV_DISABLE_OTHER_RULES_FLAG") != "1" and known.get("DM_SUSPENDED") == "0"


def condition(device: Device) -> tuple[str, str]:
    """A word for a volume that is looked at."""
    if device.properties.get(FOREIGN) == UNKNOWN:
        return "read-only", "LVM has not said yet whose group it is"
    if FOREIGN in device.properties:
        return "read-only", "activated to be looked at, since another system owns its group"
    return "", ""


# What the user can do


def advice(context: Context, instance: Instance) -> Iterator[Advice]:
    """What to do about a group that LVM leaves to others."""
    device = context.device(instance)
    known = device.properties if device is not None else {}
    if instance.strategy is not Strategy.GROUP_COMMAND or not known.get(NAME):
        return
    group = known[NAME]
    if known.get(EXPORTED):
        yield Advice(
            f"{group} is exported (vgexport(8)). If it belongs to this system:",
            (
                (f"lvm vgimport {group}", "writes to its disks"),
                (f"lvm vgchange -ay {group}", "activate it: the boot goes on"),
            ),
        )
    elif known.get(LOCK_TYPE):
        yield Advice(
            f"Several systems may use {group} (lvmlockd(8), {known[LOCK_TYPE]}), so initpy does "
            "not. Only if no other system does:",
            (
                (f"lvm vgchange -y --lock-type none --lockopt force {group}", ""),
                (f"lvm vgchange -ay {group}", "activate it: the boot goes on"),
            ),
        )
    elif known.get(SYSTEM_ID) and not named(context, group):
        yield Advice(
            f"{group} belongs to the system {known[SYSTEM_ID]}. If root is on it, add this to the "
            f"kernel command line: rd.lvm.vg={group}"
        )
