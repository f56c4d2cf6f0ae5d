"""What opens encrypted volumes and is not in the image: keys and headers on other devices."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from initpy.core.devices.names import DeviceSpec
from initpy.core.volumes import VolumeSpec
from initpy.image.stack.layers import HEADER_OF, KEY


@dataclass(frozen=True, slots=True)
class Opener:
    """A device with a volume's key or header; `fact` is KEY or HEADER_OF."""

    fact: str
    volume: str
    device: DeviceSpec
    in_file: bool  # on its file system; otherwise the device itself


def openers(volumes: Iterable[VolumeSpec], names: Collection[str]) -> Iterator[Opener]:
    """Yield those of the volumes of these names."""
    for each in volumes:
        key, header = each.key, each.header
        if each.name in names and key is not None and key.device is not None:
            yield Opener(KEY, each.name, key.device, bool(key.path) and not key.program)
        if each.name in names and header is not None and header.device is not None:
            yield Opener(HEADER_OF, each.name, header.device, bool(header.path))


def headers(
    volumes: Iterable[VolumeSpec], device: Callable[[DeviceSpec], str | None]
) -> Iterator[tuple[str, str]]:
    """Yield (volume, path) of the detached headers that are accessible now."""
    for each in volumes:
        if each.header is not None and each.header.device is None:
            yield each.name, each.header.path
        elif each.header is not None and each.header.device and not each.header.path:
            yield each.name, f"/dev/{device(each.header.device)}"
