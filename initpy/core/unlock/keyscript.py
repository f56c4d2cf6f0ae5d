"""A program of the image that prints the key (`keyscript=` of Debian's crypttab(5))."""

from initpy.core.jobs.instance import Instance
from initpy.core.state.context import Context
from initpy.core.unlock import keyfile
from initpy.core.unlock.source import Attempt, Offer, Source
from initpy.core.unlock.volume import Volume, own
from initpy.core.volumes import VolumeSpec

NAME = "key script"


def source() -> Source:
    """A key script."""
    return Source(NAME, _offer, _take, keyfile.words, _begin, _refused, dispensable=True)


def _wanted(spec: VolumeSpec) -> bool:
    return spec.key is not None and bool(spec.key.program)


def _begin(context: Context, instance: Instance, volume: Volume) -> None:
    spec = volume.spec
    if spec.key is not None and _wanted(spec):
        own(context).fetchings.key(context, instance, spec.key, spec.name)


def _offer(context: Context, instance: Instance, volume: Volume) -> Offer:
    if not _wanted(volume.spec):
        return Offer.NOTHING
    return keyfile.offer_fetched(own(context).fetchings.stage(instance))


def _take(context: Context, instance: Instance, volume: Volume) -> Attempt:
    return keyfile.fetched(context, instance, volume.spec, source())


def _refused(context: Context, instance: Instance, volume: Volume) -> None:
    volume.spent.add(NAME)
    instance.failures = 0
