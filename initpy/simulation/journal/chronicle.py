"""A boot told line by line: who did what when, from its journal and from what users did.

For the terminal; the pictures are drawn from `tracks`.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from initpy.simulation.machine.users import A_KEY

NBD = "43"  # the number of network block devices, admin-guide/devices.txt
Record = Mapping[str, Any]


class Line(NamedTuple):
    """One line; `who` names its colour too."""

    time: float  # seconds since /init began
    who: str  # machine, person, device, runs, fails, wrong, asks, says, clock, failure, done
    text: str


def chronicle(journal: Iterable[Record], acts: Sequence[tuple[float, str]] = ()) -> list[Line]:
    """The lines in order; `acts` is what users and faults did, and when."""
    told: dict[str, str] = {}
    # An act comes before the reaction to it at the same time.
    lines = [Line(time, "person" if text.startswith("type ") else "machine", text)
             for time, text in together(acts)]  # fmt: skip
    lines += [line for record in journal for line in _lines(record, told)]
    return sorted(lines, key=lambda line: line.time)


def together(acts: Sequence[tuple[float, str]]) -> Iterator[tuple[float, str]]:
    """The acts; keys that follow each other are one of them."""
    for text, same in itertools.groupby(acts, key=lambda act: act[1]):
        times = [time for time, _ in same]
        if text.startswith(f"type {A_KEY}") and len(times) > 1:
            keys = f"{len(times)} keys in {times[-1] - times[0]:.1f} s"
            yield times[0], text.replace(A_KEY, keys, 1)
        else:
            yield from ((time, text) for time in times)


def _lines(record: Record, told: dict[str, str]) -> Iterator[Line]:
    time, get = float(record["t"]), record.get
    match record["kind"]:
        case "EngineStarted":
            again = "engine" in told
            told["engine"] = ""
            yield Line(time, "machine", "the engine is started again" if again else "engine starts")
            for problem in get("problems") or ():
                yield Line(time, "wrong", str(problem))
        case "DeviceChanged":
            yield from _device(time, get("device") or {}, told)
        case "Enumerated":
            for device in get("devices") or ():
                yield from _device(time, device, told)
        case "DeviceRemoved":
            if told.pop(f"device {get('name')}", None) is not None:
                yield Line(time, "device", f"{get('name')} is gone")
        case "Run" | "StartCheck":
            yield Line(time, "runs", f"{get('job')}: {' '.join(get('argv') or ())}")
        case "Fetch":
            where = " ".join(get("program") or ()) or f"{get('node')} {get('path')}".strip()
            yield Line(time, "runs", f"{get('job')}: reads {where}")
        case "Mount":
            yield Line(time, "runs", f"{get('job')}: mounts {get('source')} on {get('target')}")
        case "JobEnded" if get("status"):
            why = get("error") or "no word"
            yield Line(time, "fails", f"{get('job')}: status {get('status')}: {why}")
        case "Fetched" if get("error"):
            yield Line(time, "fails", f"{get('job')}: {get('error')}")
        case "Stop":
            yield Line(time, "fails", f"{get('job')}: takes too long, is ended")
        case "Ask":
            yield Line(time, "asks", str(get("text")).strip())
        case "Withdraw":
            yield Line(time, "asks", f"withdrawn ({get('job')}): {get('reason')}")
        case "GiveWay":
            yield Line(time, "asks", str(get("reason")))
        case "Report":
            yield Line(time, "says", str(get("text")))
        case "Clock":
            yield Line(time, "clock", _clock(record))
        case "ShowFailure":
            yield Line(time, "failure", f"failure screen: {get('reason')}")
        case "OpenShell":
            yield Line(time, "failure", str(get("stop") or "a shell is opened; the boot goes on"))
        case "EndBoot":
            yield Line(time, "failure", f"{get('how')}: {get('reason')}")
        case "HandedOver":
            yield Line(time, "done", f"handed over to {get('init')}")


def _device(time: float, device: Record, told: dict[str, str]) -> Iterator[Line]:
    """A device, when what matters of it has changed."""
    known = device.get("properties") or {}
    if known.get("MAJOR") == NBD and known.get("size") == "0":
        return  # there are sixteen from the start, connected to nothing
    words = [known.get(key, "") for key in ("DM_NAME", "ID_FS_TYPE", "ID_PART_TABLE_TYPE",
                                            "ID_FS_LABEL", "md/array_state")]  # fmt: skip
    on = device.get("slaves") or ()
    words += [f"on {', '.join(on)}"] if on else []
    if known.get("SYSTEMD_READY") == "0" or known.get("DM_UDEV_DISABLE_OTHER_RULES_FLAG") == "1":
        words.append("(not ready)")
    if (missing := known.get("md/degraded", "0")) not in ("0", ""):
        words.append(f"({missing} missing)")
    text = " ".join((str(device.get("name")), *filter(None, words)))
    key = f"device {device.get('name')}"
    if told.get(key) != text:
        told[key] = text
        yield Line(time, "device", text)


def _clock(record: Record) -> str:
    name, left, owner = record.get("name"), record.get("left"), record.get("owner")
    if left is None:
        return f"{name}: is no more"
    if owner:
        return f"{name}: held at {left:.0f} s by {owner} ({record.get('reason')})"
    return f"{name}: counts, {left:.0f} s left"
