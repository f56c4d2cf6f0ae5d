"""Write a boot as a trace file for Perfetto (ui.perfetto.dev) or chrome://tracing.

The format is Google's "Trace Event Format": a group of tracks is a process, a track its thread.
"""

import json
from typing import Any

from initpy.report.tracks import Picture

MICROSECONDS = 1e6


def trace(picture: Picture, title: str) -> str:
    """Return the text of the file."""
    groups = list(dict.fromkeys(each.group for each in picture.tracks))
    threads: dict[str, tuple[int, int]] = {}
    events: list[dict[str, Any]] = []
    for number, group in enumerate(groups, 1):
        events.append(_named("process_name", number, 0, group))
        events.append({"ph": "M", "name": "process_sort_index", "pid": number, "tid": 0,
                       "args": {"sort_index": number}})  # fmt: skip
    for number, track in enumerate(picture.tracks, 1):
        place = threads[track.name] = groups.index(track.group) + 1, number
        events.append(_named("thread_name", *place, track.name))
        events.append({"ph": "M", "name": "thread_sort_index", "pid": place[0], "tid": place[1],
                       "args": {"sort_index": number}})  # fmt: skip
        for span in sorted(track.spans, key=lambda each: each.begin):
            events.append({
                "ph": "X", "name": span.text, "cat": str(span.kind), "pid": place[0],
                "tid": place[1], "ts": _micro(span.begin), "dur": _micro(span.end - span.begin),
                "args": dict(span.details),
            })  # fmt: skip
        for moment in track.moments:
            events.append({
                "ph": "i", "s": "t", "name": moment.text, "cat": str(moment.kind),
                "pid": place[0], "tid": place[1], "ts": _micro(moment.time),
            })  # fmt: skip
    for number, cause in enumerate(picture.causes, 1):
        for phase, name, time in (("s", cause.source, cause.left), ("f", cause.target,
                                                                    cause.reached)):  # fmt: skip
            pid, tid = threads[name]
            # A flow binds to the slice around its time; the source's has just ended there.
            at = _micro(time) - 1 if phase == "s" else _micro(time)
            events.append({"ph": phase, "bp": "e", "id": number, "name": "because",
                           "cat": "because", "pid": pid, "tid": tid, "ts": at})  # fmt: skip
    other = {"title": title, "command line": picture.command_line}
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ms", "otherData": other})


def _micro(seconds: float) -> int:
    return round(seconds * MICROSECONDS)


def _named(what: str, pid: int, tid: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": what, "pid": pid, "tid": tid, "args": {"name": name}}
