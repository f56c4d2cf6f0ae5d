"""Tells the default subvolume of a mounted btrfs, and whether others exist (btrfs-subvolume(8)).

A boot without `subvol=` mounts the default one, whatever is mounted now.
"""

import re
from collections.abc import Iterable, Iterator

from initpy.core.settings import Settings
from initpy.image.stack.layers import DEFAULT_SUBVOLUME, SUBVOLUMES
from initpy.image.stack.system import System

PATH = re.compile(r"\bpath (.+)$")
TOP_LEVEL = re.compile(r"ID 5\b")


def facts(system: System, point: str, wanted: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the facts of the btrfs that is mounted at `point`.

    `wanted` are the subvolumes that command lines name; a snapshot tool may have made thousands.
    """
    text = (system.output(["btrfs", "subvolume", "get-default", point]) or "").strip()
    if found := PATH.search(text):
        yield DEFAULT_SUBVOLUME, f"/{found[1].removeprefix('<FS_TREE>/')}"
    elif TOP_LEVEL.match(text):
        yield DEFAULT_SUBVOLUME, "/"
    names = {f"/{each.strip('/')}" for each in wanted}
    if names:
        lines = (system.output(["btrfs", "subvolume", "list", point]) or "").splitlines()
        paths = {f"/{found[1].removeprefix('<FS_TREE>/')}" for each in lines
                 if (found := PATH.search(each))}  # fmt: skip
        if there := sorted(names & paths):
            yield SUBVOLUMES, "\n".join(there)


def named(settings: Iterable[Settings]) -> Iterator[str]:
    """Yield the subvolumes that command lines choose for root."""
    for each in settings:
        for flag in each.mount.flags:
            key, _, value = flag.partition("=")
            if key == "subvol" and value:
                yield value
