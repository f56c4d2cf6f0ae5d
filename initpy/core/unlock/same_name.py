"""Volumes of one name: the device mapper opens one of them.

A clone of a disk has the UUID of its volume, and so has a partition that the kernel sees in a
header by mistake: a line of crypttab names both. Which one is opened is by chance, as with other
clones. The other one is left alone, and no user is asked for it.
"""

from initpy.core.devices.graph import MAPPING_NAME, Device
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.instance import Instance
from initpy.core.jobs.timers import Timer
from initpy.core.state.context import Context
from initpy.core.unlock.volume import own, specification
from initpy.core.volumes import VolumeSpec

_OPEN = "CRYPT-"  # how the UUIDs of open volumes begin


def put_off(context: Context, instance: Instance, spec: VolumeSpec) -> bool:
    """Leave the volume alone while another one has its name; return whether that is so.

    Its own mapping would have ended its instance, which is ready.
    """
    why = name_taken(context, spec)
    if not why:
        return False
    context.prompts.reply(instance.key, False, f"{instance.subject}: {why}")
    context.machine.timers.cancel(Timer.ANSWER, instance.key)
    context.prompts.drop(instance.key, why)
    own(context).of(instance).wipe()
    instance.idle, instance.reason = True, why
    return True


def name_taken(context: Context, spec: VolumeSpec) -> str:
    """Return why no other device can have the volume's name; "" if it is free."""
    open_one = min(context.devices.having(MAPPING_NAME, spec.name), default=None)
    if open_one is None:
        return ""
    return f"{spec.name} is open, as {open_one}: only one device can have the name"


def being_opened(context: Context, instance: Instance, spec: VolumeSpec) -> str:
    """Return the key of another instance that opens a volume of this name; "" for none."""
    for each in context.machine.pending(Strategy.UNLOCK):
        if each is not instance and each.busy and specification(context, each).name == spec.name:
            return each.key
    return ""


def changed(context: Context, device: Device | None) -> None:
    """Look again at the volumes that the name of a mapping concerns, which has come or gone."""
    if device is not None and device.properties.get("DM_UUID", "").startswith(_OPEN):
        look_again(context, device.properties.get(MAPPING_NAME, ""))


def look_again(context: Context, name: str) -> None:
    """Look again at the volumes of this name that are not open."""
    for each in tuple(context.machine.pending(Strategy.UNLOCK)):
        if specification(context, each).name == name:
            context.machine.touch(each)
