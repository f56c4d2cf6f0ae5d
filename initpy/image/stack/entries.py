"""Finds the crypttab entries of a stack's encrypted layers, by mapping name or by source device."""

from collections.abc import Iterable

from initpy.core.devices.names import PROPERTY, DeviceSpec, Naming
from initpy.core.volumes import VolumeSpec
from initpy.image.stack.layers import Kind, Layer, Stack


def entry_of(layer: Layer, stack: Stack, volumes: Iterable[VolumeSpec]) -> VolumeSpec | None:
    """Return the entry of a layer; None if there is none.

    A rescue system or a boot without crypttab gives the mapping a name of its own: the source
    counts too.
    """
    on = [below for below in stack.layers if below.identity in layer.on]
    return entry_among(layer, on, volumes)


def entry_among(
    layer: Layer, on: Iterable[Layer], volumes: Iterable[VolumeSpec]
) -> VolumeSpec | None:
    """Return the entry of a layer on others; None if there is none."""
    entries, below = tuple(volumes), tuple(on)
    name = layer.property("DM_NAME")
    by_name = [each for each in entries if each.name == name]
    by_source = [each for each in entries if any(is_source(each.source, one) for one in below)]
    return next(iter([*by_name, *by_source]), None)


def names_of(stack: Stack, volumes: Iterable[VolumeSpec]) -> frozenset[str]:
    """Return the names of the entries that the stack's encrypted layers have."""
    entries = tuple(volumes)
    encrypted = (each for each in stack.layers if each.kind in (Kind.LUKS, Kind.CRYPT))
    found = (entry_of(layer, stack, entries) for layer in encrypted)
    return frozenset(each.name for each in found if each is not None)


def is_source(source: DeviceSpec, layer: Layer) -> bool:
    """Return whether a crypttab source names a layer, by its udev properties."""
    if source.naming is Naming.PATH:
        links = layer.property("DEVLINKS").split()
        return source.value == layer.name or source.value in links
    key = PROPERTY.get(source.naming, "")
    return bool(key) and layer.property(key).lower() == source.value.lower()
