"""Sets down, at the handover, the links that root does not stand on."""

from initpy.core.network.actions import SwitchLink
from initpy.core.network.leasing import stop
from initpy.core.network.link import Link, LinkState
from initpy.core.network.links import Links
from initpy.core.network.moves import move
from initpy.core.network.values import LinkConfig
from initpy.core.state.context import Context


def leave(context: Context, links: Links, ways: set[str], kept: set[str]) -> None:
    """The root is mounted: set the links down again that it does not stand on.

    `ways`: the links to its server, `kept`: those with an address and all that carries them.
    What the user has named, and is ready, stays as well.
    """
    stays = ways | set(links.named())
    for link in links.every():
        if link.name in stays and (link.request is None or _has_any(link)):
            continue
        carries = link.name in kept
        if link.request is None and (carries or not link.switched_on):
            continue
        stop(context, link)
        if link.config != LinkConfig():
            links.configure(context, link, LinkConfig())
        if link.switched_on and not (carries or link.name in stays):
            context.current.act(SwitchLink(link.name, False))
        move(context, link, LinkState.LEFT)


def _has_any(link: Link) -> bool:
    """True if a link has something of this version of IP."""
    return link.state is LinkState.READY or link.config != LinkConfig()
