"""Brings links up as they appear, gets them leases, and gives one of those that compete an address.

A lease's address is installed without an end. The kernel would take an address with one away when
it is over, and the root with it, if the real system does not renew it; the worst of the other is
that the server gives the address away, which it does not do unless it got no answer from it. So
the engine renews a lease while it lives, and the handover tells the real system of it.
"""

import json

from initpy.core.actions import Record
from initpy.core.devices.graph import Device
from initpy.core.jobs.timers import Timer
from initpy.core.netsettings import LinkRequest, NetworkSettings
from initpy.core.network import ipv6
from initpy.core.network.actions import (
    Configure,
    NameHost,
    RenameLink,
    SwitchLink,
)
from initpy.core.network.dhcp import Change
from initpy.core.network.leasing import arm, flush, record, stop
from initpy.core.network.link import (
    Link,
    LinkState,
    leased,
    resolver,
    static,
    told_addresses,
    uses_dhcp,
    with_routes,
)
from initpy.core.network.moves import carry, client_for, limit_of, move, told_of, waits_for
from initpy.core.network.properties import (
    CARRIER,
    LEASE,
    MAC,
    MASTER,
    NET_FOLDER,
    TYPE,
    UP,
)
from initpy.core.network.requests import name_for, request_for
from initpy.core.network.values import LinkConfig, Reply, reply_of, shown
from initpy.core.network.virtual import carried_by, declared
from initpy.core.state.context import Context

ETHERNET = "1"  # ARPHRD_ETHER of if_arp.h
FAILURES, PAUSE = 5, 2.0  # of the configuration of one link; seconds between two
# A link without a way to the root may have one later: its server was down, say.
USELESS_SECONDS = 30.0


