"""Volumes of ZFS pools: the kernel names no device below them, udev's links name the pool."""

import re
from collections.abc import Callable, Iterable

_LINK = re.compile(r"/dev/zvol/([^/\s]+)/")  # 60-zvol.rules
DRIVER = ("zfs",)  # has the block devices too; their major number's name is no module's


def members(
    links: str, names: Iterable[str], properties: Callable[[str], dict[str, str]]
) -> tuple[str, ...]:
    """Return the devices of a volume's pool, given its links; none if it is no such volume."""
    found = _LINK.search(links)
    if found is None:
        return ()
    wanted = ("zfs_member", found[1])
    known = ((name, properties(name)) for name in names)
    return tuple(
        name for name, has in known if (has.get("ID_FS_TYPE"), has.get("ID_FS_LABEL")) == wanted
    )
