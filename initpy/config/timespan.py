"""Time spans as systemd.time(7) writes them: `90`, `2.5s`, `1min 30s`."""

import re
from collections.abc import Iterable

# A part of a span; without a unit it is seconds.
# Compiled when there is one: that takes a moment.
PART = r"([0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})(?![0-9.]) *([a-zA-Zµμ]*)"
UNITS = {
    each: seconds
    for names, seconds in (
        ("s sec second seconds", 1.0), ("m min minute minutes", 60.0),
        ("h hr hour hours", 3600.0), ("d day days", 86400.0), ("w week weeks", 604800.0),
        ("M month months", 2629800.0), ("y year years", 31557600.0),
        ("ms msec", 1e-3), ("us usec µs μs", 1e-6), ("ns nsec", 1e-9),
    )
    for each in names.split()
} | {"": 1.0}  # fmt: skip
FOR_EVER = "infinity"
LIMIT = "x-systemd.device-timeout"  # the mount option, systemd.mount(5)


def seconds_of(text: str) -> float | None:
    """Return the seconds of a time span; None if it is none, or `infinity`."""
    parts = re.findall(PART, text)
    if not parts or "".join(map("".join, parts)) != text.replace(" ", ""):
        return None
    if any(unit not in UNITS for _, unit in parts):
        return None
    return sum(float(number) * UNITS[unit] for number, unit in parts)


def limit_of(options: Iterable[str]) -> float | None:
    """Return the seconds that a device may take at least, as mount options say.

    0 if they say nothing that is understood; None: for ever.
    """
    limit: float | None = 0.0
    for option, _, value in (each.partition("=") for each in options):
        if option == LIMIT and (value == FOR_EVER or (seconds := seconds_of(value)) is not None):
            limit = None if value == FOR_EVER else seconds or None
    return limit
