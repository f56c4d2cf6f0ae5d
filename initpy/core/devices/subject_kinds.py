"""The kinds of subjects, by name: one line each."""

from initpy.core.devices.graph import BLOCK, EXPORT, NET, TARGET, Kind

KINDS: dict[str, Kind] = {each.name: each for each in (BLOCK, NET, EXPORT, TARGET)}
