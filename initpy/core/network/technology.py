"""The network as a technology: where the boot's events, timers and hooks meet its owners."""

from collections.abc import Iterable

from initpy.core.devices.graph import NET, Device
from initpy.core.explanation import Node
from initpy.core.jobs.definitions import Index, Strategy
from initpy.core.jobs.instance import Instance
from initpy.core.jobs.technology import Technology
from initpy.core.network import keep, keepfiles
from initpy.core.network.events import (
    DhcpMalformed,
    DhcpReceived,
    LinkConfigured,
    LinkJoined,
    LinkMade,
    NetworkEvent,
    Resolved,
)
from initpy.core.network.exports import RESOLVE, Exports
from initpy.core.network.iscsi import records as iscsi_records
from initpy.core.network.links import Links
from initpy.core.network.properties import DHCP6, NET_FOLDER, TARGET_FOLDER
from initpy.core.network.targets import Targets, logs_in
from initpy.core.network.unsupported import unsupported
from initpy.core.network.virtual import MAKE, VirtualLinks, stands_on
from initpy.core.state.context import Context


def begin(context: Context, jobs: Index) -> tuple[Device, ...]:
    """The engine runs (again): return the subjects that the command line declares."""
    if context.settings.network is not None:
        for line in unsupported(context.settings.network, logs_in(jobs), DHCP6 in jobs.by_property):
            context.report(f"not supported: {line}")
        for record in iscsi_records(context.settings.network):
            context.current.act(record)
    export = context.technologies.own(Exports).begin(context)
    targets = context.technologies.own(Targets).begin(context)
    return (*filter(None, (export,)), *targets)


def take(context: Context, event: NetworkEvent) -> None:
    """Take an event of the network in."""
    links = context.technologies.own(Links)
    match event:
        case DhcpReceived(link, reply):
            links.received(context, link, reply)
        case DhcpMalformed(link, error):
            links.malformed(context, link, error)
        case LinkConfigured(link, number, error):
            links.configured(context, link, number, error)
        case LinkMade(link, error):
            context.technologies.own(VirtualLinks).made(context, link, error)
        case LinkJoined(link, master, error):
            context.technologies.own(VirtualLinks).joined(context, link, master, error)
        case Resolved(host, address, error):
            context.technologies.own(Exports).resolved(context, host, address, error)


def timer(context: Context, key: str) -> None:
    """A timer of the network is due."""
    if key == RESOLVE:
        context.technologies.own(Exports).resolve_again(context)
    elif key.startswith(MAKE):
        context.technologies.own(VirtualLinks).timer(context, key)
    else:
        context.technologies.own(Links).timer(context, key)


def technology() -> Technology:
    """The hooks."""
    return Technology(
        "network",
        changed=_changed,
        gone=_gone,
        unsettled=_unsettled,
        handover=_hand_over,
        ended=_ended,
        nodes=_nodes,
    )


def _ended(context: Context, instance: Instance) -> Iterable[str]:
    """A login has ended: where it has failed, another link may lead to the server.

    A DHCPv6 client has ended: its link may have an address.
    """
    name = instance.subject or ""
    if name.startswith(NET_FOLDER):
        return _changed(context, name)
    if name.startswith(TARGET_FOLDER) and instance.status and instance.strategy is Strategy.RUN:
        links = context.technologies.own(Links)
        if (link := links.find(context.technologies.own(Targets).way_of(name))) is not None:
            links.leads_nowhere(context, link)
    return ()


def _nodes(context: Context) -> Iterable[Node]:
    from initpy.core.network.explain import nodes  # most boots never show a tree

    return nodes(context)


def _changed(context: Context, name: str) -> Iterable[str]:
    device = context.devices.get(name)
    if device is not None and device.kind is NET and context.settings.network is not None:
        context.technologies.own(Links).changed(context, device)
        context.technologies.own(VirtualLinks).look(context)
    return ()


def _gone(context: Context, device: Device | None, name: str) -> Iterable[str]:
    if device is not None and device.kind is NET:
        link = name.removeprefix(NET_FOLDER)
        context.technologies.own(Links).gone(context, link)
        context.technologies.own(VirtualLinks).gone(context, link)
    return ()


def _unsettled(context: Context) -> Iterable[str]:
    links, exports = context.technologies.own(Links), context.technologies.own(Exports)
    links.decide(context)
    if links.news:
        links.news = False
        exports.look(context, links)
        context.technologies.own(Targets).look(context, links)
    marked, links.marked = links.marked, set()
    return (
        *sorted(marked),
        *exports.unsettled(context),
        *context.technologies.own(Targets).unsettled(context),
    )


def _hand_over(context: Context) -> None:
    """Leave only the links up that root stands on."""
    exports, links = context.technologies.own(Exports), context.technologies.own(Links)
    ways = {exports.way.name} if exports.way is not None else set[str]()
    ways |= context.technologies.own(Targets).ways
    if ways:  # an engine that was started again does not know
        kept = stands_on(context.settings.network, (*ways, *links.named()))
        links.leave(context, ways, kept)
        context.technologies.own(VirtualLinks).leave(context, kept)
    ready = sorted(links.ready(), key=lambda each: each.name not in ways)
    for record in keepfiles.files(keep.kept(context, each) for each in ready):
        context.current.act(record)
