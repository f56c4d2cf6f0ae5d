"""Find the files of the real system's systemd-networkd. Reads the root, so it may hang."""

import os

from initpy.config.linkfiles import parse
from initpy.core.network.linkfiles import NETDEV, NETWORK, LinkFile
from initpy.runtime.handover import resolve

# In the order in which they replace one another (systemd.network(5)); /run is the initramfs's.
FOLDERS = ("/etc/systemd/network", "/usr/local/lib/systemd/network", "/usr/lib/systemd/network")
LARGEST = 1 << 16  # bytes


def read(root: str) -> tuple[LinkFile, ...]:
    """Return the files of a root, by name."""
    found: dict[str, LinkFile | None] = {}
    for folder in FOLDERS:
        try:
            names = os.listdir(resolve(root, folder))
        except OSError:
            continue
        for name in names:
            if name.endswith((NETWORK, NETDEV)) and name not in found:
                found[name] = parse(name, _text(resolve(root, f"{folder}/{name}")))
    return tuple(each for _, each in sorted(found.items()) if each is not None)


def _text(path: str) -> str:
    try:
        if not os.path.isfile(path):
            return ""  # a link to /dev/null masks the file
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(LARGEST)
    except OSError:
        return ""
