"""Lets the user call a card by any name that udev knows (systemd.link(5), AlternativeNamesPolicy=).

Once a card has its name for good, the settings have that name wherever the user wrote another one
of it: in `ip=`, `bootdev=`, `vlan=`, `bond=`, `bridge=`, `rd.route=`, and as the link that a name
server is on. So readers of the settings know one name alone. A name that another link has, or is
to have, means that link.
"""

from initpy.core.devices.graph import Device
from initpy.core.netsettings import LinkMatch, LinkRequest, NetworkSettings
from initpy.core.network.properties import ALTNAMES, NET_FOLDER
from initpy.core.network.values import on_link, zone_of
from initpy.core.network.virtual import declared
from initpy.core.state.context import Context


def settle(context: Context, card: Device) -> None:
    """Have the settings call a card by its own name."""
    settings, name = context.settings.network, card.name.removeprefix(NET_FOLDER)
    if settings is None:
        return
    taken = {name, *declared(settings), *(each for _, each in settings.names)}
    others = {
        each
        for each in others_of(card)
        if each not in taken and context.devices.get(NET_FOLDER + each) is None
    }
    if others:
        called = _called(settings, others, name)
        context.settings = context.settings._replace(network=called)


def others_of(card: Device) -> tuple[str, ...]:
    """Return the further names by which udev knows a card."""
    return tuple(card.properties.get(ALTNAMES, "").split())


def _called(settings: NetworkSettings, others: set[str], name: str) -> NetworkSettings:
    """The settings with a card's own name instead of each other one."""

    def own(written: str) -> str:
        return name if written in others else written

    def owns(written: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(map(own, written)))

    def match(written: LinkMatch) -> LinkMatch:
        return written._replace(name=own(written.name))

    def request(written: LinkRequest) -> LinkRequest:  # links know theirs by its identity
        changed = written.match.name in others
        return written._replace(match=match(written.match)) if changed else written

    def server(written: str) -> str:
        return on_link(written, name) if zone_of(written) in others else written

    return settings._replace(
        links=tuple(map(request, settings.links)),
        boot_link=match(settings.boot_link) if settings.boot_link is not None else None,
        vlans=tuple(each._replace(parent=own(each.parent)) for each in settings.vlans),
        bonds=tuple(each._replace(members=owns(each.members)) for each in settings.bonds),
        bridges=tuple(each._replace(members=owns(each.members)) for each in settings.bridges),
        routes=tuple(each._replace(name=own(each.name)) for each in settings.routes),
        nameservers=tuple(map(server, settings.nameservers)),
    )
