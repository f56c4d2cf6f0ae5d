"""Encrypted volumes that the root's own fstab wants besides those that parameters name."""

import re
from collections.abc import Iterable

from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.settings import Settings
from initpy.core.volumes import VolumeSpec

FOLDER = "/dev/mapper/"
# The name that installers give a volume.
BY_UUID = re.compile("luks-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


def widened(
    settings: Settings, wanted: Iterable[DeviceSpec]
) -> tuple[Settings, tuple[VolumeSpec, ...]]:
    """Return the settings with the volumes of these names too, and those volumes.

    Where the user named none, all are opened anyway.
    """
    if not settings.volumes:
        return settings, ()
    known = {each.name for each in settings.volumes}
    found: list[VolumeSpec] = []
    for spec in wanted:
        name = spec.value.removeprefix(FOLDER)
        if spec.naming is not Naming.PATH or name == spec.value or name in known:
            continue
        line = next((each for each in settings.left_out if each.name == name), None)
        uuid = BY_UUID.fullmatch(name)
        if line is None and uuid is not None:
            line = VolumeSpec(DeviceSpec(Naming.UUID, uuid[1]), name)
        if line is not None:
            known.add(name)
            found.append(line._replace(listed=False))
    return settings._replace(volumes=(*settings.volumes, *found)), tuple(found)
