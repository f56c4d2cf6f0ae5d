"""What the lease of a link does: answers of DHCP servers, and the moments that a link waits for."""

from initpy.core.network import ipv6
from initpy.core.network.dhcp import Change
from initpy.core.network.leasing import flush, record, report, stop
from initpy.core.network.link import Link, LinkState, key_of
from initpy.core.network.linkconfig import config_of
from initpy.core.network.links import Links
from initpy.core.network.moves import limit_of, move, told_of
from initpy.core.network.values import LinkConfig, Reply
from initpy.core.state.context import Context


def received(context: Context, links: Links, name: str, reply: Reply) -> None:
    """A DHCP server has answered."""
    link = links.find(key_of(name, 4))
    if link is not None and link.client is not None:
        _after(context, links, link, link.client.received(reply, context.now))


def malformed(context: Context, links: Links, name: str, error: str) -> None:
    """A message was dropped because it is not understood; it is told once."""
    if (link := links.find(key_of(name, 4))) is None:
        return
    link.dropped += 1
    if link.dropped == 1:
        context.report(f"{name}: dropped a DHCP message: {error}", detail=True)


def timer(context: Context, links: Links, key: str) -> None:
    """The time has come that a link waits for."""
    link = links.find(key)
    if link is None:
        return
    if link.state is LinkState.CONFIGURING:
        links.configure(context, link, link.config)
    elif context.now >= limit_of(context.settings.network, link):
        _give_up(context, links, link)
    elif link.client is not None:
        _after(context, links, link, link.client.on_time(context.now))


def _after(context: Context, links: Links, link: Link, change: Change) -> None:
    client = link.client
    assert client is not None
    if change is Change.LOST:
        _lost(context, links, link)
    elif change is not Change.NONE:
        link.lease = client.lease
        record(context, link)
        if change is Change.BOUND:
            _bound(context, links, link)
        elif link.state is LinkState.READY and not context.goals.root_mounted:
            config = config_of(context.settings.network, link)
            if config != link.config:  # another router, say
                context.report(
                    f"{link.name}: the renewed lease has another router or MTU", detail=True
                )
                links.configure(context, link, config)
    if link.state is LinkState.SEARCHING:
        link.reason = told_of(client)
    flush(context, link)


def _give_up(context: Context, links: Links, link: Link) -> None:
    """The user's limit is over: ask no more until the cable was out."""
    if marked := ipv6.goes_on(context, link):
        links.marked |= marked
        return
    what = "lease" if link.state is LinkState.SEARCHING else "router advertisement"
    why = f"no {what} within {context.now - link.since:.0f} s"
    context.report(f"{link.name}: {why}; it is given up")
    stop(context, link)
    link.client = None
    move(context, link, LinkState.GIVEN_UP, why)


def _bound(context: Context, links: Links, link: Link) -> None:
    report(context, link)
    links.offer(context, link)


def _lost(context: Context, links: Links, link: Link) -> None:
    """The lease is over, or was refused. What is mounted keeps its address."""
    link.lease = None
    if context.goals.root_mounted:
        context.report(f"{link.name}: the lease was not renewed; the address is kept")
        stop(context, link)
        return
    context.report(f"{link.name}: the lease is lost, asking again")
    record(context, link)
    if link.config != LinkConfig():
        links.configure(context, link, LinkConfig())
    move(context, link, LinkState.SEARCHING)
    links.news = True
    links.pass_on(context, link)
