"""The names that a layer's device has: now, and at boot, when the image has set it up.

The kernel numbers devices in the order in which they appear, and a mapping is called what its
crypttab line, the command line or nothing says. So a name that is right now may not be right then.
"""

from collections.abc import Iterable

from initpy.core.devices.graph import Device
from initpy.core.devices.names import DeviceSpec
from initpy.core.volumes import VolumeSpec
from initpy.image.stack.layers import Kind, Layer, Stack
from initpy.image.stack.mapper import is_below_volume

ENCRYPTED = (Kind.LUKS, Kind.CRYPT)
# Links of udev to a mapping; 60-persistent-storage-dm.rules makes more of them from its name.
BY_MAPPING = ("/dev/mapper/", "/dev/disk/by-id/dm-name-")


def is_named(spec: DeviceSpec, layer: Layer, mapping: str | None = None) -> bool:
    """Return whether a name is that of a layer's device.

    `mapping` is the name of an encrypted volume at boot, if it is to count instead of today's.
    """
    device = as_device(layer, mapping)
    return not spec.relative and spec.names(device)


def as_device(layer: Layer, mapping: str | None = None) -> Device:
    """Return the device of a layer as the core sees it."""
    properties = {"DEVNAME": layer.name, **dict(layer.properties)}
    for key in ("UUID", "LABEL"):  # udev's encoded form; the plain one has the same letters mostly
        if plain := properties.get(f"ID_FS_{key}"):
            properties.setdefault(f"ID_FS_{key}_ENC", plain)
    links = {*properties.get("DEVLINKS", "").split(), *_mapped(properties)}
    if layer.kind in ENCRYPTED and mapping is not None:
        links = {each for each in links if not each.startswith(BY_MAPPING)}
        links |= {f"{folder}{mapping}" for folder in BY_MAPPING}
    return Device(properties.get("KERNEL", ""), properties, frozenset(links))


def _mapped(properties: dict[str, str]) -> Iterable[str]:
    if name := properties.get("DM_NAME"):
        yield f"/dev/mapper/{name}"
    group, volume = properties.get("DM_VG_NAME"), properties.get("DM_LV_NAME")
    if group and volume:
        yield f"/dev/{group}/{volume}"


def sources(layer: Layer, stack: Stack) -> list[Layer]:
    """Return the devices that an encrypted layer is opened from, through dm-integrity."""
    found: list[Layer] = []
    for each in map(stack.layer, layer.on):
        part = is_below_volume(each.property("DM_UUID"))
        found += sources(each, stack) if part else [each]
    return found


def volume_of(layer: Layer, stack: Stack, volumes: Iterable[VolumeSpec]) -> VolumeSpec | None:
    """Return what names an encrypted layer at boot: the engine goes by the device below only."""
    known = tuple(volumes)
    below = [as_device(each, mapping_of(each, stack, known)) for each in sources(layer, stack)]
    for each in known:
        if not each.source.relative and any(each.source.names(device) for device in below):
            return each
    return None


def mapping_of(layer: Layer, stack: Stack, volumes: Iterable[VolumeSpec]) -> str | None:
    """Return the name of an encrypted layer's mapping at boot; None for another layer."""
    if layer.kind not in ENCRYPTED:
        return None
    found = volume_of(layer, stack, volumes)
    if found is not None and found.name:
        return found.name
    uuids = (each.property("ID_FS_UUID") for each in sources(layer, stack))
    return f"luks-{next(filter(None, uuids), '')}"
