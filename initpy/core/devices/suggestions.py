"""The names that devices have, and which of them the user may have meant with root=."""

from collections.abc import Iterator

from initpy.core.devices.graph import LISTED, Device
from initpy.core.devices.names import PROPERTY, DeviceSpec, Naming, unescape
from initpy.core.tuples import NamedTuple

# So much of a name may differ and it is still taken for a typing error.
NEAR = 0.34
# Only paths that users write after root= are compared.
PATHS = ("/dev/disk/by-id/", "/dev/disk/by-path/", "/dev/disk/by-partlabel/", "/dev/disk/by-label/")


class Near(NamedTuple):
    """A device's name that resembles the one looked for; `distance` 0: the same value."""

    distance: float
    name: str


def names(device: Device) -> Iterator[DeviceSpec]:
    """What root= could call this device."""
    if device.kind is LISTED:
        yield DeviceSpec(Naming.LISTED, device.node)
    for naming, key in PROPERTY.items():
        value = device.properties.get(key)
        if value:
            yield DeviceSpec(naming, unescape(value))


def _paths(device: Device) -> Iterator[DeviceSpec]:
    for path in (device.node, *sorted(device.links)):
        if not path.startswith("/dev/disk/") or path.startswith(PATHS):
            yield DeviceSpec(Naming.PATH, path)


def nearest(wanted: DeviceSpec, device: Device) -> Near | None:
    """The name of the device that is most like the wanted one; None when none is."""
    candidates = _paths(device) if wanted.naming is Naming.PATH else names(device)
    text = wanted.value.lower()
    found = [Near(distance(text, each.value.lower()), str(each)) for each in candidates]
    best = min(found, default=None)
    return best if best is not None and best.distance <= NEAR else None


def distance(first: str, second: str) -> float:
    """Levenshtein's distance as a share of the longer text; 1 as soon as it cannot be near."""
    longer = max(len(first), len(second))
    if not longer or abs(len(first) - len(second)) > NEAR * longer:
        return 1.0 if longer else 0.0
    before = list(range(len(second) + 1))
    for row, left in enumerate(first, 1):
        line = [row]
        for column, right in enumerate(second, 1):
            same = before[column - 1] + (left != right)
            line.append(min(same, before[column] + 1, line[-1] + 1))
        if min(line) > NEAR * longer:
            return 1.0
        before = line
    return before[-1] / longer
