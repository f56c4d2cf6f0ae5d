"""What naming a volume means: only named volumes are opened, and the handover waits for them."""

from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.instance import Instance
from initpy.core.state.context import Context


def why_unnamed(context: Context, instance: Instance) -> str | None:
    """Why a volume is left alone where the user named others; None if it is named."""
    device = context.device(instance)
    if device is None or context.volumes.first(device) is not None:
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
    named = context.volumes.first(device) if device is not None else None
    return named is not None and not named.optional and not (instance.idle or instance.stalled)
