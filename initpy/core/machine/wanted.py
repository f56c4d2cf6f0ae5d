"""Whether the user wants a job to run (R1), and what must end before it may."""

import re

from initpy.core.devices.graph import PARTITIONS, RAID, SET, Device, has_members, partitions
from initpy.core.devices.marks import TABLE
from initpy.core.devices.names import Naming
from initpy.core.jobs.instance import Instance
from initpy.core.machine.templates import fill
from initpy.core.state.context import Context


def unwanted(context: Context, instance: Instance) -> str | None:
    """Why the user does not want this job to run, or None when the user does (R1)."""
    switch, settings = instance.definition.switch, context.settings
    if switch is not None and switch in settings.switched_off:
        return f"switched off by {switch}=0"
    if instance.definition.for_root and not leads_to_root(context, context.device(instance)):
        return "root= does not need it"
    layer = instance.definition.layer
    if layer is None:
        return None
    policy = settings.layer(layer)
    if not policy.enabled:
        return f"switched off by {policy.by}"
    if settings.volumes and (judge := context.handlers.manner(instance).named) is not None:
        return judge(context, instance)
    templates = instance.definition.identity
    if not policy.named or not templates:
        return None
    names = {normalised(fill(context, each, instance)) for each in templates}
    if names & {normalised(each) for each in policy.named}:
        return None
    return f"not among those that {policy.by} names"


def leads_to_root(context: Context, device: Device | None) -> bool:
    """True if root, or what belongs below it, is something that a job lists, and needs this set.

    Without a device: if it may need any. What is not gathered in a set itself may be a part of one.
    """
    settings = context.settings
    host = settings.image.host if settings.image is not None else None
    usr = settings.usr.source if settings.usr is not None else None
    below = (each.source for each in context.goals.extra_mounts)
    named = [
        each
        for each in (settings.root, host, usr, *below)
        if each is not None and (each.naming is Naming.LISTED or each.needs)
    ]
    if device is None or device.kind is not SET:
        return bool(named)
    return any(each.is_needed(device) for each in named)


def normalised(name: str) -> str:
    """Names of arrays and volumes compared regardless of how their UUID is punctuated."""
    bare = name.lower().replace(":", "").replace("-", "")
    return bare if re.fullmatch("[0-9a-f]{32}", bare) else name


def awaits_job(context: Context, instance: Instance) -> str | None:
    """The job that must end before this one may run, None when there is none (any more)."""
    for name in instance.definition.after:
        other = context.machine.find(name)
        if other is None:
            continue
        if other.pending or (other.definition.probes and other.expected):
            return name
    return None


def partition_instead(context: Context, instance: Instance) -> str | None:
    """The partition that is what the disk only seems to be; "" while not all are known yet.

    A superblock at the end of a disk may be left over from before the disk had partitions, or
    be that of the last partition. What the user named is not doubted, nor a superblock of an
    array that the partition table was made on.
    """
    wanted, disk, layer = (
        instance.definition.yields,
        context.device(instance),
        instance.definition.layer,
    )
    if wanted is None or disk is None or PARTITIONS not in disk.properties:
        return None
    if TABLE in disk.properties:
        return None
    if layer is not None and context.settings.layer(layer).named:
        return None
    seen = partitions(context.devices, disk.name)
    found = next((each.name for each in seen if wanted.accepts(each.properties)), None)
    if found is not None and not disk.ready:
        return ""  # its superblock is being read: whose the table is, is not known yet
    if found is None and set(disk.properties.get(PARTITIONS, "").split()) - {
        each.name for each in seen
    }:
        return ""
    return found


def disk_instead(context: Context, instance: Instance) -> str | None:
    """The disk that is a member of an array, with all its partitions; "" while that is not known.

    Metadata at the end of a disk, such as that of firmware RAID, leaves the partitions of a mirror
    visible on each member. What uses one there changes one copy behind the array's back, and keeps
    the array from getting the disk. A disk that the user has switched off as a member is none.
    """
    partition = context.device(instance)
    if partition is None or partition.properties.get("DEVTYPE") != "partition":
        return None
    for disk in context.devices.slaves(partition.name):
        if disk.usage != RAID:
            continue
        for job in context.machine.on(disk.name):
            if job.definition.success.holder is None or unwanted(context, job):
                continue
            if (instead := partition_instead(context, job)) is None:
                left_over = job.definition.yields is None and has_members(context.devices, disk)
                if not left_over:
                    return disk.name
            elif not instead:
                return instead
    return None
