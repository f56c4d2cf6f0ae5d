"""Brings links up as they appear, gets them leases, and gives one of those that compete an address.

A lease's address is installed without an end. The kernel would take an address with one away when
it is over, and the root with it, if the real system does not renew it; the worst of the other is
that the server gives the address away, which it does not do unless it got no answer from it. So
the engine renews a lease while it lives, and the handover tells the real system of it.
"""

from initpy.core.devices.graph import Device
from initpy.core.jobs.timers import Timer
from initpy.core.netsettings import LinkRequest
from initpy.core.network import ipv6, othernames
from initpy.core.network.actions import Configure, NameHost
from initpy.core.network.dhcp import Change
from initpy.core.network.leasing import adopt, arm, flush, record, report, stop
from initpy.core.network.link import (
    Link,
    LinkState,
    key_of,
    leads_to,
    leased,
    told_addresses,
    uses_dhcp,
)
from initpy.core.network.linkconfig import config_of
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
from initpy.core.network.renames import Renames
from initpy.core.network.requests import requests_for
from initpy.core.network.serverhost import towards
from initpy.core.network.starting import switch_on
from initpy.core.network.unsupported import no_ethernet
from initpy.core.network.values import LinkConfig, Reply
from initpy.core.network.virtual import carried_by, declared
from initpy.core.state.context import Context

ETHERNET = "1"  # ARPHRD_ETHER of if_arp.h
FAILURES, PAUSE = 5, 2.0  # of the configuration of one link; seconds between two
# A link without a way to the root may have one later: its server was down, say.
USELESS_SECONDS = 30.0


