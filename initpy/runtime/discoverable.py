"""Find out what gpt-auto needs: the partition type of this machine, and the booted disk.

See the Discoverable Partitions Specification and the Boot Loader Interface
of the UAPI group.
"""

import os

from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.settings import Settings
from initpy.runtime.aside import Aside, answered_within
from initpy.runtime.firmware import FIRMWARE_SECONDS, FOLDER, read_variable

ROOT_TYPES = {
    "aarch64": "b921b045-1df0-41c3-af44-4c6f280d3fae",
    "armv7l": "69dad710-2ce4-4e3c-b16c-21a1d49abed3",
    "i686": "44479540-f297-41b2-9af7-d131d5f0458a",
    "loongarch64": "77055800-792c-4f94-b39a-98c91b762bb6",
    "ppc64le": "c31c45e6-3f39-412e-80fb-4809c4980599",
    "riscv64": "72ec70a6-cf74-40e6-bd49-4bda08e8f224",
    "s390x": "5eead9a9-fe09-4a1e-a1d7-520d00531306",
    "x86_64": "4f68bce3-e8cd-4db1-96e7-fbcaf984b709",
}
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
