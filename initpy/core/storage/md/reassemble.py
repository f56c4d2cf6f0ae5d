"""Arrays that mdadm was not done with: their members are offered once more (R5, R9).

mdadm says once, when it takes a member in, whether another host has made the array, and starts
it once when the last one is in. Where the engine or mdadm died in that moment, nobody knows the
one, or nobody does the other. What decides (ARRAY lines and HOMEHOST of mdadm.conf, names that are
taken: steps 3 and 4 of Incremental() in mdadm's Incremental.c, conf_match() in its config.c) is not
for anybody else to repeat, and a member that is in an array cannot be offered (step 4 opens it
O_EXCL): so the array, to which nothing was written, is stopped, and mdadm does it all again.

Nor does a member come to an array one of whose members cannot be read any more: mdadm compares it
with that one. The array is stopped for it, too, and those that can be read find each other.
"""

from initpy.core.devices.graph import Device
from initpy.core.machine.context import State, normalised
from initpy.core.machine.definitions import Strategy
from initpy.core.machine.instance import Instance, JobState
from initpy.core.machine.rules import EFFECT_SECONDS, start
from initpy.core.storage.assembly import UNHEARD
from initpy.core.storage.md import facts as arrays

# A tool that dies each time is not given more arrays to take apart.
TIMES = 3


def mark(state: State, array: Device) -> bool:
    """Have the array's members offered again if mdadm has not said all of them; True if so.

    People may have put it together themselves, and are not disturbed: one that an engine before
    this one left shows when this one begins, and of others this one has begun to take in a member.
    """
    if UNHEARD in array.properties or not state.settings.layer(arrays.LAYER).enabled:
        return False
    members = state.devices.slaves(array.name)
    if len(members) < len(array.slaves):
        return False
    if not _unheard(state, members) and not _dead(state, array, members):
        return False
    uuid = max(each.properties.get("ID_FS_UUID", "") for each in members)
    state.offered[uuid] = state.offered.get(uuid, 0) + 1
    often = state.offered[uuid] > TIMES
    for job in (job for each in members for job in arrays.offers(state, each)):
        job.published = job.succeeded = False
    state.devices.publish(array.name, {UNHEARD: "" if often else "yes"})
    return True


def _unheard(state: State, members: tuple[Device, ...]) -> bool:
    """True where mdadm has not said all of an array that is ours to put together."""
    unheard = [each for each in members if not _heard(state, each)]
    young = state.now < state.began + EFFECT_SECONDS
    ours = any(young or _tried(state, each) for each in unheard)
    return ours and all(_wanted(state, each) for each in members)


def _dead(state: State, array: Device, members: tuple[Device, ...]) -> bool:
    """True where a member is kept out by one that cannot be read, or says something else."""
    if not arrays.disputed(state, array):
        return False
    # udev, which cannot read it either, may say nothing of it any more.
    return all(_wanted(state, each) or "ID_FS_TYPE" not in each.properties for each in members)


def _heard(state: State, member: Device) -> bool:
    """True when mdadm has come to its end with the member, or has said no."""
    return any(job.succeeded or job.published for job in arrays.offers(state, member))


def _tried(state: State, member: Device) -> bool:
    return any(job.run for job in arrays.offers(state, member))


def _wanted(state: State, member: Device) -> bool:
    """True when mdadm would be offered the member, were it free."""
    policy, uuid = state.settings.layer(arrays.LAYER), member.properties.get("ID_FS_UUID", "")
    if member.properties.get("ID_FS_TYPE") != "linux_raid_member":
        return False
    return not policy.named or normalised(uuid) in {normalised(each) for each in policy.named}


def busy(state: State, array: Device) -> bool:
    """True while a command is at work on the array, on a member, or on one that is to be one."""
    uuids = arrays.uuids(state, array)
    for key in state.tools:
        job = state.instances[key]
        if job.definition.layer is not arrays.LAYER or job.subject is None:
            continue
        device = state.device(job)
        if job.subject == array.name or (
            device is not None and device.properties.get("ID_FS_UUID") in uuids
        ):
            return True
    return False


def step(state: State, instance: Instance) -> None:
    """Stop the array, once nobody is at work on it."""
    device = state.device(instance)
    if device is not None and busy(state, device):
        instance.reason = "waits for mdadm to end"
    else:
        refused = ", ".join(each.name for each in arrays.disputed(state, device)) if device else ""
        why = f"mdadm does not add {refused} to it" if refused else "mdadm was not done with it"
        state.report(f"{instance.subject}: {why}; its members are offered to mdadm again")
        start(state, instance)


def to_be_stopped(state: State, array: Device) -> bool:
    """True while the array is about to be stopped for this."""
    jobs = state.by_subject.get(array.name, ())
    return any(
        each.definition.strategy is Strategy.OFFER_AGAIN
        and (each.expected or each.state is JobState.WAITING)
        for each in jobs
    )
