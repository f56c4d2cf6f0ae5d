"""Gives cards the names that ifname= has for them.

The kernel refuses a name that another card has, and that card may be to have another name as well:
two cards may swap theirs. So a card takes a name of its own in between where its new one is taken,
and waits there until that is free.
"""

from collections.abc import Callable, Iterator

from initpy.core.devices.graph import NET, Device
from initpy.core.netsettings import NetworkSettings
from initpy.core.network.actions import RenameLink
from initpy.core.network.properties import MAC, NET_FOLDER
from initpy.core.network.requests import name_for
from initpy.core.state.context import Context

TRIES = 3  # of a card, since its new name became free last


class Renames:
    """What was tried with which card, by its MAC address."""

    def __init__(self) -> None:
        self._under_way: dict[str, str] = {}  # from this name
        self._tries: dict[str, int] = {}

    def begin(self, context: Context, name: str, mac: str, is_used: Callable[[str], bool]) -> bool:
        """Have a card renamed; True if it is not to be used yet.

        `is_used`: there is a card that is used by this name, and keeps it.
        """
        settings = context.settings.network
        wanted = _wants(settings, name, mac)
        if wanted == name or context.goals.root_mounted:
            return False
        if self._under_way.get(mac) == name:
            return True
        aside, tries = _in_between(mac), self._tries.get(mac, 0)
        holder = context.devices.get(NET_FOLDER + wanted)
        if holder is not None:
            keeps = _wants(settings, wanted, holder.properties.get(MAC, "")) == wanted
            if keeps or is_used(wanted):
                return False
            if name != aside:
                self._act(context, RenameLink(name, aside), mac)
            return True
        if tries >= (TRIES if name == aside else 1):
            return False  # the kernel has refused
        self._act(context, RenameLink(name, wanted, "" if name == aside else aside), mac)
        return True

    def _act(self, context: Context, action: RenameLink, mac: str) -> None:
        self._under_way[mac] = action.link
        self._tries[mac] = self._tries.get(mac, 0) + 1
        context.current.act(action)

    def freed(self, context: Context, name: str) -> Iterator[Device]:
        """No card has this name any more: yield those that wait for it."""
        for mac in [each for each, known in self._under_way.items() if known == name]:
            del self._under_way[mac]
        settings = context.settings.network
        for device in tuple(context.devices) if settings is not None and settings.names else ():
            own, mac = device.name.removeprefix(NET_FOLDER), device.properties.get(MAC, "")
            if device.kind is NET and own != name and _wants(settings, own, mac) == name:
                self._tries[mac] = 0
                yield device


def _wants(settings: NetworkSettings | None, name: str, mac: str) -> str:
    return name_for(settings, name, mac) if settings is not None else name


def _in_between(mac: str) -> str:
    """Return a name that no other card has: at most fifteen characters."""
    return f"rename{mac.replace(':', '')[-8:]}"
