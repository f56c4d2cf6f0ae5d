"""Passphrases that opened another volume (R12)."""

from initpy.core.jobs.instance import Instance
from initpy.core.state.context import Context
from initpy.core.unlock.source import Attempt, Offer, Source
from initpy.core.unlock.volume import Volume, own
from initpy.core.volumes import VolumeSpec


def source() -> Source:
    """The known passphrases, each once."""
    return Source("known passphrase", _offer, _take, _words, known=True)


def _offer(context: Context, instance: Instance, volume: Volume) -> Offer:
    return Offer.READY if volume.known_tried < len(own(context).keyring) else Offer.NOTHING


def _take(context: Context, instance: Instance, volume: Volume) -> Attempt:
    secret = own(context).keyring.copy_of(volume.known_tried)
    volume.known_tried += 1
    return Attempt(source(), secret)


def _words(spec: VolumeSpec) -> str:
    return "a passphrase that opened another volume"
