"""The empty passphrase, where the user has said so (`try-empty-password` of crypttab(5))."""

from initpy.core.jobs.instance import Instance
from initpy.core.secret import Secret
from initpy.core.state.context import Context
from initpy.core.unlock.source import Attempt, Offer, Source
from initpy.core.unlock.volume import Volume
from initpy.core.volumes import VolumeSpec

NAME = "empty passphrase"


def source() -> Source:
    """The empty passphrase."""
    return Source(NAME, _offer, _take, _words)


def _offer(context: Context, instance: Instance, volume: Volume) -> Offer:
    if not volume.spec.empty:
        return Offer.NOTHING
    return Offer.SPENT if NAME in volume.spent else Offer.READY


def _take(context: Context, instance: Instance, volume: Volume) -> Attempt:
    volume.spent.add(NAME)
    return Attempt(source(), Secret(b"\n"), ())  # a line of its own


def _words(spec: VolumeSpec) -> str:
    return "the empty passphrase"
