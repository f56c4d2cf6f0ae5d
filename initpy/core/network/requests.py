"""Which requests of the user are for a link."""

from initpy.core.netsettings import LinkRequest, NetworkSettings
from initpy.core.network.unsupported import is_supported
from initpy.core.network.virtual import declared, master_of


def requests_for(settings: NetworkSettings | None, name: str, mac: str) -> tuple[LinkRequest, ...]:
    """What the user wants of this link, at most one request for each version of IP.

    Empty: nothing, or what is not supported.
    A request that names the link goes before one for any link, which is restricted by BOOTIF=.
    A MAC address means a card: VLANs, bonds and bridges have that of a link below. A card may have
    been given another one already.
    """
    if settings is None or settings.off or master_of(settings, name) is not None:
        return ()
    card = "" if name in declared(settings) else mac
    named = [
        each
        for each in settings.links
        if not each.match.any and (each.match.name == name or _is_of_card(each, card))
    ]
    if named:
        return _first_of_each_version(named)
    boot = settings.boot_link
    if boot is not None and not boot.any and name != boot.name and (not card or card != boot.mac):
        return ()
    return _first_of_each_version([each for each in settings.links if each.match.any])


def _is_of_card(request: LinkRequest, card: str) -> bool:
    """True for a request that names a card by its MAC address."""
    return bool(request.match.mac and card and card in (request.match.mac, request.mac))


def _first_of_each_version(those: list[LinkRequest]) -> tuple[LinkRequest, ...]:
    first: dict[int, LinkRequest] = {}
    for each in those:
        first.setdefault(each.version, each)
    return tuple(each for each in first.values() if is_supported(each))


def name_for(settings: NetworkSettings, name: str, mac: str) -> str:
    """The name that ifname= has for a card, else the one that it has.

    A link that was made has the MAC address of a card, a member that of another one.
    """
    if name in declared(settings) or master_of(settings, name) is not None:
        return name
    return next((each for known, each in settings.names if known == mac), name)
