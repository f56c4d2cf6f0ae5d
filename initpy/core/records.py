"""Events and actions as JSON knows them: the lines of the journal, whoever writes them."""

import enum
from collections.abc import Mapping

from initpy.core.actions import Action
from initpy.core.devices import Device
from initpy.core.events import Event
from initpy.core.secret import Secret
from initpy.core.tree import Node


def plain(what: Event | Action | Device | Node) -> dict[str, object]:
    """The fields of an event or action as JSON knows them; secrets are left out (R14)."""
    return {name: _plain(getattr(what, name)) for name in what._fields}


def _plain(value: object) -> object:
    if isinstance(value, Secret):
        return "…" if value.reveal() else ""  # nothing typed is no secret, and decides
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, Device | Node):
        return plain(value)
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    return value