class Links:
    """The owner of all links."""

    def __init__(self) -> None:
        self._all: dict[str, Link] = {}
        self.active: dict[LinkRequest, str] = {}  # of requests for any link: which has its turn
        self.news = False  # a link has become ready, or is not any more
        self._renamed: set[str] = set()  # MAC addresses
        self.marked: set[str] = set()  # subjects for whose jobs something is new
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
        made = name in declared(settings)
        if link is not None and made and link.mac != mac:
            self._other_mac(context, link, mac)
        elif link is None or link.mac != mac:
            if link is not None:
                self.gone(context, name)
            ether = known.get(TYPE, ETHERNET) == ETHERNET and MASTER not in known
            found = request_for(settings, name, mac) if ether else None
            link = self._all[name] = Link(name, mac, found)
            link.since = context.now
            self._adopt(context, link, known.get(LEASE, ""))
        self._step(context, link, known.get(UP) == "1", known.get(CARRIER) == "1")
        self._after_6(context, link, ipv6.learn(context, link, known))
        for upper in carried_by(settings, name):  # it may be switched on only now
            self._look_again(context, upper)

    def _other_mac(self, context: Context, link: Link, mac: str) -> None:
        """A bond or bridge has the MAC address of a member now. Its lease stays what it is."""
        link.mac = mac
        if link.state is LinkState.SEARCHING:
            stop(context, link)
            link.client = None
            self._begin(context, link)

    def _look_again(self, context: Context, name: str) -> None:
        link, device = self._all.get(name), context.devices.get(NET_FOLDER + name)
        if link is not None and device is not None and link.state is LinkState.STARTING:
            self._step(context, link, device.properties.get(UP) == "1", False)

    def _rename(self, context: Context, settings: NetworkSettings, name: str, mac: str) -> bool:
        """Have a link renamed that ifname= has another name for, once; True if so."""
        wanted = name_for(settings, name, mac)
        taken = context.devices.get(NET_FOLDER + wanted) is not None
        if mac in self._renamed or taken or context.goals.root_mounted:
            return False
        self._renamed.add(mac)
        context.current.act(RenameLink(name, wanted))
        return True

    def gone(self, context: Context, name: str) -> None:
        """A link is not there any more."""
        link = self._all.pop(name, None)
        if link is None:
            return
        stop(context, link)
        context.machine.timers.cancel(Timer.LINK, name)
        self.news = True
        self._pass_on(context, link)

    def _adopt(self, context: Context, link: Link, text: str) -> None:
        """Take over the lease that an engine before this one has got."""
        if link.request is None or not text or not uses_dhcp(link.request):
            return
        known = json.loads(text)
        if known is None:
            return
        bound_at, values, link.had_address = known
        lease = reply_of(values)
        link.client = client_for(context, link, link.request)
        link.client.adopt(lease, bound_at, context.now)
        link.lease = lease
        arm(context, link)

    def _step(self, context: Context, link: Link, up: bool, carrier: bool) -> None:
        """Bring a link further, with its flags as they are now."""
        if link.state is LinkState.LEFT:
            return
        if link.request is None:
            carry(context, link, up)
            return
        if not up:
            waits = waits_for(context, link)
            self._lose(context, link, LinkState.STARTING, f"waits for {waits}" if waits else "")
            if not context.goals.root_mounted and not waits:
                link.switched_on = True
                ipv6.prepare(context, link)
                context.current.act(SwitchLink(link.name, True))
        elif not carrier:
            self._lose(context, link, LinkState.NO_CARRIER, "is the cable plugged in?")
        elif link.state in (LinkState.STARTING, LinkState.NO_CARRIER):
            self._begin(context, link)

    def _lose(self, context: Context, link: Link, state: LinkState, reason: str) -> None:
        """The link cannot carry anything. Its address stays: what stands on it waits."""
        if not move(context, link, state, reason):
            return
        self.news = True
        if link.client is not None and link.lease is None:
            stop(context, link)
        self._pass_on(context, link)

    def _begin(self, context: Context, link: Link) -> None:
        """The link can carry frames: ask for a lease, or give it what the request says."""
        assert link.request is not None
        if link.lease is not None and link.client is not None:
            link.client.renew_now(context.now)  # it may be another network by now
            self._offer(context, link)
            flush(context, link)
        elif ipv6.uses_it(link.request):
            self.marked |= ipv6.begin(context, link)
        elif not uses_dhcp(link.request):
            self._offer(context, link)
        elif not context.goals.root_mounted:
            link.client = link.client or client_for(context, link, link.request)
            link.client.begin(context.now)
            move(context, link, LinkState.SEARCHING)
            flush(context, link)

    def _after_6(self, context: Context, link: Link, change: Change) -> None:
        if change is Change.BOUND:
            self._offer(context, link)
        elif change is not Change.NONE:
            self.news = True
            if change is Change.LOST:
                self._lose(context, link, LinkState.LISTENING, "its addresses have expired")

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
        elif context.now >= limit_of(context.settings.network, link):
            self._give_up(context, link)
        elif link.client is not None:
            self._after(context, link, link.client.on_time(context.now))

    def _after(self, context: Context, link: Link, change: Change) -> None:
        client = link.client
        assert client is not None
        if change is Change.LOST:
            self._lost(context, link)
        elif change is not Change.NONE:
            link.lease = client.lease
            record(context, link)
            if change is Change.BOUND:
                self._bound(context, link)
        if link.state is LinkState.SEARCHING:
            link.reason = told_of(client)
        flush(context, link)

    def _give_up(self, context: Context, link: Link) -> None:
        """The user's limit is over: ask no more until the cable was out."""
        if marked := ipv6.goes_on(context, link):
            self.marked |= marked
            return
        what = "lease" if link.state is LinkState.SEARCHING else "router advertisement"
        why = f"no {what} within {context.now - link.since:.0f} s"
        context.report(f"{link.name}: {why}; it is given up")
        stop(context, link)
        link.client = None
        move(context, link, LinkState.GIVEN_UP, why)

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
            stop(context, link)
            return
        context.report(f"{link.name}: the lease is lost, asking again")
        record(context, link)
        if link.config != LinkConfig():
            self._configure(context, link, LinkConfig())
        move(context, link, LinkState.SEARCHING)
        self.news = True
        self._pass_on(context, link)

    # Configuration, and whose turn it is

    def _offer(self, context: Context, link: Link) -> None:
        """The link could have its address: now, or when it has its turn."""
        request = link.request
        assert request is not None
        if link.shares and self.active.get(request) != link.name:
            active = self.active.get(request)
            move(context, link, LinkState.SPARE, f"{active} is tried first" if active else "")
            # Not at once: a link that comes with this same event may have its address already.
            self.undecided = self.undecided or active is None
            return
        lease, settings = link.lease, context.settings.network
        config = leased(request, lease) if lease else static(request)
        if ipv6.uses_it(request):
            config = ipv6.config(link, request)
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
        record(context, link)
        if config != LinkConfig():
            move(context, link, LinkState.CONFIGURING, told_addresses(config))
        context.current.act(Configure(link.name, link.number, config))

    def configured(self, context: Context, name: str, number: int, error: str) -> None:
        """A configuration was carried out, or has failed."""
        link = self._all.get(name)
        if link is None or link.number != number or link.state is not LinkState.CONFIGURING:
            return
        if not error:
            link.failures = 0
            move(context, link, LinkState.READY, told_addresses(link.config))
            arm(context, link)
            if text := resolver(context.settings.network, link):
                context.current.act(Record("resolv.conf", text, "/etc"))
            if link.request is not None and link.request.hostname:
                context.current.act(NameHost(link.request.hostname))
            self.news = True
            return
        link.failures += 1
        link.reason = error
        context.report(f"{name}: it cannot have {told_addresses(link.config)}: {error}")
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
                move(context, link, LinkState.SPARE, "the root is not reached over it")
        self.news = True
        self.active[request] = chosen.name
        self._offer(context, chosen)
        return True

    def named(self) -> list[str]:
        """The links that have what they were to get, and that the user has named: they stay."""
        return [each.name for each in self.ready() if not each.shares]

    def leave(self, context: Context, ways: set[str], kept: set[str]) -> None:
        """The root is mounted: set the links down again that it does not stand on.

        `ways`: the links to its server, `kept`: those with an address and all that carries them.
        """
        for link in self.every():
            if link.name in ways or (link.state is LinkState.READY and not link.shares):
                continue
            carries = link.name in kept
            if link.request is None and (carries or not link.switched_on):
                continue
            stop(context, link)
            if link.config != LinkConfig():
                self._configure(context, link, LinkConfig())
            if link.switched_on and not carries:
                context.current.act(SwitchLink(link.name, False))
            move(context, link, LinkState.LEFT)
