"""Finds the crypttab entries of a stack's encrypted layers, by mapping name or by source device."""

from collections.abc import Iterable

from initpy.core.devices.graph import Device
from initpy.core.devices.names import DeviceSpec
from initpy.core.volumes import VolumeSpec
from initpy.image.stack.layers import Kind, Layer, Stack
from initpy.image.stack.names import as_device, sources


def entry_of(layer: Layer, stack: Stack, volumes: Iterable[VolumeSpec]) -> VolumeSpec | None:
    """Return the entry of a layer; None if there is none.

    A rescue system or a boot without crypttab gives the mapping a name of its own: the source
    counts too.
    """
    return entry_among(layer, sources(layer, stack), volumes)


def entry_among(
    layer: Layer, on: Iterable[Layer], volumes: Iterable[VolumeSpec]
) -> VolumeSpec | None:
    """Return the entry of a layer on others; None if there is none."""
    entries, below = tuple(volumes), tuple(map(as_device, on))
    name = layer.property("DM_NAME")
    named = next((each for each in entries if each.name == name), None)
    return named or next((each for each in entries if _is_on(each.source, below)), None)


def _is_on(source: DeviceSpec, below: Iterable[Device]) -> bool:
    return not source.relative and any(source.names(each) for each in below)


def names_of(stack: Stack, volumes: Iterable[VolumeSpec]) -> frozenset[str]:
    """Return the names of the entries that the stack's encrypted layers have."""
    entries = tuple(volumes)
    encrypted = (each for each in stack.layers if each.kind in (Kind.LUKS, Kind.CRYPT))
    found = (entry_of(layer, stack, entries) for layer in encrypted)
    return frozenset(each.name for each in found if each is not None)
