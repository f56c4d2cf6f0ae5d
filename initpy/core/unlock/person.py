"""The source `person`: a passphrase that was typed at the prompt, or given to `given.py`."""

from initpy.core.jobs.instance import Instance
from initpy.core.state.context import Context
from initpy.core.unlock.source import Attempt, Offer, Source
from initpy.core.unlock.volume import Volume
from initpy.core.volumes import VolumeSpec


def source() -> Source:
    """The user."""
    return Source("person", _offer, _take, _words, refused=_refused, person=True)


def _offer(context: Context, instance: Instance, volume: Volume) -> Offer:
    return Offer.READY if volume.typed is not None else Offer.NOTHING


def _take(context: Context, instance: Instance, volume: Volume) -> Attempt:
    secret, volume.typed = volume.typed, None
    return Attempt(source(), secret)


def _words(spec: VolumeSpec) -> str:
    return "the passphrase typed"


def _refused(context: Context, instance: Instance, volume: Volume) -> None:
    volume.wrong += 1
