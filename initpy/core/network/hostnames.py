"""The addresses of targets' servers that the user calls by a name, for tools that resolve none.

A name may have several addresses, which are tried in turn.
"""

from initpy.core.jobs.timers import Timer
from initpy.core.network.actions import Resolve
from initpy.core.network.serverhost import RESOLVE_PAUSE, is_address
from initpy.core.state.context import Context

AGAIN = "the address of "  # names of its timers begin so, and end with the host's


class HostNames:
    """What is known of each name."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[str, ...]] = {}  # that to be tried first
        self._asked: set[str] = set()
        self._told: dict[str, str] = {}

    def address(self, server: str) -> str:
        """The address of a server, "" if it is not known yet."""
        if not server or is_address(server):
            return server
        return (*self._found.get(server, ()), "")[0]

    def ask(self, context: Context, server: str) -> None:
        """Have a name resolved, unless that is known or under way."""
        if not self.address(server) and server not in self._asked:
            self._asked.add(server)
            context.current.act(Resolve(server))

    def resolved(self, context: Context, host: str, addresses: tuple[str, ...], error: str) -> bool:
        """A name has these addresses, or none yet; True if it was asked for here."""
        if host not in self._asked:
            return False
        self._asked.discard(host)
        if addresses:
            self._found[host] = addresses
        elif self._told.get(host) != error:
            self._told[host] = error
            context.report(f"{host}: {error}; it is asked for again")
        if not addresses:
            context.machine.timers.start(Timer.LINK, AGAIN + host, context.now + RESOLVE_PAUSE)
        return True

    def next(self, server: str) -> bool:
        """Turn to the next address of a name; True if there is another."""
        found = self._found.get(server, ())
        self._found[server] = (*found[1:], *found[:1])
        return len(found) > 1
