"""The links that there are: gives them what they are to have, and one of those that compete a turn.

`linkfacts` says what becomes of a link as it changes, `linkleases` what its lease does.

A lease's address is installed without an end. The kernel would take an address with one away when
it is over, and the root with it, if the real system does not renew it; the worst of the other is
that the server gives the address away, which it does not do unless it got no answer from it. So
the engine renews a lease while it lives, and the handover tells the real system of it.
"""

from initpy.core.jobs.timers import Timer
from initpy.core.netsettings import LinkRequest
from initpy.core.network import ipv6
from initpy.core.network.actions import Configure, NameHost
from initpy.core.network.leasing import arm, record
from initpy.core.network.link import Link, LinkState, key_of, leads_to, leased, told_addresses
from initpy.core.network.linkconfig import config_of
from initpy.core.network.moves import move
from initpy.core.network.serverhost import towards
from initpy.core.network.values import LinkConfig
from initpy.core.state.context import Context

FAILURES, PAUSE = 5, 2.0  # of the configuration of one link; seconds between two


class Links:
    """The owner of all links."""

    def __init__(self) -> None:
        self._all: dict[str, Link] = {}  # by their keys
        self._number = 0  # of the last configuration
        self._active: dict[LinkRequest, str] = {}  # of requests for any link: which has its turn
        self._undecided = False  # links wait for an address, and none of them has its turn
        self.news = False  # a link has become ready, or is not any more
        self.marked: set[str] = set()  # subjects for whose jobs something is new
        self.resolver = ""  # the text of resolv.conf, as it was recorded last

    def every(self) -> list[Link]:
        """All links, in a steady order; one with both versions of IP twice."""
        return [self._all[key] for key in sorted(self._all)]

    def of(self, name: str) -> list[Link]:
        """The link of that name, for each version of IP that it is to have."""
        found = (self._all.get(key_of(name, version)) for version in (4, 6))
        return [each for each in found if each is not None]

    def find(self, key: str) -> Link | None:
        """The link, or the part of it, with that key."""
        return self._all.get(key)

    def add(self, link: Link) -> None:
        """Take a link in."""
        self._all[link.key] = link

    def remove(self, link: Link) -> None:
        """Forget a link that is not there any more."""
        del self._all[link.key]

    def ready(self) -> list[Link]:
        """The links that have what they were to get."""
        return [each for each in self.every() if each.state is LinkState.READY]

    def ready_for(self, server: str) -> list[Link]:
        """Those that may lead to a server: with its version of IP, if that is known.

        A link without a request for that version may have addresses of the kernel's own.
        """
        return towards(server, self.ready(), lambda each: len(self.of(each.name)) == 1)

    def named(self) -> list[str]:
        """The links that have what they were to get, and that the user has named: they stay."""
        return [each.name for each in self.ready() if not each.shares]

    # Configuration

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

    # Whose turn it is

    def offer(self, context: Context, link: Link) -> None:
        """The link could have its address: now, or when it has its turn."""
        request = link.request
        assert request is not None
        if link.shares and not link.further and self._active.get(request) != link.name:
            active = self._active.get(request)
            move(context, link, LinkState.SPARE, f"{active} is tried first" if active else "")
            # Not at once: a link that comes with this same event may have its address already.
            self._undecided = self._undecided or active is None
            return
        config = config_of(context.settings.network, link)
        if ipv6.has_its_own(request) and config == LinkConfig():
            self._is_ready(context, link)
        else:
            self.configure(context, link, config)

    def decide(self, context: Context) -> None:
        """Give the turn of each request that no link has to one of those that wait for it."""
        if not self._undecided:
            return
        self._undecided = False
        spare = [each for each in self.every() if each.state is LinkState.SPARE]
        spare.sort(key=lambda each: (not each.had_address, each.useless, each.since))
        for link in spare:
            assert link.request is not None
            if link.request not in self._active:
                self._active[link.request] = link.name
                self._take_back(context, link)
                self.offer(context, link)
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
                self.offer(context, link)
                return True
        return False

    def leads_nowhere(self, context: Context, link: Link) -> bool:
        """The root is not reached over this link; True if another one has its turn now."""
        link.useless = context.now
        return self.pass_on(context, link)

    def pass_on(self, context: Context, link: Link) -> bool:
        """Give the turn of a link to another that could have its address."""
        request = link.request
        if request is None or self._active.get(request) != link.name:
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
                del self._active[request]
                self._undecided = True
            return False
        chosen = min(spare, key=lambda each: each.useless)
        if link.key in self._all and link.config != LinkConfig():
            self.configure(context, link, LinkConfig())
            if link.state is LinkState.READY:
                move(context, link, LinkState.SPARE, "the root is not reached over it")
        self.news = True
        self._active[request] = chosen.name
        self.offer(context, chosen)
        return True
