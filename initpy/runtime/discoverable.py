"""Find out what gpt-auto needs: the partition type of this machine, and the booted disk.

See the Discoverable Partitions Specification and the Boot Loader Interface
of the UAPI group.
"""

import os

from initpy.config.discoverable import ROOT_TYPES
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.settings import Settings
from initpy.runtime.aside import Aside, answered_within
from initpy.runtime.firmware import FIRMWARE_SECONDS, FOLDER, read_variable

# Written by the boot loader; the UUID behind the name is that of the interface.
BOOTED = "LoaderDevicePartUUID-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"


async def complete(settings: Settings, aside: Aside) -> Settings:
    """Add this machine's facts to the settings if gpt-auto is to find the root."""
    if settings.root is None or settings.root.naming is not Naming.GPT_AUTO:
        return settings
    kind = ROOT_TYPES.get(os.uname().machine, "unknown")
    root = DeviceSpec(Naming.GPT_AUTO, kind)
    answer = aside.ask("firmware", booted_partition, FIRMWARE_SECONDS)
    await answered_within(FIRMWARE_SECONDS, answer)
    partition = answer.result().value if answer.done() else None
    return settings._replace(root=root, boot_partition=partition)


def booted_partition(folder: str = FOLDER) -> str | None:
    """Return the UUID of the partition that holds the boot loader, None if it is unknown."""
    return (read_variable(BOOTED, folder) or "").lower() or None
