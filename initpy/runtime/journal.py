"""Write the journal: one JSON line per event and action, in /run for the real system."""

import json
import os
from collections.abc import Iterable, Mapping
from zlib import crc32

from initpy.config import redaction
from initpy.core import records
from initpy.core.actions import Action, Arm
from initpy.core.events import Event
from initpy.core.records import plain
from initpy.core.settings import Settings
from initpy.runtime.jobfiles import BUILT_IN

PATH = "/run/initpy/journal.jsonl"


class Journal:
    """Appends lines; a full /run costs lines, but not the boot."""

    def __init__(self, path: str = PATH) -> None:
        self.lost = 0
        self._told = 0
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            # Readable by root only: it has no secrets (R14), but tells all about the machine.
            self._descriptor = os.open(path, flags, 0o600)
        except OSError:
            self._descriptor = -1

    def note(self, time: float, kind: str, **details: object) -> None:
        """Write a line that is neither event nor action."""
        self._write(time, [{"t": round(time, 6), "kind": kind, **details}])

    def record(self, time: float, what: Event | Action) -> None:
        """Write an event or action; its class name is the kind."""
        self._write(time, [_line(time, what)])

    def decided(self, time: float, actions: Iterable[Action]) -> None:
        """Write the actions that followed an event, in one piece; leave alarms out."""
        if lines := [_line(time, each) for each in actions if not isinstance(each, Arm)]:
            self._write(time, lines)

    def _write(self, time: float, lines: list[dict[str, object]]) -> None:
        gap = self.lost - self._told
        if gap:  # a reader must know that lines are missing
            lines = [{"t": round(time, 6), "kind": "Lost", "lines": gap}, *lines]
        text = "".join(f"{json.dumps(redaction.record(line))}\n" for line in lines).encode()
        try:
            written = os.write(self._descriptor, text)
            if written == len(text):
                self._told = self.lost
                return
            # /run is full: half a line would spoil the next one.
            os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - written)
        except OSError:
            pass
        self.lost += len(lines) - bool(gap)


def _line(time: float, what: Event | Action) -> dict[str, object]:
    return {"t": round(time, 6), "kind": type(what).__name__, **plain(what)}


def basis(
    settings: Settings,
    command_line: str,
    table: str | None,
    texts: Mapping[str, str],
    problems: Iterable[object] = (),
    defaults: str | None = None,
) -> dict[str, object]:
    """Return `records.basis()` of this boot. `texts` has all job files by path.

    Of built-in job files it keeps checksums, of files that users added the whole text.
    """
    sums = {
        path.removeprefix(f"{BUILT_IN}/"): f"{crc32(text.encode(errors='replace')):08x}"
        for path, text in texts.items()
        if path.startswith(f"{BUILT_IN}/")
    }
    own = {path: text for path, text in texts.items() if not path.startswith(f"{BUILT_IN}/")}
    return records.basis(settings, command_line, table, sums, own, problems, defaults)
