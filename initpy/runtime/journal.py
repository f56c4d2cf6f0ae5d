"""The journal: one JSON line per event and action, in /run, where the real system finds it."""

import json
import os
from collections.abc import Mapping

from initpy.core.actions import Action
from initpy.core.events import Event
from initpy.core.records import plain

PATH = "/run/initpy/journal.jsonl"


class Journal:
    """Appends lines; a full /run costs lines, never the boot."""

    def __init__(self, path: str = PATH) -> None:
        self.lost = 0
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._descriptor = os.open(path, flags, 0o644)
        except OSError:
            self._descriptor = -1

    def note(self, time: float, kind: str, **details: object) -> None:
        """A line about something that is neither event nor action."""
        self._write({"t": round(time, 6), "kind": kind, **details})

    def record(self, time: float, what: Event | Action) -> None:
        """A line about an event or an action; its class name is the kind."""
        self._write({"t": round(time, 6), "kind": type(what).__name__, **plain(what)})

    def _write(self, line: Mapping[str, object]) -> None:
        text = json.dumps(line).encode() + b"\n"
        try:
            written = os.write(self._descriptor, text)
            if written < len(text):  # full: half a line would spoil the next one too
                os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - written)
                self.lost += 1
        except OSError:
            self.lost += 1
