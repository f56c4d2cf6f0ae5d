"""The kinds of subjects, by name: one line each."""

from initpy.core.devices.graph import BLOCK, Kind

KINDS: dict[str, Kind] = {each.name: each for each in (BLOCK,)}
