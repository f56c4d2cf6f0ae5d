"""What naming a volume means: only named volumes are opened, and the handover waits for them."""

from initpy.core.jobs.instance import Instance
from initpy.core.state.context import Context


def why_unnamed(context: Context, instance: Instance) -> str | None:
    """Why a volume is left alone where the user named others; None if it is named."""
    device = context.device(instance)
    if device is None or context.settings.volume(device) is not None:
        return None
    return "not among the volumes that the user named"


def is_waited_for(context: Context, instance: Instance) -> bool:
    """True for a locked volume that the user named and that is not optional (R1)."""
    device = context.device(instance)
    named = context.settings.volume(device) if device else None
    return named is not None and not named.optional and not instance.idle
