"""Judges the image's copies of this machine's files that have changed since the build.

Most files need no comparison: the check judges what the image has by the devices of now. These are
known to others, such as a server: nothing here tells which of the two is right.
"""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from initpy.config.jobs import JobFile
from initpy.image.check.keyfiles import AGAIN
from initpy.image.check.machine import Machine
from initpy.image.check.netroot import INITIATOR
from initpy.image.check.proof import Row, Verdict
from initpy.image.formats.archive import Archive
from initpy.image.stack.layers import Kind, Stack
from initpy.image.tree import File

TITLE = "the image"
LINKS = "/etc/systemd/network/*"
HOST_ID = "/etc/hostid"


def rows(
    archive: Archive, stack: Stack, files: Iterable[JobFile], machine: Machine
) -> Iterator[Row]:
    """Yield a row for each file of the machine that is another one now.

    `files` are the image's job files, which name what they take of a machine.
    """
    named = dict.fromkeys(path for each in files for path in each.image.of_machine)
    doubts = _doubts(stack)
    for path in sorted(each for each in archive.entries if _is_in(each, named)):
        entry = archive.get(path)
        theirs = machine(path) if isinstance(entry, File) else None
        if isinstance(entry, File) and theirs is not None and theirs != entry.read():
            doubt = next((why for each, why in doubts.items() if fnmatchcase(path, each)), "")
            verdict = Verdict.UNKNOWN if doubt else Verdict.WARNING
            why = f": {doubt}" if doubt else ""
            reason = f"{path} of this machine has changed since{why}; {AGAIN}"
            yield Row(TITLE, "its copy of a file", verdict, reason)


def _is_in(path: str, named: Iterable[str]) -> bool:
    return any(fnmatchcase(path, each) or fnmatchcase(path, f"{each}/*") for each in named)


def _doubts(stack: Stack) -> dict[str, str]:
    """Return the files by which others know the machine, and what an older one may mean."""
    found = {}
    # What names interfaces decides whether the command line's `ip=NAME:…` means the right one.
    if any(each.kind is Kind.NETWORK for each in stack.layers):
        found[LINKS] = "the interface may have another name"
    if any(
        each.kind is Kind.TARGET and each.property("TARGET") == "iscsi" for each in stack.layers
    ):
        found[INITIATOR] = "a server may let in one of the two names only"
    if any(each.fact("type") == "zfs" for each in map(stack.layer, stack.tops)):
        found[HOST_ID] = "a pool that the other has used is not imported"
    return found
