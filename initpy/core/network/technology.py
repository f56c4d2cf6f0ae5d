"""The network as a technology: where the boot's events, timers and hooks meet its owners."""

import re
from collections.abc import Iterable

from initpy.core.actions import Record
from initpy.core.devices.graph import NET, Device
from initpy.core.explanation import Node
from initpy.core.jobs.definitions import Index, Strategy
from initpy.core.jobs.instance import Instance
from initpy.core.jobs.technology import Technology
from initpy.core.netsettings import NetworkSettings
from initpy.core.network import (
    firmwarevlans,
    keep,
    keepfiles,
    lateunlock,
    linkfacts,
    linkleases,
)
from initpy.core.network.events import (
    DhcpMalformed,
    DhcpReceived,
    LinkConfigured,
    LinkJoined,
    LinkMade,
    NetworkEvent,
    Resolved,
)
from initpy.core.network.exports import Exports
from initpy.core.network.hostnames import AGAIN
from initpy.core.network.iscsi import records as iscsi_records
from initpy.core.network.leaving import leave
from initpy.core.network.link import resolver
from initpy.core.network.linkfiles import Found
from initpy.core.network.links import Links
from initpy.core.network.properties import DHCP6, NBD, NET_FOLDER, TARGET_FOLDER
from initpy.core.network.serverhost import RESOLVE
from initpy.core.network.targets import Targets, another_way, logs_in
from initpy.core.network.unsupported import unsupported
from initpy.core.network.virtual import MAKE, VirtualLinks, stands_on
from initpy.core.state.context import Context

NAMESPACE = re.compile("nvme[0-9]+n[0-9]+")


def begin(context: Context, jobs: Index) -> tuple[Device, ...]:
    """The engine runs (again): return the subjects that the command line declares."""
    if context.settings.network is not None:
        for line in unsupported(context.settings.network, logs_in(jobs), DHCP6 in jobs.by_property):
            context.report(f"not supported: {line}")
        for record in _records(context.settings.network):
            context.current.act(record)
    export = context.technologies.own(Exports).begin(context)
    targets = context.technologies.own(Targets).begin(context)
    return (*filter(None, (export,)), *targets)


def _records(network: NetworkSettings) -> Iterable[Record]:
    """What the tools that log in need before they start."""
    yield from iscsi_records(network)
    if network.nvme.host_nqn:
        from initpy.core.network import nvme  # few boots have such a target

        yield from nvme.records(network)


def take(context: Context, event: NetworkEvent) -> None:
    """Take an event of the network in."""
    links = context.technologies.own(Links)
    match event:
        case DhcpReceived(link, reply):
            linkleases.received(context, links, link, reply)
        case DhcpMalformed(link, error):
            linkleases.malformed(context, links, link, error)
        case LinkConfigured(link, number, error):
            links.configured(context, link, number, error)
        case LinkMade(link, error):
            context.technologies.own(VirtualLinks).made(context, link, error)
        case LinkJoined(link, master, error):
            context.technologies.own(VirtualLinks).joined(context, link, master, error)
        case Resolved(host, addresses, error):
            context.technologies.own(Exports).resolved(context, host, addresses, error)
            context.technologies.own(Targets).resolved(context, host, addresses, error)


def timer(context: Context, key: str) -> None:
    """A timer of the network is due."""
    if key == RESOLVE:
        context.technologies.own(Exports).resolve_again(context)
    elif key.startswith(AGAIN):
        context.technologies.own(Targets).resolve_again(context, key.removeprefix(AGAIN))
    elif key.startswith(MAKE):
        context.technologies.own(VirtualLinks).timer(context, key)
    elif key.startswith(lateunlock.AGAIN):
        lateunlock.timer(context, key)
    elif key.startswith(TARGET_FOLDER):
        from initpy.core.network import nvme  # no other target has a timer

        nvme.ask_again(context, key)
    else:
        linkleases.timer(context, context.technologies.own(Links), key)


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

    A DHCPv6 client has ended: its link may have an address. An attempt to unlock has ended: its
    disk may have been away.
    """
    name = instance.subject or ""
    lateunlock.ended(context, instance)
    if name.startswith(NET_FOLDER):
        return _changed(context, name)
    if name.startswith(TARGET_FOLDER) and instance.strategy is Strategy.RUN:
        if instance.status:
            context.technologies.own(Targets).note_tried(name)
            another_way(context, name)
        else:
            context.technologies.own(Targets).tell(name, "")
    return ()


def _nodes(context: Context) -> Iterable[Node]:
    from initpy.core.network.explain import nodes  # most boots never show a tree

    return nodes(context)


def _changed(context: Context, name: str) -> Iterable[str]:
    device = context.devices.get(name)
    if device is not None and device.kind is NET and context.settings.network is not None:
        vlan = firmwarevlans.settle(context, device)
        linkfacts.changed(context, context.technologies.own(Links), device)
        if vlan and (there := context.devices.get(NET_FOLDER + vlan)) is not None:
            linkfacts.changed(
                context, context.technologies.own(Links), there
            )  # an engine before has made it
        context.technologies.own(VirtualLinks).look(context)
    elif device is None and name.startswith(NET_FOLDER):
        linkfacts.freed(context, context.technologies.own(Links), name.removeprefix(NET_FOLDER))
    elif device is not None and name.startswith(NBD) and context.settings.network is not None:
        connected = device.properties.get("size", "0") != "0"
        context.technologies.own(Targets).sized(device.node, connected)
    return ()


def _gone(context: Context, device: Device | None, name: str) -> Iterable[str]:
    if device is not None and device.kind is NET:
        link = name.removeprefix(NET_FOLDER)
        linkfacts.gone(context, context.technologies.own(Links), link)
        context.technologies.own(VirtualLinks).gone(context, link)
    elif NAMESPACE.fullmatch(name) and not context.goals.root_mounted:
        context.technologies.own(Targets).namespace_gone()
    return ()


def _record_resolver(context: Context, links: Links) -> None:
    """Have names resolved by the servers that are known now, before any is asked for."""
    text = resolver(context.settings.network, links.ready())
    if text and text != links.resolver:
        links.resolver = text
        context.current.act(Record("resolv.conf", text, "/etc"))


def _unsettled(context: Context) -> Iterable[str]:
    links, exports = context.technologies.own(Links), context.technologies.own(Exports)
    links.decide(context)
    if links.news:
        links.news = False
        _record_resolver(context, links)
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
        leave(context, links, ways, kept)
        context.technologies.own(VirtualLinks).leave(context, kept)
    ready = dict.fromkeys(each.name for each in links.ready())
    first = sorted(ready, key=lambda each: each not in ways)
    there, settings = context.technologies.own(Found).files, context.settings.network
    # With rd.neednet= beside a root on a local disk the network is the real system's to set up.
    stands = bool(ways) or (settings is not None and settings.root_needs_link)
    kept_links = (keep.kept(context, links.of(each)) for each in first)
    for record in keepfiles.files(kept_links, there, stands):
        context.current.act(record)
