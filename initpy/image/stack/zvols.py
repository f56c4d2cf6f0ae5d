"""Volumes of ZFS pools: the kernel names no device below them, udev's links name the pool."""

import re
from collections.abc import Callable, Iterable, Sequence

_LINK = re.compile(r"/dev/zvol/(([^/\s]+)/\S+)")  # 60-zvol.rules
DRIVER = ("zfs",)  # has the block devices too; their major number's name is no module's


def members(
    links: str, names: Iterable[str], properties: Callable[[str], dict[str, str]]
) -> tuple[str, ...]:
    """Return the devices of a volume's pool, given its links; none if it is no such volume."""
    found = _LINK.search(links)
    if found is None:
        return ()
    wanted = ("zfs_member", found[2])
    known = ((name, properties(name)) for name in names)
    return tuple(
        name for name, has in known if (has.get("ID_FS_TYPE"), has.get("ID_FS_LABEL")) == wanted
    )


def encrypted(links: str, output: Callable[[Sequence[str]], str | None]) -> str:
    """Return the name of a volume that is encrypted, given its links; "" for any other.

    `output` runs a program and returns what it prints, None if it fails.
    """
    found = _LINK.search(links)
    command = ("zfs", "get", "-H", "-o", "value", "encryption", found[1]) if found else ()
    said = (output(command) or "").strip() if found else ""
    return found[1] if found and said not in ("", "-", "off") else ""
