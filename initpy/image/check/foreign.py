"""Judges root= for an image of another generator, as far as all generators agree.

A UUID, a label and a partition mean the same to each. What opens encrypted volumes, and what their
mappings are called, is in files of the generator's own.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from initpy.core.devices.names import Naming
from initpy.image.check.parameters import ROOT, SOURCE, Boot
from initpy.image.check.proof import Row, Verdict

COMMON = (Naming.UUID, Naming.LABEL, Naming.PARTUUID, Naming.PARTLABEL)


def rows(found: Iterable[Row], boot: Boot) -> Iterator[Row]:
    """Yield the rows about the command line that hold for another generator's image."""
    for row in found:
        if row.need == SOURCE:
            yield row
        elif row.need == ROOT:
            yield _root(row, boot)


def _root(row: Row, boot: Boot) -> Row:
    wanted = boot.settings.root
    if row.verdict is not Verdict.MISSING or (wanted is not None and wanted.naming in COMMON):
        return row
    if boot.names_root_now:
        reason = f"{wanted} names the root now; what the image calls it is in files of its own"
        return replace(row, verdict=Verdict.WARNING, reason=reason)
    reason = (
        f"cannot know what this generator makes of it: {row.reason}. Use root=UUID=…, which all "
        "generators know, or boot it once beside an entry that works"
    )
    return replace(row, verdict=Verdict.UNKNOWN, reason=reason)
