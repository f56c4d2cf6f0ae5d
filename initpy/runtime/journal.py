"""The journal: one JSON line per event and action, in /run, where the real system finds it."""

import json
import os
from collections.abc import Iterable, Mapping
from zlib import crc32

from initpy.core.actions import Action, Arm
from initpy.core.events import Event
from initpy.core.records import plain
from initpy.core.settings import Naming, Settings
from initpy.runtime.jobfiles import BUILT_IN

PATH = "/run/initpy/journal.jsonl"


class Journal:
    """Appends lines; a full /run costs lines, never the boot."""

    def __init__(self, path: str = PATH) -> None:
        self.lost = 0
        self._told = 0
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._descriptor = os.open(path, flags, 0o644)
        except OSError:
            self._descriptor = -1

    def note(self, time: float, kind: str, **details: object) -> None:
        """A line about something that is neither event nor action."""
        self._write(time, [{"t": round(time, 6), "kind": kind, **details}])

    def record(self, time: float, what: Event | Action) -> None:
        """A line about an event or an action; its class name is the kind."""
        self._write(time, [_line(time, what)])

    def decided(self, time: float, actions: Iterable[Action]) -> None:
        """The lines of what the core said to one event, in one piece; alarms are left out."""
        if lines := [_line(time, each) for each in actions if not isinstance(each, Arm)]:
            self._write(time, lines)

    def _write(self, time: float, lines: list[dict[str, object]]) -> None:
        gap = self.lost - self._told
        if gap:  # who reads it must not take it for whole
            lines = [{"t": round(time, 6), "kind": "Lost", "lines": gap}, *lines]
        text = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
        try:
            written = os.write(self._descriptor, text)
            if written == len(text):
                self._told = self.lost
                return
            # Full: half a line would spoil the next one too.
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
) -> dict[str, object]:
    """What decides a boot besides the events, so that its journal can be replayed (R34).

    `texts`: the job files by path. Those of the image are known by their checksums, those that
    people put there are kept whole. `problems`: what is wrong in all these, for those who read it.
    """
    gpt = settings.root is not None and settings.root.naming is Naming.GPT_AUTO
    return {
        "cmdline": _without_secrets(command_line.strip()),
        "crypttab": table,
        "key_files": dict(settings.key_files),
        "root_type": settings.root.value if gpt and settings.root is not None else None,
        "boot_partition": settings.boot_partition,
        "jobs": {
            path.removeprefix(f"{BUILT_IN}/"): f"{crc32(text.encode(errors='replace')):08x}"
            for path, text in texts.items()
            if path.startswith(f"{BUILT_IN}/")
        },
        "own_jobs": {
            path: text for path, text in texts.items() if not path.startswith(f"{BUILT_IN}/")
        },
        "problems": [_without_secrets(str(each)) for each in problems],
    }


def _without_secrets(command_line: str) -> str:
    """The command line without values of parameters that are passwords by their names."""
    if "pass" not in command_line.lower():
        return command_line
    import re  # rare

    return re.sub(
        r"(?i)([^\s=]*pass(?:word|wd|phrase)?[^\s=]*=)(\"[^\"]*\"|\S+)", r"\1…", command_line
    )
