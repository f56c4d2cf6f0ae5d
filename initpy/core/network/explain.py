"""The nodes of the tree for links: carrier, address, lease, and why not."""

from collections.abc import Iterator

from initpy.core.explanation import Node
from initpy.core.netsettings import IscsiRoot
from initpy.core.network.exports import Exports
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
    if exports.problem and exports.way is None and not context.goals.root_mounted:
        yield Node("root on the network", "unknown", reason=exports.problem)
    for name, target, told in context.technologies.own(Targets).every():
        if told:
            what = target.target if isinstance(target, IscsiRoot) else name
            yield Node(f"target {what}", "login failed", reason=f"{target.server}: {told}")
    every = links.every()
    for link in sorted(every, key=lambda each: (each.request is None, each.name)):
        yield _node(context, link, exports.way is link)
    if not every and settings.root_needs_link:
        wanted = ", ".join(str(each.match) for each in settings.links)
        yield Node(
            f"link {wanted}",
            "not seen",
            reason="no network card has been seen: its driver may be missing in the image",
        )
    missing = {each.match.name for each in settings.links if each.match.name}
    for name in sorted(missing - {each.name for each in every}) if every else ():
        there = ", ".join(each.name for each in every)
        reason = f"ip= names it; there are: {there}"
        if (made := declared(settings).get(name)) is not None:
            reason = f"it is made of {', '.join(below(made))}; there are: {there}"
        yield Node(f"link {name}", "not seen", reason=reason)


def _node(context: Context, link: Link, leads: bool) -> Node:
    reasons = [link.reason]
    if link.lease is not None and link.state is LinkState.READY:
        reasons.append(f"lease of {link.lease.server}")
    if link.dropped:
        reasons.append(f"{link.dropped} malformed DHCP messages dropped")
    if leads:
        reasons.append("leads to the server of the root")
    due = link.client.due if link.client is not None else None
    searching = link.state is LinkState.SEARCHING and due is not None
    return Node(
        f"link {link.name}",
        link.state.value,
        link.since,
        max(0.0, due - context.now) if searching and due is not None else None,
        "; ".join(filter(None, reasons)),
    )
