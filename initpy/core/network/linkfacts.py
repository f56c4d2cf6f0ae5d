"""What becomes of links as they appear, change and go: each is brought up, and begins.

What a link begins with is its request: a search for a lease, a wait for a router, or its address.
"""

from initpy.core.devices.graph import Device
from initpy.core.jobs.timers import Timer
from initpy.core.network import ipv6, othernames
from initpy.core.network.dhcp import Change
from initpy.core.network.leasing import adopt, flush, stop
from initpy.core.network.link import Link, LinkState, uses_dhcp
from initpy.core.network.links import Links
from initpy.core.network.moves import carry, client_for, move, waits_for
from initpy.core.network.properties import CARRIER, LEASE, MAC, MASTER, NET_FOLDER, TYPE, UP
from initpy.core.network.renames import Renames
from initpy.core.network.requests import requests_for
from initpy.core.network.starting import switch_on
from initpy.core.network.unsupported import no_ethernet
from initpy.core.network.virtual import carried_by, declared
from initpy.core.state.context import Context

ETHERNET = "1"  # ARPHRD_ETHER of if_arp.h


def changed(context: Context, links: Links, device: Device) -> None:
    """A link is there, or has changed."""
    name, known = device.name.removeprefix(NET_FOLDER), device.properties
    mac, settings = known.get(MAC, ""), context.settings.network
    renames = context.technologies.own(Renames)
    if renames.begin(context, name, mac, lambda each: bool(links.of(each))):
        return
    othernames.settle(context, device)
    parts = links.of(name)
    if any(each.mac != mac for each in parts):
        if name in declared(settings) or any(_asks_for(each, mac) for each in parts):
            for each in parts:
                _other_mac(context, links, each, mac)
        else:
            gone(context, links, name)
    parts = links.of(name) or _appears(context, links, device, mac)
    _step(context, links, parts, known.get(UP) == "1", known.get(CARRIER) == "1")
    for each in parts:
        _after_6(context, links, each, ipv6.learn(context, each, known))
    for upper in carried_by(settings, name):  # it may be switched on only now
        _look_again(context, links, upper)


def _appears(context: Context, links: Links, device: Device, mac: str) -> list[Link]:
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
        links.add(link)
        adopt(context, link, known.get(LEASE, ""))
    return links.of(name)


def _other_mac(context: Context, links: Links, link: Link, mac: str) -> None:
    """A link has a member's MAC address, or the one asked for. Its lease stays what it is."""
    link.mac = mac
    if link.state is LinkState.SEARCHING and link.client is not None:
        stop(context, link)
        link.client = None
        _begin(context, links, link)


def _look_again(context: Context, links: Links, name: str) -> None:
    parts, device = links.of(name), context.devices.get(NET_FOLDER + name)
    starting = [each for each in parts if each.state is LinkState.STARTING]
    if device is not None and starting:
        _step(context, links, starting, device.properties.get(UP) == "1", False)


def gone(context: Context, links: Links, name: str) -> None:
    """A link is not there any more."""
    for link in links.of(name):
        links.remove(link)
        stop(context, link)
        context.machine.timers.cancel(Timer.LINK, link.key)
        links.news = True
        links.pass_on(context, link)


def _step(context: Context, links: Links, parts: list[Link], up: bool, carrier: bool) -> None:
    """Bring a link further, with its flags as they are now."""
    waiting = [each for each in parts if each.state is not LinkState.LEFT]
    for link in waiting:
        if link.request is None:
            carry(context, link, up)
        elif not up:
            waits = waits_for(context, link)
            _lose(context, links, link, LinkState.STARTING, f"waits for {waits}" if waits else "")
        elif not carrier:
            _lose(context, links, link, LinkState.NO_CARRIER, "is the cable plugged in?")
        elif link.state in (LinkState.STARTING, LinkState.NO_CARRIER):
            _begin(context, links, link)
    wanted = [each for each in waiting if each.request is not None]
    if wanted and not up:
        switch_on(context, wanted)


def _lose(context: Context, links: Links, link: Link, state: LinkState, reason: str) -> None:
    """The link cannot carry anything. Its address stays: what stands on it waits."""
    if not move(context, link, state, reason):
        return
    links.news = True
    if link.client is not None and link.lease is None:
        stop(context, link)
    links.pass_on(context, link)


def _begin(context: Context, links: Links, link: Link) -> None:
    """The link can carry frames: ask for a lease, or give it what the request says."""
    assert link.request is not None
    if link.lease is not None and link.client is not None:
        link.client.renew_now(context.now)  # it may be another network by now
        links.offer(context, link)
        flush(context, link)
    elif ipv6.uses_it(link.request):
        links.marked |= ipv6.begin(context, link)
    elif not uses_dhcp(link.request):
        links.offer(context, link)
    elif not context.goals.root_mounted:
        link.client = link.client or client_for(context, link, link.request)
        link.client.begin(context.now)
        move(context, link, LinkState.SEARCHING)
        flush(context, link)


def _after_6(context: Context, links: Links, link: Link, change: Change) -> None:
    if change is Change.BOUND:
        links.offer(context, link)
    elif change is not Change.NONE:
        links.news = True
        if change is Change.LOST:
            _lose(context, links, link, LinkState.LISTENING, "its addresses have expired")


def freed(context: Context, links: Links, name: str) -> None:
    """No link has this name any more: another one may be waiting for it."""
    for device in context.technologies.own(Renames).freed(context, name):
        changed(context, links, device)


def _asks_for(link: Link, mac: str) -> bool:
    """True if the user wants a link to have this MAC address."""
    return link.request is not None and link.request.mac == mac
