"""A DHCPv4 client (RFC 2131) without input and output: replies and time in, requests out.

    off --begin--> selecting --offer--> requesting --ack--> bound --half the lease--> renewing
     ^                ^                     |                 ^                          |
     |                +---- nak, no ack ----+                 +----------- ack ----------+
     +-- stop          +------------------------ nak, or the lease is over --------------+

It differs from most clients in this:

- A search keeps its xid however long it takes: dnsmasq pings an address for three seconds before
  its first offer of it, and a client that begins anew after two never hears it.
- Offers are heard in every state of a search. An offer that does not serve (see `Client.judge`) is
  noted and passed over, so that a rogue server does not end the search.
- A lease is renewed with a message to all servers, as RFC 2131 has it for `rebinding`: messages
  are sent on a packet socket, which knows no neighbours, and servers answer either.
- Another server's answer to that counts if it confirms the lease; if it refuses it, the server
  of the lease has a moment to answer, after which there is a new search.
- An address is not probed with ARP before it is used (RFC 2131 has that as a SHOULD): two probes
  take two seconds. Servers ping before they offer.
"""

import enum
from collections.abc import Callable
from zlib import crc32

from initpy.core.network.values import DhcpKind, Reply, Request, is_unicast

# RFC 2131, 4.1: four seconds at first, doubled each time. It goes on to 64; a boot waits for the
# answer, so that the pause stays shorter here.
FIRST_PAUSE, LONGEST_PAUSE = 4.0, 8.0
REQUESTS = 3  # for one offer, without an answer
SHORTEST_RENEWAL_PAUSE = 10.0  # RFC 2131 has 60, too long for leases of two minutes
RENEW, REBIND = 0.5, 0.875  # parts of the lease, RFC 2131, 4.4.5
NAK_PAUSE = 1.0  # before the search begins anew: a server may refuse again and again


class Phase(enum.Enum):
    """Where the client stands."""

    OFF = "off"
    SELECTING = "selecting"
    REQUESTING = "requesting"
    BOUND = "bound"
    RENEWING = "renewing"

    __hash__ = object.__hash__  # members are one of a kind; Enum's own hashes the name each time


class Change(enum.Enum):
    """What has become of the lease."""

    NONE = "none"
    BOUND = "bound"
    RENEWED = "renewed"
    LOST = "lost"


NAMELESS = "a server without a name"


def _useless(reply: Reply) -> str:
    """Say why nobody could use what is offered, "" if one could."""
    if not reply.address or not reply.server:
        return "it offers no address"
    if not is_unicast(reply.address):
        return f"it offers {reply.address}, which no host can have"
    return "it offers an address for 0 s" if reply.lease == 0 else ""


def _serves(reply: Reply) -> str:
    return ""


