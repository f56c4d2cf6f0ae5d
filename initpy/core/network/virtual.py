"""Makes the links that the user wants of others: `vlan=`, `bond=`, `bridge=`.

Each look compares what is there with what is wanted, so that the order in which links appear does
not matter, and an engine that was started again goes on where the one before it was ended. A VLAN
is made once its parent is switched on (the kernel keeps it down until then), a bond or bridge once
it has a member; members join as they appear.
"""

from collections.abc import Iterable, Iterator

from initpy.core.devices.graph import Device
from initpy.core.jobs.timers import Timer
from initpy.core.netsettings import Bond, Bridge, NetworkSettings, VirtualLink, Vlan
from initpy.core.network.actions import JoinLink, MakeLink, RemoveLink
from initpy.core.network.properties import MASTER, NET_FOLDER, UP
from initpy.core.state.context import Context

TRIES, PAUSE = 5, 2.0  # for one link; seconds between two
MAKE = "link to be made: "  # keys of its timers begin so


def declared(settings: NetworkSettings | None) -> dict[str, VirtualLink]:
    """Return the links that the user wants made, by name."""
    if settings is None or settings.off:
        return {}
    every: tuple[VirtualLink, ...] = (*settings.bonds, *settings.bridges, *settings.vlans)
    return {each.name: each for each in every}


def below(link: VirtualLink) -> tuple[str, ...]:
    """Return the names of the links that one is made of."""
    return (link.parent,) if isinstance(link, Vlan) else link.members


def master_of(settings: NetworkSettings | None, name: str) -> Bond | Bridge | None:
    """Return the bond or bridge that a link is a member of: it has no address of its own."""
    for each in declared(settings).values():
        if not isinstance(each, Vlan) and name in each.members and name != each.name:
            return each
    return None


def carried_by(settings: NetworkSettings | None, name: str) -> tuple[str, ...]:
    """Return the names of the links that are made of this one."""
    return tuple(each.name for each in declared(settings).values() if name in below(each))


def stands_on(settings: NetworkSettings | None, names: Iterable[str]) -> set[str]:
    """Return these links and all that they are made of."""
    made, found, left = declared(settings), set[str](), list(names)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left.extend(below(made[name]) if name in made else ())
    return found


class VirtualLinks:
    """The owner of what was asked for."""

    def __init__(self) -> None:
        self._asked: set[str] = set()  # to be made
        self._made: set[str] = set()  # with their options, as was answered
        self._joins: set[tuple[str, str]] = set()  # member and master, asked for
        self._failures: dict[str, int] = {}

    def look(self, context: Context) -> None:
        """Make what can be made of the links that are there."""
        if context.goals.root_mounted:
            return  # the real system goes on from here
        for link in declared(context.settings.network).values():
            there = tuple(_there(context, below(link)))
            if link.name not in self._asked and _can_be_made(link, there):
                self._asked.add(link.name)
                context.current.act(MakeLink(link))
            if not isinstance(link, Vlan) and link.name in self._made:
                self._join(context, link, there)

    def _join(self, context: Context, link: Bond | Bridge, there: Iterable[Device]) -> None:
        """Have the members that are there join."""
        for device in there:
            member = device.name.removeprefix(NET_FOLDER)
            if device.properties.get(MASTER) == link.name:
                self._joins.discard((member, link.name))
            elif (member, link.name) not in self._joins:
                self._joins.add((member, link.name))
                context.current.act(JoinLink(member, link.name, isinstance(link, Bond)))

    def made(self, context: Context, name: str, error: str) -> None:
        """A link was made, or cannot be."""
        if not error:
            self._made.add(name)
            self._failures.pop(name, None)
            self.look(context)
        elif self._may_try_again(context, name, f"{name} cannot be made: {error}"):
            context.machine.timers.start(Timer.LINK, MAKE + name, context.now + PAUSE)

    def joined(self, context: Context, name: str, master: str, error: str) -> None:
        """A link has become a member, or cannot."""
        key = f"{name} {master}"
        if not error:
            self._failures.pop(key, None)
        elif self._may_try_again(context, key, f"{name} cannot join {master}: {error}"):
            context.machine.timers.start(Timer.LINK, MAKE + key, context.now + PAUSE)

    def _may_try_again(self, context: Context, key: str, told: str) -> bool:
        self._failures[key] = self._failures.get(key, 0) + 1
        if self._failures[key] in (1, TRIES):
            context.report(told if self._failures[key] < TRIES else f"{told}; given up")
        return self._failures[key] < TRIES

    def timer(self, context: Context, key: str) -> None:
        """Try once more what has failed."""
        name, _, master = key.removeprefix(MAKE).partition(" ")
        if master:
            self._joins.discard((name, master))
        else:
            self._asked.discard(name)
        self.look(context)

    def gone(self, context: Context, name: str) -> None:
        """A link is not there any more: make it anew if it comes again."""
        self._asked.discard(name)
        self._made.discard(name)
        self._joins = {each for each in self._joins if name not in each}
        self.look(context)

    def leave(self, context: Context, needed: set[str]) -> None:
        """Remove the links made here that nothing stands on, those first that stand on others."""
        names = declared(context.settings.network)
        useless = [each for each in self._asked if each not in needed and each in names]
        for name in sorted(useless, key=lambda each: isinstance(names[each], Vlan), reverse=True):
            context.current.act(RemoveLink(name))


def _there(context: Context, names: Iterable[str]) -> Iterator[Device]:
    for name in names:
        if (device := context.devices.get(NET_FOLDER + name)) is not None:
            yield device


def _can_be_made(link: VirtualLink, there: Iterable[Device]) -> bool:
    if isinstance(link, Vlan):
        return any(each.properties.get(UP) == "1" for each in there)
    return any(True for _ in there)
