"""Which volume group and logical volume the path of a device means."""

import re

# lvm(8), VALID NAMES; a group of a name like these folders cannot be told by its path.
NAME = r"[A-Za-z0-9_+.][A-Za-z0-9_+.-]*"
OTHER_FOLDERS = ("mapper", "md", "disk", "bcache", "block", "cciss", "ida", "rd", "loop", "shm")
# Device mapper names join group and volume with a hyphen, and double those within.
MAPPED = r"((?:[^-]|--)+)-((?:[^-]|--)+)"  # compiled when there is one


def volume_of(path: str) -> tuple[str, str] | None:
    """Group and volume that a path of a device may mean; None when it cannot be a volume's."""
    if path.startswith("/dev/mapper/"):
        found = re.fullmatch(MAPPED, path.removeprefix("/dev/mapper/"))
        names = [each.replace("--", "-") for each in found.groups()] if found else []
    else:
        names = path.removeprefix("/dev/").split("/")
        if names[0] in OTHER_FOLDERS:
            return None
    if len(names) != 2 or not all(re.fullmatch(NAME, each) for each in names):
        return None
    return names[0], names[1]
