"""The key that crypttab or the command line names: a file of the image, of a device, or its bytes.

A stick with the key may be there from the start, come while the prompt is up, be
the wrong stick, go and come back (R11).
"""

from initpy.core.jobs.instance import Instance
from initpy.core.state.context import Context
from initpy.core.unlock.fetched import Stage
from initpy.core.unlock.source import Attempt, Offer, Source
from initpy.core.unlock.volume import Volume, own
from initpy.core.volumes import KeySpec, VolumeSpec

NAME = "key file"


def source() -> Source:
    """A key file, or a device whose bytes are the key."""
    return Source(NAME, _offer, _take, words, _begin, _refused, dispensable=True)


def is_absent(context: Context, spec: VolumeSpec) -> bool:
    """True where the key is a file of the image that is not there."""
    key = spec.key
    if key is None or key.program or key.device is not None:
        return False
    return key.path in context.settings.absent_keys


def _begin(context: Context, instance: Instance, volume: Volume) -> None:
    key = volume.spec.key
    if key is not None and key.device is not None:
        own(context).fetchings.key(context, instance, key, volume.spec.name)
    elif NAME not in volume.spent and not volume.spec.listed and is_absent(context, volume.spec):
        volume.spent.add(NAME)
        context.report(f"{volume.spec.name}: {key} is not in the image")


def _offer(context: Context, instance: Instance, volume: Volume) -> Offer:
    key = volume.spec.key
    if key is None or key.program:
        return Offer.NOTHING
    if key.device is None:  # cryptsetup reads it itself
        spent = NAME in volume.spent or is_absent(context, volume.spec)
        return Offer.SPENT if spent else Offer.READY
    return offer_fetched(own(context).fetchings.stage(instance))


def offer_fetched(stage: Stage | None) -> Offer:
    """What a key that is fetched from elsewhere comes to."""
    match stage:
        case Stage.READ:
            return Offer.READY
        case Stage.READING:
            return Offer.BUSY
        case Stage.SPENT:
            return Offer.SPENT
        case _:
            return Offer.NOTHING


def _take(context: Context, instance: Instance, volume: Volume) -> Attempt:
    key = volume.spec.key or KeySpec()
    if key.device is not None:
        return fetched(context, instance, volume.spec, source())
    offset = (f"--keyfile-offset={key.offset}",) if key.offset else ()
    size = (f"--keyfile-size={key.size}",) if key.size else ()
    return Attempt(source(), None, ("--key-file", key.path, *offset, *size))


def fetched(context: Context, instance: Instance, spec: VolumeSpec, by: Source) -> Attempt:
    """The attempt with a key that was fetched."""
    secret = own(context).fetchings.take_key(instance)
    # A key is used as it is, a passphrase for a volume without header is hashed.
    raw = ("--hash", "plain") if spec.kind == "plain" and secret is not None else ()
    return Attempt(by, secret, ("--key-file", "-", *raw))


def words(spec: VolumeSpec) -> str:
    """Say which key it is."""
    return str(spec.key)


def _refused(context: Context, instance: Instance, volume: Volume) -> None:
    volume.spent.add(NAME)
    instance.failures = 0
