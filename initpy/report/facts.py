"""Draws the facts of a running system as a table."""

from collections.abc import Iterator, Mapping

# Heading -> the beginnings of the names of facts below it.
_GROUPS = (
    ("system", ("system.", "init.", "swap", "journal.", "degraded", "leftover")),
    ("units", ("unit.",)),
    ("mounts", ("mount./", "ext4.")),
    ("devices", ("block.", "crypt.", "dm.", "array.", "md.")),
    ("handover", ("machine.", "udev.", "run.")),
    ("off", ("off.",)),
)
_WIDEST = 44
SYSTEM = "init.environment"  # a fact that only an installed system reports


def facts_table(facts: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of the table: name and value, by group, without what says nothing."""
    groups = [
        (heading, {key: value for key, value in facts.items() if key.startswith(beginnings)})
        for heading, beginnings in _GROUPS
    ]
    names = [key for _, group in groups for key in group]
    width = min(max(map(len, names), default=0), _WIDEST)
    for heading, group in groups:
        if group:
            yield heading
        for key, value in group.items():
            yield f"  {key:<{width}}  {value or '-'}"
