"""Brings links up as they appear, gets them leases, and gives one of those that compete an address.

A lease's address is installed without an end. The kernel would take an address with one away when
it is over, and the root with it, if the real system does not renew it; the worst of the other is
that the server gives the address away, which it does not do unless it got no answer from it. So
the engine renews a lease while it lives, and the handover tells the real system of it.
"""

import json
from collections.abc import Callable

from initpy.core.actions import Moved, Record
from initpy.core.devices.graph import Device
from initpy.core.jobs.timers import Timer
from initpy.core.netsettings import LinkRequest, NetworkSettings
from initpy.core.network.actions import Configure, RenameLink, SendDhcp, StopDhcp, SwitchLink
from initpy.core.network.dhcp import Change, Client, Phase
from initpy.core.network.link import (
    Link,
    LinkState,
    leased,
    resolver,
    static,
    uses_dhcp,
    with_routes,
)
from initpy.core.network.properties import CARRIER, LEASE, MAC, NET_FOLDER, TYPE, UP
from initpy.core.network.unsupported import is_supported
from initpy.core.network.values import LinkConfig, Reply, plain_reply, reply_of, shown
from initpy.core.secret import Secret
from initpy.core.state.context import Context

ETHERNET = "1"  # ARPHRD_ETHER of if_arp.h
FAILURES, PAUSE = 5, 2.0  # of the configuration of one link; seconds between two
# What the journal calls the states, in the words for jobs: pictures have a lane for each link.
PHASES = {
    LinkState.UNUSED: "skipped",
    LinkState.STARTING: "waiting",
    LinkState.NO_CARRIER: "waiting",
    LinkState.SEARCHING: "running",
    LinkState.SPARE: "ready",
    LinkState.CONFIGURING: "awaiting",
    LinkState.READY: "done",
    LinkState.LEFT: "withdrawn",
}
RECORDS = "lease."  # leases in /run/initpy, by link, for an engine after this one
# A link without a way to the root may have one later: its server was down, say.
USELESS_SECONDS = 30.0


def request_for(settings: NetworkSettings, name: str, mac: str) -> LinkRequest | None:
    """What the user wants of this link; None: nothing.

    A request that names the link goes before one for any link, which is restricted by BOOTIF=.
    """
    if settings.off:
        return None
    for each in settings.links:
        if not each.match.any and (each.match.name == name or each.match.mac == mac):
            return each
    boot = settings.boot_link
    if boot is not None and not boot.any and name != boot.name and mac != boot.mac:
        return None
    return next((each for each in settings.links if each.match.any), None)


