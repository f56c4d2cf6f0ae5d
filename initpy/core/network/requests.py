"""Which request of the user is for a link."""

from initpy.core.netsettings import LinkRequest, NetworkSettings
from initpy.core.network.unsupported import is_supported
from initpy.core.network.virtual import declared, master_of


def request_for(settings: NetworkSettings | None, name: str, mac: str) -> LinkRequest | None:
    """What the user wants of this link; None: nothing, or what is not supported.

    A request that names the link goes before one for any link, which is restricted by BOOTIF=.
    A MAC address means a card: VLANs, bonds and bridges have that of a link below.
    """
    if settings is None or settings.off or master_of(settings, name) is not None:
        return None
    card = "" if name in declared(settings) else mac
    for each in settings.links:
        named = each.match.name == name or (card and each.match.mac == card)
        if not each.match.any and named:
            return each if is_supported(each) else None
    boot = settings.boot_link
    if boot is not None and not boot.any and name != boot.name and (not card or card != boot.mac):
        return None
    found = next((each for each in settings.links if each.match.any), None)
    return found if found is not None and is_supported(found) else None


def name_for(settings: NetworkSettings, name: str, mac: str) -> str:
    """The name that ifname= has for a card, else the one that it has.

    A link that was made has the MAC address of a card, a member that of another one.
    """
    if name in declared(settings) or master_of(settings, name) is not None:
        return name
    return next((each for known, each in settings.names if known == mac), name)
