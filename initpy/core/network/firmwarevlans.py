"""VLANs of the firmware's iSCSI table: it knows the card by its MAC address, not by its name.

Once the card is there, the request is for a VLAN on it as `vlan=` would have it. Its name is
CARD.NUMBER, as dracut has it.
"""

from initpy.core.devices.graph import Device
from initpy.core.netsettings import LinkMatch, LinkRequest, Vlan
from initpy.core.network.properties import MAC, NET_FOLDER
from initpy.core.network.virtual import declared
from initpy.core.state.context import Context


def settle(context: Context, card: Device) -> str:
    """Have the VLANs of a card that has appeared made; the name of one, "" for none."""
    settings, name = context.settings.network, card.name.removeprefix(NET_FOLDER)
    if settings is None or name in declared(settings):
        return ""
    found = next((each for each in settings.links if _is_on(each, name, card)), None)
    if found is None or found.vlan is None:
        return ""
    vlan = Vlan(f"{name}.{found.vlan}", name, found.vlan)
    own = found._replace(match=LinkMatch(name=vlan.name), vlan=None)
    links = tuple(own if each is found else each for each in settings.links)
    settings = settings._replace(links=links, vlans=(*settings.vlans, vlan))
    context.settings = context.settings._replace(network=settings)
    return vlan.name


def _is_on(request: LinkRequest, name: str, card: Device) -> bool:
    """True for a request for a VLAN on this card; the VLAN itself has the card's MAC address."""
    if request.vlan is None or name.endswith(f".{request.vlan}"):
        return False
    return name == request.match.name or card.properties.get(MAC) == request.match.mac
