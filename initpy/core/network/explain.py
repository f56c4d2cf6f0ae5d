"""The nodes of the tree for links: carrier, address, lease, and why not."""

from collections.abc import Iterator

from initpy.core.explanation import Node
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.instance import JobState
from initpy.core.netsettings import IscsiRoot, NbdRoot, NetworkSettings, NvmeRoot, Target
from initpy.core.network.exports import Exports
from initpy.core.network.iscsi import units
from initpy.core.network.link import Link, LinkState
from initpy.core.network.links import Links
from initpy.core.network.targets import Targets
from initpy.core.network.virtual import below, declared
from initpy.core.state.context import Context


def nodes(context: Context) -> Iterator[Node]:
    """The links, those first that are used, and what is known of the root."""
    links, exports = context.technologies.own(Links), context.technologies.own(Exports)
    settings = context.settings.network
    if settings is None:
        return
    lost = exports.way is None or not exports.address
    if exports.problem and lost and not context.goals.root_mounted:
        yield Node("root on the network", "unknown", reason=exports.problem)
    targets = context.technologies.own(Targets)
    if targets.problem and not context.goals.root_mounted:
        yield Node("root on the network", "unknown", reason=targets.problem)
    for name, target, told in targets.every():
        if told:
            yield Node(*_target(name, target), reason=f"{target.server}: {told}")
        elif isinstance(target, IscsiRoot) and _is_logged_in(context, name):
            reason = f"{target.server}: it shows {_shown(units(context, target))}"
            yield Node(f"target {target.target}", "logged in", reason=reason)
    every = links.every()
    for link in sorted(every, key=lambda each: (each.request is None, each.name)):
        both = len(links.of(link.name)) > 1
        yield _node(context, link, exports.way is link, f" (IPv{link.version})" if both else "")
    if settings.off and settings.root_needs_link:
        reason = "ip=off keeps them down: leave it out, or name an interface in ip="
        yield Node("all links", "not used", reason=reason)
    elif not every and settings.root_needs_link:
        wanted = ", ".join(str(each.match) for each in settings.links)
        yield Node(
            f"link {wanted}",
            "not seen",
            reason="no network card has been seen: its driver may be missing in the image",
        )
    yield from _boot_link(settings, every)
    missing = {each.match.name for each in settings.links if each.match.name}
    matched = {each.request.match.name for each in every if each.request is not None}
    for name in sorted(missing - matched - {each.name for each in every}) if every else ():
        there = ", ".join(each.name for each in every)
        reason = f"ip= names it; there are: {there}"
        if (made := declared(settings).get(name)) is not None:
            reason = f"it is made of {', '.join(below(made))}; there are: {there}"
        yield Node(f"link {name}", "not seen", reason=reason)


def _boot_link(settings: NetworkSettings, every: list[Link]) -> Iterator[Node]:
    """Say that no card has the MAC address of BOOTIF=, bootdev= or ip=."""
    asked = {each.match.mac for each in settings.links} - {""}
    if settings.boot_link is not None and settings.boot_link.mac:
        asked.add(settings.boot_link.mac)
    there = ", ".join(f"{each.mac} ({each.name})" for each in every)
    for mac in sorted(asked - {each.mac for each in every}) if every else ():
        reason = f"BOOTIF=, bootdev= or ip= names its MAC address; there are: {there}"
        yield Node(f"link {mac}", "not seen", reason=reason)


def _target(name: str, target: Target) -> tuple[str, str]:
    """What a target that is not there is called, and its state."""
    match target:
        case IscsiRoot():
            return f"target {target.target}", "login failed"
        case NvmeRoot():
            return f"target {target.subsystem or 'of NVMe discovery'}", "not connected"
        case NbdRoot():
            return f"target {target.export or name}", "login failed"


def _is_logged_in(context: Context, name: str) -> bool:
    logins = (each for each in context.machine.on(name) if each.strategy is Strategy.ISCSI_LOGIN)
    return any(each.state is JobState.DONE for each in logins)


def _shown(found: list[tuple[str, str]]) -> str:
    """Say which units a target shows: the one in root= may not be among them."""
    if not found:
        return "no unit to this machine"
    each = ", ".join(f"{number} ({device})" for number, device in sorted(found))
    return f"the unit{'s' if len(found) > 1 else ''} {each}"


def _node(context: Context, link: Link, leads: bool, version: str) -> Node:
    reasons = [link.reason]
    if link.lease is not None and link.state is LinkState.READY:
        reasons.append(f"lease of {link.lease.server}")
    if link.dropped:
        reasons.append(f"{link.dropped} malformed DHCP messages dropped")
    if leads:
        reasons.append("it is taken for the way to the server of the root")
    due = link.client.due if link.client is not None else None
    searching = link.state is LinkState.SEARCHING and due is not None
    return Node(
        f"link {link.name}{version}",
        link.state.value,
        link.since,
        max(0.0, due - context.now) if searching and due is not None else None,
        "; ".join(filter(None, reasons)),
    )
