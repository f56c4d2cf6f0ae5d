"""Arrays that the root's own fstab wants besides those that `rd.md.uuid=` names."""

from collections.abc import Iterable

from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.layer import Layer
from initpy.core.settings import Settings

PATHS = ("/dev/md", "/dev/disk/by-id/md-")


def widened(settings: Settings, wanted: Iterable[DeviceSpec]) -> Settings:
    """Return the settings with any array wanted if a path is an array's: it tells no UUID."""
    policy = settings.layer(Layer.MD)
    named = any(each.naming is Naming.PATH and each.value.startswith(PATHS) for each in wanted)
    if not named or not policy.named:
        return settings
    layers = {**settings.layers, Layer.MD: policy._replace(named=frozenset())}
    return settings._replace(layers=layers)
