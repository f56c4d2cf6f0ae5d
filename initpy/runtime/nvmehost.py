"""What the image says of NVMe over fabrics, and the UUID that names a machine without a name."""

from collections.abc import Callable

from initpy.config.network.nvme import FILES, MACHINE, UUID, without_secrets

# As nvme-cli makes a name: the firmware's UUID, else one by chance. The name that comes of it is
# written to the image's files, where an engine that is started again finds it.
FIRMWARE, CHANCE = "/sys/class/dmi/id/product_uuid", "/proc/sys/kernel/random/uuid"
NONE = ("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff")


def files(read: Callable[[str], str | None]) -> dict[str, str]:
    """Return the files of FILES that are there, by path, and MACHINE; `read` gives the text."""
    found = {path: text for path in FILES if (text := read(path)) is not None}
    given = (read(path) or "" for path in (FIRMWARE, CHANCE))
    usable = (text.strip().lower() for text in given)
    uuid = next((each for each in usable if UUID.fullmatch(each) and each not in NONE), NONE[0])
    return without_secrets(found) | {MACHINE: uuid}
