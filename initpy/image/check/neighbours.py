"""Judges the other entries that start an image: a stale one beside the one by default fails, too.

Which entry starts by default is known of each boot loader. If several boot loaders have entries,
only the command line that booted the running system may tell which of them is used.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from initpy.core.jobs.definitions import JobDefinition
from initpy.image.check.parameters import ROOT, TITLE, Boot
from initpy.image.check.proof import Row, Verdict
from initpy.image.check.unified import is_unified
from initpy.image.formats.archive import Archive
from initpy.image.stack.bootlines import CommandLine, starting
from initpy.image.stack.layers import Stack

MOST = 20  # entries that are judged
NEED = "another entry"


def rows(
    found: Iterable[Row],
    boot: Boot,
    archive: Archive,
    stack: Stack,
    kernel: str,
    jobs: Iterable[JobDefinition],
) -> Iterator[Row]:
    """Yield the rows of the judged command line, and one for each other entry that fails."""
    others = _others(boot.line, archive, stack, kernel)
    judged = {each: _failure(Boot(archive, stack, each, jobs)) for each in others}
    good = [each for each in others if not judged[each]]
    for row in found:
        if good and row.need == ROOT and row.verdict is Verdict.MISSING:
            yield _beside(row, boot.line, good[0])
        else:
            yield row
    for line, reason in judged.items():
        if reason:
            yield Row(TITLE, NEED, Verdict.WARNING, f"{line.origin} would not boot: {reason}")


def _others(
    line: CommandLine | None, archive: Archive, stack: Stack, kernel: str
) -> list[CommandLine]:
    """Return the entries with other words that start this image, or its kernel, just as well."""
    path = str(archive.path)
    if line is not None and is_unified(archive):
        likely = tuple(each for each in stack.command_lines if each.starts(path))
        return [each for each in likely if each.words != line.words][:MOST]
    if line is None or line.for_all:
        return []
    likely = starting(stack.command_lines, path, kernel)
    if line not in likely or not (line.starts(path) or line.is_for(kernel)):
        return []
    by_words = {line.words: line}
    for each in likely:
        by_words.setdefault(each.words, each)
    return [each for each in by_words.values() if each is not line][:MOST]


def _failure(boot: Boot) -> str:
    """Return why a command line does not lead to root; "" if it does, or if that is unknown."""
    if boot.settings.refusal:
        return boot.settings.refusal
    missing = (row for row in boot.rows(required=True) if row.verdict is Verdict.MISSING)
    return next((f"{row.need} {row.reason}" for row in missing), "")


def _beside(row: Row, line: CommandLine | None, good: CommandLine) -> Row:
    """Return a row about root= with what another entry says."""
    reason = f"{row.reason}. {good.origin} leads to it"
    if line is None or line.in_use or line.loader == good.loader:
        return replace(row, reason=reason)
    reason += ", and nothing tells which of the boot loaders starts this machine: "
    reason += "correct the one, or remove it"
    return replace(row, reason=reason, verdict=Verdict.UNKNOWN)
