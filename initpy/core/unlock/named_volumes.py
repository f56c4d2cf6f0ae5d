"""What naming a volume means: only named volumes are opened, and the handover waits for them."""

from initpy.core.devices.graph import CRYPTO, DERIVED, Device
from initpy.core.devices.marks import LOOK
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.instance import Instance
from initpy.core.state.context import Context


def why_unnamed(context: Context, instance: Instance) -> str | None:
    """Why a volume is left alone where the user named others; None if it is named."""
    device = context.device(instance)
    if device is None or device.kind in DERIVED or context.volume(device) is not None:
        return None
    root = context.settings.root
    if all(each.beside for each in context.settings.volumes) or (root and root.names(device)):
        return None
    return "not among the volumes that the user named"


def any_waited_for(context: Context) -> bool:
    """True while there is a locked volume that the user named and that is not optional (R1).

    An attempt that has failed is not the last while there is a try left; a volume that is there
    may be ready soon. Asked for each job that might start: without named volumes no instance is
    looked at.
    """
    if not context.settings.volumes:
        return False
    machine = context.machine
    unlocks = (
        *machine.pending(Strategy.UNLOCK),
        *machine.unready(Strategy.UNLOCK),
        *(each for each in machine.failed(Strategy.UNLOCK) if each.expected),
    )
    return any(_is_waited_for(context, each) for each in unlocks)


def _is_waited_for(context: Context, instance: Instance) -> bool:
    device = context.device(instance)
    named = context.volume(device) if device is not None else None
    return named is not None and not named.optional and not (instance.idle or instance.stalled)


def named(context: Context, device: Device) -> str:
    """The name by which the user asks for an encrypted volume, in words."""
    volume = context.volume(device)
    if volume is None or not (volume.unmarked or device.usage == CRYPTO):
        return ""
    return f"the volume {volume.name}"


def beside(context: Context, instance: Instance) -> str:
    """The other volumes that stand on what is only looked into, as this one does (R9).

    Where nothing tells which of them is meant, no user is asked for any.
    """
    device = context.device(instance)
    if device is None or LOOK not in device.properties or named(context, device):
        return ""
    others = []
    for each in context.machine.pending(Strategy.UNLOCK):
        other = context.device(each)
        if each is not instance and other is not None and LOOK in other.properties:
            others.append(other.name)
    return ", ".join(sorted(others))