class Links:
    """The owner of all links."""

    def __init__(self) -> None:
        self._all: dict[str, Link] = {}  # by their keys
        self._number = 0  # of the last configuration
        self.active: dict[LinkRequest, str] = {}  # of requests for any link: which has its turn
        self.news = False  # a link has become ready, or is not any more
        self._renames = Renames()
        self.marked: set[str] = set()  # subjects for whose jobs something is new
        self.resolver = ""  # the text of resolv.conf, as it was recorded last
        self.undecided = False  # links wait for an address, and none of them has its turn

    def every(self) -> list[Link]:
        """All links, in a steady order; one with both versions of IP twice."""
        return [self._all[key] for key in sorted(self._all)]

    def of(self, name: str) -> list[Link]:
        """The link of that name, for each version of IP that it is to have."""
        found = (self._all.get(key_of(name, version)) for version in (4, 6))
        return [each for each in found if each is not None]

    def ready(self) -> list[Link]:
        """The links that have what they were to get."""
        return [each for each in self.every() if each.state is LinkState.READY]

    def ready_for(self, server: str) -> list[Link]:
        """Those that may lead to a server: with its version of IP, if that is known.

        A link without a request for that version may have addresses of the kernel's own.
        """
        return towards(server, self.ready(), lambda each: len(self.of(each.name)) == 1)

    # Facts

    def changed(self, context: Context, device: Device) -> None:
        """A link is there, or has changed."""
        name, known = device.name.removeprefix(NET_FOLDER), device.properties
        mac, settings = known.get(MAC, ""), context.settings.network
        if self._renames.begin(context, name, mac, lambda each: bool(self.of(each))):
            return
        othernames.settle(context, device)
        links = self.of(name)
        if any(each.mac != mac for each in links):
            if name in declared(settings) or any(_asks_for(each, mac) for each in links):
                for each in links:
                    self._other_mac(context, each, mac)
            else:
                self.gone(context, name)
        links = self.of(name) or self._appears(context, device, mac)
        self._step(context, links, known.get(UP) == "1", known.get(CARRIER) == "1")
        for each in links:
            self._after_6(context, each, ipv6.learn(context, each, known))
        for upper in carried_by(settings, name):  # it may be switched on only now
            self._look_again(context, upper)

    def _appears(self, context: Context, device: Device, mac: str) -> list[Link]:
        """Take a link in, for each version of IP that the user wants of it."""
        name, known = device.name.removeprefix(NET_FOLDER), device.properties
        ether = known.get(TYPE, ETHERNET) == ETHERNET and MASTER not in known
        found = requests_for(context.settings.network, name, mac)
        if found and not ether and MASTER not in known:
            context.report(f"{name}: {no_ethernet(known[TYPE])}; it is not set up")
        found = found if ether else ()
        for request in found or (None,):
            link = Link(name, mac, request, othernames.others_of(device))
            link.since = context.now
            self._all[link.key] = link
            adopt(context, link, known.get(LEASE, ""))
        return self.of(name)

    def _other_mac(self, context: Context, link: Link, mac: str) -> None:
        """A link has a member's MAC address, or the one asked for. Its lease stays what it is."""
        link.mac = mac
        if link.state is LinkState.SEARCHING and link.client is not None:
            stop(context, link)
            link.client = None
            self._begin(context, link)

    def _look_again(self, context: Context, name: str) -> None:
        links, device = self.of(name), context.devices.get(NET_FOLDER + name)
        starting = [each for each in links if each.state is LinkState.STARTING]
        if device is not None and starting:
            self._step(context, starting, device.properties.get(UP) == "1", False)

    def gone(self, context: Context, name: str) -> None:
        """A link is not there any more."""
        for link in self.of(name):
            del self._all[link.key]
            stop(context, link)
            context.machine.timers.cancel(Timer.LINK, link.key)
            self.news = True
            self._pass_on(context, link)

    def freed(self, context: Context, name: str) -> None:
        """No link has this name any more: another one may be waiting for it."""
        for device in self._renames.freed(context, name):
            self.changed(context, device)

    def _step(self, context: Context, links: list[Link], up: bool, carrier: bool) -> None:
        """Bring a link further, with its flags as they are now."""
        waiting = [each for each in links if each.state is not LinkState.LEFT]
        for link in waiting:
            if link.request is None:
                carry(context, link, up)
            elif not up:
                waits = waits_for(context, link)
                self._lose(context, link, LinkState.STARTING, f"waits for {waits}" if waits else "")
            elif not carrier:
                self._lose(context, link, LinkState.NO_CARRIER, "is the cable plugged in?")
            elif link.state in (LinkState.STARTING, LinkState.NO_CARRIER):
                self._begin(context, link)
        wanted = [each for each in waiting if each.request is not None]
        if wanted and not up:
            switch_on(context, wanted)

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
        link = self._all.get(key_of(name, 4))
        if link is not None and link.client is not None:
            self._after(context, link, link.client.received(reply, context.now))

    def malformed(self, context: Context, name: str, error: str) -> None:
        """A message was dropped because it is not understood; it is told once."""
        if (link := self._all.get(key_of(name, 4))) is None:
            return
        link.dropped += 1
        if link.dropped == 1:
            context.report(f"{name}: dropped a DHCP message: {error}", detail=True)

    def timer(self, context: Context, key: str) -> None:
        """The time has come that a link waits for."""
        link = self._all.get(key)
        if link is None:
            return
        if link.state is LinkState.CONFIGURING:
            self.configure(context, link, link.config)
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
            elif link.state is LinkState.READY and not context.goals.root_mounted:
                config = config_of(context.settings.network, link)
                if config != link.config:  # another router, say
                    context.report(
                        f"{link.name}: the renewed lease has another router or MTU", detail=True
                    )
                    self.configure(context, link, config)
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
        report(context, link)
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
            self.configure(context, link, LinkConfig())
        move(context, link, LinkState.SEARCHING)
        self.news = True
        self._pass_on(context, link)

    # Configuration, and whose turn it is

    def _offer(self, context: Context, link: Link) -> None:
        """The link could have its address: now, or when it has its turn."""
        request = link.request
        assert request is not None
        if link.shares and not link.further and self.active.get(request) != link.name:
            active = self.active.get(request)
            move(context, link, LinkState.SPARE, f"{active} is tried first" if active else "")
            # Not at once: a link that comes with this same event may have its address already.
            self.undecided = self.undecided or active is None
            return
        config = config_of(context.settings.network, link)
        if ipv6.has_its_own(request) and config == LinkConfig():
            self._is_ready(context, link)
        else:
            self.configure(context, link, config)

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
                self._take_back(context, link)
                self._offer(context, link)
            elif link.had_address:
                link.had_address = False
                self.configure(context, link, LinkConfig())

    def _take_back(self, context: Context, link: Link) -> None:
        """The link has the turn of others whose cable is out: their routes would lead nowhere."""
        for each in self.every():
            competes = each is not link and each.shares and each.request is link.request
            # An engine before this one may have given it its address.
            if competes and not each.further and (each.had_address or each.config != LinkConfig()):
                each.had_address = False
                self.configure(context, each, LinkConfig())

    def configure(self, context: Context, link: Link, config: LinkConfig) -> None:
        """Have the kernel give a link just this."""
        self._number += 1
        link.number, link.config = self._number, config
        record(context, link)
        if config != LinkConfig():
            move(context, link, LinkState.CONFIGURING, told_addresses(config))
        context.current.act(Configure(link.name, link.number, config, link.version))

    def configured(self, context: Context, name: str, number: int, error: str) -> None:
        """A configuration was carried out, or has failed."""
        link = next((each for each in self.of(name) if each.number == number), None)
        if link is None or link.state is not LinkState.CONFIGURING:
            return
        if not error:
            self._is_ready(context, link)
            return
        link.failures += 1
        link.reason = error
        context.report(f"{name}: it cannot have {told_addresses(link.config)}: {error}")
        if link.failures < FAILURES:
            context.machine.timers.start(Timer.LINK, link.key, context.now + PAUSE)

    def _is_ready(self, context: Context, link: Link) -> None:
        """The link has what it was to get."""
        link.failures = 0
        move(context, link, LinkState.READY, told_addresses(link.config))
        arm(context, link)
        if link.request is not None and link.request.hostname:
            context.current.act(NameHost(link.request.hostname))
        self.news = True

    def join(self, context: Context, way: str, server: str) -> bool:
        """Give one more link an address, as a server is in the network of its lease alone.

        The link that has the turn keeps its own: something stands on that.
        """
        if any(leads_to(each.config, server) for each in self.ready()):
            return False
        requests = [each.request for each in self.of(way)]
        for link in self.every():
            request, lease = link.request, link.lease
            if request is None or request not in requests or lease is None:
                continue
            if link.state is LinkState.SPARE and leads_to(leased(request, lease), server):
                link.further = True
                self._offer(context, link)
                return True
        return False

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
            if link.key not in self._all or link.state is not LinkState.READY:
                del self.active[request]
                self.undecided = True
            return False
        chosen = min(spare, key=lambda each: each.useless)
        if link.key in self._all and link.config != LinkConfig():
            self.configure(context, link, LinkConfig())
            if link.state is LinkState.READY:
                move(context, link, LinkState.SPARE, "the root is not reached over it")
        self.news = True
        self.active[request] = chosen.name
        self._offer(context, chosen)
        return True

    def named(self) -> list[str]:
        """The links that have what they were to get, and that the user has named: they stay."""
        return [each.name for each in self.ready() if not each.shares]


def _asks_for(link: Link, mac: str) -> bool:
    """True if the user wants a link to have this MAC address."""
    return link.request is not None and link.request.mac == mac
