"""Volumes that are left to the real system: their key is most likely on root."""

from initpy.core.jobs.definitions import Strategy
from initpy.core.state.context import Context
from initpy.core.unlock import keyfile
from initpy.core.unlock.volume import own, specification
from initpy.core.volumes import VolumeSpec


def is_for_later(context: Context, spec: VolumeSpec) -> bool:
    """True where the key is not in the image: root, which it is most likely on, needs no such."""
    absent = spec.listed and keyfile.is_absent(context, spec)
    return absent and not own(context).asks_for_all


def ask_for_all(context: Context) -> bool:
    """Root has not come in time: ask for these volumes too."""
    if own(context).asks_for_all:
        return False
    pending = context.machine.pending(Strategy.UNLOCK)
    late = [each for each in pending if is_for_later(context, specification(context, each))]
    own(context).asks_for_all = True
    context.machine.touch_all(late)
    return bool(late)