class Client:
    """The client of one link. `judge` says why an offer does not serve, "" if it does.

    Each call returns what has become of the lease; the messages to send are in `out` afterwards,
    and `due` is when to call `on_time`, None while nothing is due.
    """

    def __init__(
        self,
        mac: str,
        judge: Callable[[Reply], str] = _serves,
        host: str = "",
        identifier: bytes = b"",
    ) -> None:
        """`host`, `identifier`: what the server may know the machine by, options 12 and 61."""
        self.mac = mac
        self._known = {"host": host, "identifier": identifier.hex()}
        self.judge = judge
        self.phase = Phase.OFF
        self.lease: Reply | None = None
        self.bound_at = 0.0
        self.due: float | None = None
        self.out: list[Request] = []
        self.asked = 0  # messages sent in this search
        self.passed_over: dict[str, str] = {}  # server -> why its offer does not serve
        self._xid = 0
        self._began = 0.0
        self._pause = FIRST_PAUSE
        self._offer: Reply | None = None
        self._others: dict[str, Reply] = {}  # by server, for the case that the first is silent
        self._doubted = False  # another server refuses the lease that is renewed

    @property
    def renews_at(self) -> float:
        """When the lease is to be renewed; infinite for a lease without end."""
        lease = self.lease
        if lease is None or lease.lease is None:
            return float("inf")
        renew = lease.renew or lease.lease * RENEW  # one of 0 s would be asked for without end
        return self.bound_at + min(renew, lease.lease * REBIND)

    @property
    def ends_at(self) -> float:
        """When the lease is over."""
        lease = self.lease
        return float("inf") if lease is None or lease.lease is None else self.bound_at + lease.lease

    def begin(self, now: float) -> None:
        """Search for a server, from the start."""
        self.phase, self.lease, self._offer = Phase.SELECTING, None, None
        self._doubted = False
        self._others, self.passed_over = {}, {}
        self._began, self._pause, self.asked = now, FIRST_PAUSE, 0
        # No random number, so that a journal replays. Servers tell clients by their hardware
        # address; the xid has only to differ from that of a search before.
        self._xid = crc32(f"{self.mac} {now:.6f}".encode())
        self._discover(now)

    def adopt(self, lease: Reply, bound_at: float, now: float) -> None:
        """Go on with a lease that an engine before this one has got."""
        self.phase, self.lease, self.bound_at = Phase.BOUND, lease, bound_at
        self._xid, self._began = lease.xid, now
        self._await_renewal()

    def renew_now(self, now: float) -> None:
        """Ask whether the lease still holds: the link may be on another network."""
        if self.phase in (Phase.BOUND, Phase.RENEWING):
            self._renew(now)

    def stop(self) -> None:
        """Neither send nor listen any more. A lease stays what it is."""
        self.phase, self.due = Phase.OFF, None

    # What comes in

    def received(self, reply: Reply, now: float) -> Change:
        """Take a server's message."""
        if self.phase is Phase.OFF or reply.xid != self._xid:
            return Change.NONE
        if reply.kind is DhcpKind.OFFER:
            self._take_offer(reply, now)
            return Change.NONE
        if self.phase not in (Phase.REQUESTING, Phase.RENEWING):
            return Change.NONE
        if reply.kind is DhcpKind.ACK:
            return self._take_ack(reply, now)
        if reply.kind is DhcpKind.NAK and self._is_another(reply):
            # Its network, or only its table: the server of the lease has a moment to answer.
            self._doubted = True
            self.due = min(now + FIRST_PAUSE, self.due or now + FIRST_PAUSE)
        elif reply.kind is DhcpKind.NAK and self._is_asked(reply):
            was = self.lease
            self._search_again(now, NAK_PAUSE)
            return Change.LOST if was is not None else Change.NONE
        return Change.NONE

    def on_time(self, now: float) -> Change:
        """The time has come that `due` says."""
        if self.due is None or now < self.due:
            return Change.NONE
        match self.phase:
            case Phase.SELECTING:
                self._discover(now)
            case Phase.REQUESTING:
                self._request_again(now)
            case Phase.BOUND | Phase.RENEWING if now >= self.ends_at or self._doubted:
                self._search_again(now, 0.0)
                return Change.LOST
            case Phase.BOUND | Phase.RENEWING:
                self._renew(now)
            case Phase.OFF:
                self.due = None
        return Change.NONE

    def _is_asked(self, reply: Reply) -> bool:
        """True for a message of the server whose offer was taken, or that names none."""
        return self._offer is None or reply.server in ("", self._offer.server)

    def _is_another(self, reply: Reply) -> bool:
        """True for a message about a lease by a server that has not given it."""
        renewing = self.phase is Phase.RENEWING and self.lease is not None
        return renewing and self.lease is not None and reply.server not in ("", self.lease.server)

    def _take_offer(self, offer: Reply, now: float) -> None:
        if why := _useless(offer) or self.judge(offer):
            self.passed_over[offer.server or NAMELESS] = why
            return
        if self.phase is Phase.SELECTING:
            self._request(offer, now)
        elif self.phase is Phase.REQUESTING:
            self._others[offer.server] = offer

    def _take_ack(self, ack: Reply, now: float) -> Change:
        if not self._is_asked(ack):
            return Change.NONE
        if why := _useless(ack._replace(server=ack.server or NAMELESS)):
            self.passed_over[ack.server or NAMELESS] = why
            return Change.NONE
        if self.phase is Phase.REQUESTING and (why := self.judge(ack)):
            self.passed_over[ack.server] = why
            return Change.NONE
        had = self.lease.address if self.lease is not None else ""
        if self._is_another(ack) and (ack.address != had or self.judge(ack)):
            return Change.NONE
        before, self.lease, self.bound_at = self.lease, ack, now
        again, self._doubted = self.phase is Phase.RENEWING, False
        self.phase = Phase.BOUND
        self._await_renewal()
        same = again and before is not None and before.address == ack.address
        return Change.RENEWED if same else Change.BOUND

    # What goes out

    def _send(self, kind: DhcpKind, now: float, **fields: str) -> None:
        self.asked += 1
        self.out.append(Request(kind, self._xid, int(now - self._began), **fields, **self._known))

    def _discover(self, now: float) -> None:
        self._send(DhcpKind.DISCOVER, now)
        self._wait(now)

    def _wait(self, now: float) -> None:
        self.due, self._pause = now + self._pause, min(self._pause * 2, LONGEST_PAUSE)

    def _request(self, offer: Reply, now: float) -> None:
        self.phase, self._offer, self._pause = Phase.REQUESTING, offer, FIRST_PAUSE
        self._others.pop(offer.server, None)
        self.asked = 0
        self._ask(offer, now)

    def _ask(self, offer: Reply, now: float) -> None:
        self._send(DhcpKind.REQUEST, now, wanted=offer.address, server=offer.server)
        self._wait(now)

    def _request_again(self, now: float) -> None:
        if self._others and self.asked > 1:
            _, other = self._others.popitem()
            self._request(other, now)
        elif self._offer is not None and self.asked < REQUESTS:
            self._ask(self._offer, now)
        else:
            self.phase, self._pause = Phase.SELECTING, FIRST_PAUSE
            self._discover(now)

    def _search_again(self, now: float, pause: float) -> None:
        self.begin(now)
        if pause:
            self.out.clear()
            self.asked, self._pause, self.due = 0, FIRST_PAUSE, now + pause

    def _renew(self, now: float) -> None:
        assert self.lease is not None
        self.phase, self._offer, self._doubted = Phase.RENEWING, None, False
        self._send(DhcpKind.REQUEST, now, client=self.lease.address)
        pause = max(SHORTEST_RENEWAL_PAUSE, (self.ends_at - now) / 2)
        self.due = min(now + pause, self.ends_at)

    def _await_renewal(self) -> None:
        found = min(self.renews_at, self.ends_at)
        self.due = None if found == float("inf") else found
