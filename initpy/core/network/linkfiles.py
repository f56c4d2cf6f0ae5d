"""Which files of the real system's systemd-networkd are for a link.

Of systemd.network(5) networkd takes the first whose [Match] section fits; a condition that is not
decided here may fit. By systemd.netdev(5) it makes a link, or changes one of that name.
"""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from initpy.core.tuples import NamedTuple

NETWORK, NETDEV = ".network", ".netdev"  # how their names end


class LinkFile(NamedTuple):
    """A file, with the part of its [Match] section that is understood here."""

    name: str  # of the file, without its folder
    # Of links, as patterns; none: any. A first `!` inverts the list. Of a netdev: the link's name.
    names: tuple[str, ...] = ()
    macs: tuple[str, ...] = ()  # twelve hexadecimal digits each; none: any
    more: bool = False  # it has further conditions


def file_of(values: Sequence[Any]) -> LinkFile:
    """Return a file from its plain form. Raises ValueError or TypeError for anything else."""
    name, names, macs, more = values
    return LinkFile(name, tuple(names), tuple(macs), more)


class Found:
    """The owner of what the real system's files say."""

    def __init__(self) -> None:
        self.files: tuple[LinkFile, ...] = ()


def for_link(files: Iterable[LinkFile], name: str, mac: str) -> tuple[str, ...]:
    """Return the names of the files that may be for a link, in order, to the first that is."""
    found = []
    for each in sorted(file for file in files if file.name.endswith(NETWORK)):
        if each.names and not _fits(each.names, name):
            continue
        if each.macs and digits(mac) not in each.macs:
            continue
        found.append(each.name)
        if not each.more:
            break
    return tuple(found)


def making(files: Iterable[LinkFile], name: str) -> tuple[str, ...]:
    """Return the names of the files that make a link of this name."""
    return tuple(each.name for each in files if each.name.endswith(NETDEV) and name in each.names)


def _fits(patterns: tuple[str, ...], name: str) -> bool:
    inverted = patterns[0].startswith("!")
    plain = (patterns[0].removeprefix("!"), *patterns[1:])
    return any(fnmatchcase(name, each) for each in plain) is not inverted


def digits(mac: str) -> str:
    """Return a MAC address without separators, in lower case."""
    return "".join(each for each in mac.lower() if each not in ":-.")
