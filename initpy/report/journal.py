"""Format a record of the journal as a line for the reader."""

from collections.abc import Mapping, Sequence
from typing import Any

# Passing time and alarms tell the reader nothing.
DULL = ("TimePassed", "Arm")


def line(record: Mapping[str, Any], started: float) -> str | None:
    """Return the line, None for a record without news. Times count from `started`."""
    kind = str(record.get("kind", "?"))
    if kind in DULL:
        return None
    time = record.get("t")
    stamp = f"{time - started:9.3f}" if isinstance(time, int | float) else " " * 9
    return f"{stamp}  {_words(kind, record)}"


def _words(kind: str, record: Mapping[str, Any]) -> str:
    get = record.get
    match kind:
        case "Report":
            return f"says: {get('text')}"
        case "Moved":
            reason = f" ({get('reason')})" if get("reason") else ""
            return f"{get('job')}: {get('before')} -> {get('after')}{reason}"
        case "Clock":
            return f"clock of {get('name')}: {_clock(record)}"
        case "Run" | "StartCheck":
            return f"{get('job')} runs {' '.join(map(str, listed(get('argv'))))}"
        case "JobEnded":
            error = f": {get('error')}" if get("error") else ""
            return f"{get('job')} ended, status {get('status')}{error}"
        case "DeviceChanged":
            return f"device {_device(table(get('device')))}"
        case "DeviceRemoved":
            return f"device {get('name')} is gone"
        case "Enumerated":
            devices = [_device(table(each)) for each in listed(get("devices"))]
            return "devices there: " + ("; ".join(devices) or "none")
        case "ShowFailure":
            return f"failure screen: {get('reason')}"
        case "Ask":
            return f"asks: {get('text')}"
        case "EngineStarted":
            problems = "; ".join(map(str, listed(get("problems"))))
            return f"the engine has started{': ' if problems else ''}{problems}"
    rest = ", ".join(f"{key}={value}" for key, value in record.items() if key not in ("t", "kind"))
    return f"{kind}{': ' if rest else ''}{rest}"


def table(value: object) -> Mapping[str, Any]:
    """Return the value if it is a JSON object, else an empty one: a journal may be malformed."""
    return value if isinstance(value, dict) else {}


def listed(value: object) -> Sequence[Any]:
    """Return the value if it is a JSON array, else an empty one."""
    return value if isinstance(value, list | tuple) else ()


def _clock(record: Mapping[str, Any]) -> str:
    left = record.get("left")
    if not isinstance(left, int | float):
        return "no more"
    if record.get("owner"):
        return f"held by {record['owner']} ({record.get('reason')}), {left:.0f} s left"
    return f"{left:.0f} s left"


def _device(device: Mapping[str, Any]) -> str:
    properties = table(device.get("properties"))
    known = [
        f"{short}={properties[key]}" if short else str(properties[key])
        for short, key in (
            ("", "ID_FS_TYPE"),
            ("LABEL", "ID_FS_LABEL"),
            ("UUID", "ID_FS_UUID"),
            ("", "DM_NAME"),
            ("", "md/array_state"),
        )
        if properties.get(key)
    ]
    on = listed(device.get("slaves"))
    stands = f" on {', '.join(map(str, on))}" if on else ""
    return " ".join((str(device.get("name")), *known)) + stands
