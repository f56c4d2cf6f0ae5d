"""Sorts the files of an image by kind, and adds up their sizes."""

import re
from collections import Counter
from dataclasses import dataclass

from initpy.image.tree import File, Tree

# The first matching prefix decides.
KINDS = (
    ("/usr/lib/modules/", "kernel modules"),
    ("/usr/lib/firmware/", "firmware"),
    ("/usr/bin/python", "Python"),
    ("/usr/lib/python", "Python"),
    ("/usr/lib/udev/rules.d/", "udev rules"),
    ("/usr/lib/initpy/keymaps/", "keymaps"),
    ("/usr/lib/initpy/", "job files"),
    ("/usr/bin/", "programs"),
    ("/usr/sbin/", "programs"),
    ("/usr/lib/udev/", "programs"),
    ("/usr/lib64/", "libraries"),
    ("/usr/lib/", "libraries"),
)
OTHER = "configuration"
# A build also says how much of them serves the network: `network = false` in a recipe excludes it.
NETWORK = re.compile(
    r"/usr/lib/(modules/[^/]+/kernel/(drivers/)?net/"
    r"|python3[^/]*/(pyroute2|initpy/(core|config|runtime)/net))"
)


@dataclass(frozen=True, slots=True)
class Share:
    """One kind of content: the number of files, and their size before compression."""

    kind: str
    files: int
    size: int


def shares(tree: Tree) -> tuple[Share, ...]:
    """Return the files of a tree by kind, largest first."""
    files: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for path, entry in tree.items():
        if isinstance(entry, File):
            kind = next((kind for prefix, kind in KINDS if path.startswith(prefix)), OTHER)
            kind = "network" if NETWORK.match(path) else kind
            files[kind] += 1
            sizes[kind] += entry.size()
    return tuple(Share(kind, files[kind], size) for kind, size in sizes.most_common())