class Links:
    """The owner of all links."""

    def __init__(self) -> None:
        self._all: dict[str, Link] = {}
        self.active: dict[LinkRequest, str] = {}  # of requests for any link: which has its turn
        self.news = False  # a link has become ready, or is not any more
        self._renamed: set[str] = set()  # MAC addresses
        self.undecided = False  # links wait for an address, and none of them has its turn

    def every(self) -> list[Link]:
        """All links, in a steady order."""
        return [self._all[name] for name in sorted(self._all)]

    def find(self, name: str) -> Link | None:
        """The link of that name."""
        return self._all.get(name)

    def ready(self) -> list[Link]:
        """The links that have what they were to get."""
        return [each for each in self.every() if each.state is LinkState.READY]

    # Facts

    def changed(self, context: Context, device: Device) -> None:
        """A link is there, or has changed."""
        name, known = device.name.removeprefix(NET_FOLDER), device.properties
        link = self._all.get(name)
        mac = known.get(MAC, "")
        settings = context.settings.network
        if settings is not None and self._rename(context, settings, name, mac):
            return
        if link is None or link.mac != mac:
            ether = known.get(TYPE, ETHERNET) == ETHERNET
            found = request_for(settings, name, mac) if settings is not None and ether else None
            if found is not None and not is_supported(found):
                found = None  # which was told
            if link is not None:
                self.gone(context, name)
            link = self._all[name] = Link(name, mac, found)
            link.since = context.now
            self._adopt(context, link, known.get(LEASE, ""))
        self._step(context, link, known.get(UP) == "1", known.get(CARRIER) == "1")

    def _rename(self, context: Context, settings: NetworkSettings, name: str, mac: str) -> bool:
        """Have a link renamed that ifname= has another name for, once; True if so."""
        wanted = next((each for known, each in settings.names if known == mac), name)
        taken = context.devices.get(NET_FOLDER + wanted) is not None
        if wanted == name or mac in self._renamed or taken or context.goals.root_mounted:
            return False
        self._renamed.add(mac)
        context.current.act(RenameLink(name, wanted))
        return True

    def gone(self, context: Context, name: str) -> None:
        """A link is not there any more."""
        link = self._all.pop(name, None)
        if link is None:
            return
        self._stop(context, link)
        context.machine.timers.cancel(Timer.LINK, name)
        self.news = True
        self._pass_on(context, link)

    def _adopt(self, context: Context, link: Link, record: str) -> None:
        """Take over the lease that an engine before this one has got."""
        if link.request is None or not record or not uses_dhcp(link.request):
            return
        known = json.loads(record)
        if known is None:
            return
        bound_at, values, link.had_address = known
        lease = reply_of(values)
        link.client = _client(context, link, link.request)
        link.client.adopt(lease, bound_at, context.now)
        link.lease = lease
        self._arm(context, link)

    def _step(self, context: Context, link: Link, up: bool, carrier: bool) -> None:
        """Bring a link further, with its flags as they are now."""
        if link.request is None or link.state is LinkState.LEFT:
            return
        if not up:
            self._lose(context, link, LinkState.STARTING, "")
            if not context.goals.root_mounted:
                link.switched_on = True
                context.current.act(SwitchLink(link.name, True))
        elif not carrier:
            self._lose(context, link, LinkState.NO_CARRIER, "is the cable plugged in?")
        elif link.state in (LinkState.STARTING, LinkState.NO_CARRIER):
            self._begin(context, link)

    def _lose(self, context: Context, link: Link, state: LinkState, reason: str) -> None:
        """The link cannot carry anything. Its address stays: what stands on it waits."""
        if not _move(context, link, state, reason):
            return
        self.news = True
        if link.client is not None and link.lease is None:
            self._stop(context, link)
        self._pass_on(context, link)

    def _begin(self, context: Context, link: Link) -> None:
        """The link can carry frames: ask for a lease, or give it what the request says."""
        assert link.request is not None
        if link.lease is not None and link.client is not None:
            link.client.renew_now(context.now)  # it may be another network by now
            self._offer(context, link)
            self._flush(context, link)
        elif not uses_dhcp(link.request):
            self._offer(context, link)
        elif not context.goals.root_mounted:
            link.client = link.client or _client(context, link, link.request)
            link.client.begin(context.now)
            _move(context, link, LinkState.SEARCHING)
            self._flush(context, link)

    # Leases

    def received(self, context: Context, name: str, reply: Reply) -> None:
        """A DHCP server has answered."""
        link = self._all.get(name)
        if link is not None and link.client is not None:
            self._after(context, link, link.client.received(reply, context.now))

    def malformed(self, context: Context, name: str, error: str) -> None:
        """A message was dropped because it is not understood; it is told once."""
        if (link := self._all.get(name)) is None:
            return
        link.dropped += 1
        if link.dropped == 1:
            context.report(f"{name}: dropped a DHCP message: {error}", detail=True)

    def timer(self, context: Context, name: str) -> None:
        """The time has come that a link waits for."""
        link = self._all.get(name)
        if link is None:
            return
        if link.state is LinkState.CONFIGURING:
            self._configure(context, link, link.config)
        elif link.client is not None:
            self._after(context, link, link.client.on_time(context.now))

    def _after(self, context: Context, link: Link, change: Change) -> None:
        client = link.client
        assert client is not None
        if change is Change.LOST:
            self._lost(context, link)
        elif change is not Change.NONE:
            link.lease = client.lease
            self._record(context, link)
            if change is Change.BOUND:
                self._bound(context, link)
        if link.state is LinkState.SEARCHING:
            link.reason = _search(client)
        self._flush(context, link)

    def _record(self, context: Context, link: Link) -> None:
        """Leave the lease for an engine after this one, and whether the link has its address."""
        if link.client is None:
            return
        lease, has = link.lease, link.config != LinkConfig()
        known = [link.client.bound_at, plain_reply(lease), has] if lease is not None else None
        text = json.dumps(known)
        if lease is not None and shown(lease.root_path) != lease.root_path:
            secret = Secret(text.encode())
            context.current.act(Record(RECORDS + link.name, "", secret=secret))
        else:
            context.current.act(Record(RECORDS + link.name, text))

    def _bound(self, context: Context, link: Link) -> None:
        assert link.lease is not None
        lease = link.lease
        names = f", root-path {shown(lease.root_path)}" if lease.root_path else ""
        span = "for ever" if lease.lease is None else f"for {lease.lease:.0f} s"
        context.report(
            f"{link.name}: {lease.address} {span} from {lease.server}{names}", detail=True
        )
        self._offer(context, link)

    def _lost(self, context: Context, link: Link) -> None:
        """The lease is over, or was refused. What is mounted keeps its address."""
        link.lease = None
        if context.goals.root_mounted:
            context.report(f"{link.name}: the lease was not renewed; the address is kept")
            self._stop(context, link)
            return
        context.report(f"{link.name}: the lease is lost, asking again")
        self._record(context, link)
        if link.config != LinkConfig():
            self._configure(context, link, LinkConfig())
        _move(context, link, LinkState.SEARCHING)
        self.news = True
        self._pass_on(context, link)

    def _flush(self, context: Context, link: Link) -> None:
        """Send what the client has to send, and arm its timer."""
        client = link.client
        if client is None:
            return
        for each in client.out:
            context.current.act(SendDhcp(link.name, each))
        client.out.clear()
        self._arm(context, link)

    def _arm(self, context: Context, link: Link) -> None:
        due = link.client.due if link.client is not None else None
        if due is None:
            context.machine.timers.cancel(Timer.LINK, link.name)
        else:
            context.machine.timers.start(Timer.LINK, link.name, due)

    def _stop(self, context: Context, link: Link) -> None:
        if link.client is not None and link.client.phase is not Phase.OFF:
            link.client.stop()
            context.current.act(StopDhcp(link.name))
            context.machine.timers.cancel(Timer.LINK, link.name)

    # Configuration, and whose turn it is

    def _offer(self, context: Context, link: Link) -> None:
        """The link could have its address: now, or when it has its turn."""
        request = link.request
        assert request is not None
        if link.shares and self.active.get(request) != link.name:
            active = self.active.get(request)
            _move(context, link, LinkState.SPARE, f"{active} is tried first" if active else "")
            # Not at once: a link that comes with this same event may have its address already.
            self.undecided = self.undecided or active is None
            return
        lease, settings = link.lease, context.settings.network
        config = leased(request, lease) if lease else static(request)
        if settings is not None and settings.routes:
            config = with_routes(config, link.name, settings.routes)
        self._configure(context, link, config)

    def decide(self, context: Context) -> None:
        """Give the turn of each request that no link has to one of those that wait for it."""
        if not self.undecided:
            return
        self.undecided = False
        spare = [each for each in self.every() if each.state is LinkState.SPARE]
        spare.sort(key=lambda each: (not each.had_address, each.useless, each.since))
        for link in spare:
            assert link.request is not None
            if link.request not in self.active:
                self.active[link.request] = link.name
                self._offer(context, link)
            elif link.had_address:
                link.had_address = False
                self._configure(context, link, LinkConfig())

    def _configure(self, context: Context, link: Link, config: LinkConfig) -> None:
        link.number += 1
        link.config = config
        self._record(context, link)
        if config != LinkConfig():
            _move(context, link, LinkState.CONFIGURING, ", ".join(config.addresses))
        context.current.act(Configure(link.name, link.number, config))

    def configured(self, context: Context, name: str, number: int, error: str) -> None:
        """A configuration was carried out, or has failed."""
        link = self._all.get(name)
        if link is None or link.number != number or link.state is not LinkState.CONFIGURING:
            return
        if not error:
            link.failures = 0
            _move(context, link, LinkState.READY, ", ".join(link.config.addresses))
            self._arm(context, link)
            if text := resolver(context.settings.network, link):
                context.current.act(Record("resolv.conf", text, "/etc"))
            self.news = True
            return
        link.failures += 1
        link.reason = error
        context.report(f"{name}: it cannot have {', '.join(link.config.addresses)}: {error}")
        if link.failures < FAILURES:
            context.machine.timers.start(Timer.LINK, name, context.now + PAUSE)

    def leads_nowhere(self, context: Context, link: Link) -> bool:
        """The root is not reached over this link; True if another one has its turn now."""
        link.useless = context.now
        return self._pass_on(context, link)

    def _pass_on(self, context: Context, link: Link) -> bool:
        """Give the turn of a link to another that could have its address."""
        request = link.request
        if request is None or self.active.get(request) != link.name:
            return False
        if context.goals.root_mounted:
            return False
        spare = [
            each
            for each in self.every()
            if each.request is request and each.state is LinkState.SPARE
        ]
        if not spare:
            if link.name not in self._all or link.state is not LinkState.READY:
                del self.active[request]
                self.undecided = True
            return False
        chosen = min(spare, key=lambda each: each.useless)
        if link.name in self._all and link.config != LinkConfig():
            self._configure(context, link, LinkConfig())
            if link.state is LinkState.READY:
                _move(context, link, LinkState.SPARE, "the root is not reached over it")
        self.news = True
        self.active[request] = chosen.name
        self._offer(context, chosen)
        return True

    def leave(self, context: Context, needed: set[str]) -> None:
        """The root is mounted: set the links down again that it does not stand on."""
        for link in self.every():
            if link.name in needed or link.request is None:
                continue
            if not link.shares and link.state is LinkState.READY:
                continue  # the user has named it
            self._stop(context, link)
            if link.config != LinkConfig():
                self._configure(context, link, LinkConfig())
            if link.switched_on:
                context.current.act(SwitchLink(link.name, False))
            _move(context, link, LinkState.LEFT)


def _move(context: Context, link: Link, state: LinkState, reason: str = "") -> bool:
    """Bring a link to a state, and note it in the journal; True if it is another one."""
    before = link.state
    news = link.move(state, context.now, reason)
    if news:
        words = PHASES[before], PHASES[state]
        if words[0] != words[1]:
            said = ": ".join(filter(None, (state.value, reason)))
            context.current.act(Moved(f"link@{NET_FOLDER}{link.name}", *words, said))
    return news


def _client(context: Context, link: Link, request: LinkRequest) -> Client:
    return Client(link.mac, _judge(context), request.hostname, request.client_id)


def _judge(context: Context) -> Callable[[Reply], str]:
    """Return why an offer does not serve this boot, "" if it does."""
    settings = context.settings.network

    def judge(reply: Reply) -> str:
        if settings is not None and settings.from_dhcp and not reply.root_path:
            return "it names no root (option 17)"
        return ""

    return judge


def _search(client: Client) -> str:
    """What a search has come to, for the user."""
    told = [f"{server}: {why}" for server, why in client.passed_over.items()]
    return "; ".join((f"asked {client.asked} times", *told))
