"""Arrays that mdadm was not done with: their members are offered once more (R5, R9).

mdadm says once, when it takes a member in, whether another host has made the array, and starts
it once when the last member is in. If the engine or mdadm dies in that moment, the origin stays
unknown, or the array is not started. What decides (ARRAY lines and HOMEHOST of mdadm.conf, names
that are taken: steps 3 and 4 of Incremental() in mdadm's Incremental.c, conf_match() in its
config.c) is not ours to repeat, and a member that is in an array cannot be offered (step 4 opens
it O_EXCL): so the array, to which nothing was written, is stopped, and mdadm does it all again.

Nor does a member come to an array one of whose members cannot be read any more: mdadm compares it
with that member. The array is stopped for it, too, and the readable members find each other.
"""

from initpy.core.devices.graph import Device
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.handler import Handler
from initpy.core.jobs.instance import Instance, JobState
from initpy.core.machine import rules
from initpy.core.machine.rules import EFFECT_SECONDS, start
from initpy.core.machine.wanted import normalised
from initpy.core.state.context import Context
from initpy.core.storage.md.busy import at_work, busy
from initpy.core.storage.md.facts import LAYER, lies_idle
from initpy.core.storage.md.members import disputed, disputing, offers
from initpy.core.storage.md.state import own

# The mark of an array whose members are to be offered to mdadm again ("yes"), or were too often:
# whether it is of another host is not known.
MARK = "INITPY_REASSEMBLE"
# A tool that dies each time is not given more arrays to take apart.
TIMES = 3


def _mark(context: Context, array: Device) -> bool:
    """Have the array's members offered again if mdadm has not said all of them; True if so.

    A user may have put it together by hand, and is not disturbed: what an earlier engine left
    shows when this engine begins, and of other arrays this engine has begun to take in a member.
    """
    if MARK in array.properties or not context.settings.layer(LAYER).enabled:
        return False
    present = context.devices.slaves(array.name)
    if len(present) < len(array.slaves):
        return False
    if not _unheard(context, present) and not _dead(context, array, present):
        return False
    uuid = max(each.properties.get("ID_FS_UUID", "") for each in present)
    often = own(context).offer(uuid) > TIMES
    for job in (job for each in present for job in offers(context, each)):
        job.published = job.succeeded = False
    context.devices.publish(array.name, {MARK: "" if often else "yes"})
    return True


def _unheard(context: Context, members: tuple[Device, ...]) -> bool:
    """True where mdadm has not said all of an array that is ours to put together."""
    unheard = [each for each in members if not _heard(context, each)]
    young = context.now < context.current.began + EFFECT_SECONDS
    ours = any(young or _tried(context, each) for each in unheard)
    return ours and all(_wanted(context, each) for each in members)


def _dead(context: Context, array: Device, members: tuple[Device, ...]) -> bool:
    """True if mdadm rejects a member because another member is unreadable, or differs."""
    if not disputed(context, array):
        return False
    # udev, which cannot read it either, may say nothing of it any more.
    return all(_wanted(context, each) or "ID_FS_TYPE" not in each.properties for each in members)


def _heard(context: Context, member: Device) -> bool:
    """True when mdadm has come to its end with the member, or has said no."""
    return any(job.succeeded or job.published for job in offers(context, member))


def _tried(context: Context, member: Device) -> bool:
    return any(job.run for job in offers(context, member))


def _wanted(context: Context, member: Device) -> bool:
    """True when mdadm would be offered the member, were it free."""
    policy, uuid = context.settings.layer(LAYER), member.properties.get("ID_FS_UUID", "")
    if member.properties.get("ID_FS_TYPE") != "linux_raid_member":
        return False
    return not policy.named or normalised(uuid) in {normalised(each) for each in policy.named}


def step(context: Context, instance: Instance) -> None:
    """Stop the array, once no command is at work on it."""
    device = context.device(instance)
    if device is not None and busy(context, device):
        instance.reason = "waits for mdadm to end"
    elif why := rules.blocked(context, instance):
        instance.reason = why
    else:
        refused = ", ".join(each.name for each in disputed(context, device)) if device else ""
        why = f"mdadm does not add {refused} to it" if refused else "mdadm was not done with it"
        context.report(f"{instance.subject}: {why}; its members are offered to mdadm again")
        start(context, instance)


def to_be_stopped(context: Context, array: Device) -> bool:
    """True while the array is about to be stopped for this."""
    jobs = context.machine.on(array.name)
    return any(
        each.strategy is Strategy.REASSEMBLE and (each.expected or each.state is JobState.WAITING)
        for each in jobs
    )


def handler() -> Handler:
    """The handler of stops after which the members are offered again."""
    return Handler(step, rules.ended)


def look(context: Context, name: str) -> list[str]:
    """A member or array has changed; the arrays that mdadm was not done with, now marked so.

    What waited for mdadm's last word may have died: the engine before this one, or mdadm itself.
    While a command of ours is at work on an array it is `unsettled`: look again when it has ended.
    """
    device, unsettled = context.devices.get(name), own(context).unsettled
    if device is None:
        return []
    found: tuple[Device, ...] = (device,)
    if device.properties.get("ID_FS_TYPE") == "linux_raid_member":
        found += context.devices.holders(name)
        if context.machine.any_failed:
            found += tuple(disputing(context, device))
    elif "md/array_state" not in device.properties and name not in unsettled:
        return []
    marked = []
    for each in found:
        unsettled.discard(each.name)
        if not lies_idle(each):
            continue
        if each.properties.get("md/metadata_version", "").startswith("external"):
            continue
        if at_work(context, each) or busy(context, each):
            unsettled.add(each.name)
        elif _mark(context, each):
            marked.append(each.name)
    return marked
