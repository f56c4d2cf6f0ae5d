"""Switches a link on that is to have addresses."""

from initpy.core.network import ipv6
from initpy.core.network.actions import SwitchLink
from initpy.core.network.link import Link
from initpy.core.network.moves import waits_for
from initpy.core.state.context import Context


def switch_on(context: Context, links: list[Link]) -> None:
    """Switch a link on unless a parent has to be on first; LINKS: it, for each version of IP."""
    if context.goals.root_mounted or waits_for(context, links[0]):
        return
    for each in links:
        each.switched_on = True
        ipv6.prepare(context, each)
    name, mac = links[0].name, links[0].mac
    wanted = next((each.request.mac for each in links if each.request and each.request.mac), "")
    context.current.act(SwitchLink(name, True, wanted if wanted != mac else ""))
