"""The addresses of the root's server, which the user may call by its name.

A name may have several addresses, of both versions of IP: they are tried in turn, each once, and
then the name is asked for anew.
"""

from collections.abc import Callable, Iterable
from ipaddress import ip_address

from initpy.core.jobs.timers import Timer
from initpy.core.network.actions import Resolve
from initpy.core.network.link import Link
from initpy.core.network.values import with_zone, zone_of
from initpy.core.state.context import Context

RESOLVE = "the server's address"  # the key of its timer
RESOLVE_PAUSE = 2.0  # seconds


class ServerHost:
    """Where the server is; `address` is the one to be tried, "" for none yet."""

    def __init__(self) -> None:
        self.address = ""
        self._all: tuple[str, ...] = ()  # that its name has
        self._resolving = ""

    def forget(self) -> None:
        """There is no way to it any more."""
        self.address, self._all = "", ()

    def find(self, context: Context, server: str, way: Link) -> None:
        """Take the server's address, or ask for it: `resolved` gets the answer."""
        if not server or is_address(server):
            self.address, self._all = with_zone(server, way.name), ()
        else:
            self._ask(context, server)

    def ask_again(self, context: Context, server: str) -> None:
        """All addresses of a name were tried in vain: it may have others by now."""
        if server and not is_address(server):
            self._ask(context, server)

    def _ask(self, context: Context, server: str) -> None:
        if self._resolving != server:
            self._resolving = server
            context.current.act(Resolve(server))

    def resolved(self, host: str, addresses: tuple[str, ...]) -> bool:
        """A name has these addresses, or none yet; True if there is no address to be tried yet."""
        if host != self._resolving:
            return False
        self._resolving = ""
        waited = not self.address
        if addresses:
            self._all = addresses
            self.address = self.address if self.address in addresses else addresses[0]
        return waited

    def next(self) -> str:
        """Turn to the next address of the same name; return it, "" if all were tried."""
        if self.address not in self._all:
            return ""
        turn = (self._all.index(self.address) + 1) % len(self._all)
        self.address = self._all[turn]
        return self.address if turn else ""

    @property
    def has_more(self) -> bool:
        """True if an address of the same name is to be tried after this one."""
        return self.address in self._all[:-1]

    def ask_later(self, context: Context) -> None:
        """Have the name asked for again after a pause."""
        context.machine.timers.start(Timer.LINK, RESOLVE, context.now + RESOLVE_PAUSE)


def is_address(text: str) -> bool:
    """True for an address, False for the name of a host."""
    return ":" in text or text.replace(".", "").isdecimal()


def towards(server: str, ready: Iterable[Link], alone: Callable[[Link], bool]) -> list[Link]:
    """The links that may lead to a server: with its version of IP, and its zone, if it has one.

    ALONE: True for a link without a request for the other version; it may have addresses of the
    kernel's own.
    """
    try:
        version = ip_address(server).version
    except ValueError:
        return list(ready)  # the name of a host
    zone = zone_of(server)
    return [
        each
        for each in ready
        if (each.version == version or alone(each)) and zone in ("", each.name, *each.others)
    ]
