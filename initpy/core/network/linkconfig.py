"""What a link is to have, by its request and what servers have given it."""

from initpy.core.netsettings import NetworkSettings
from initpy.core.network import ipv6
from initpy.core.network.link import Link, leased, static, with_routes, without_default
from initpy.core.network.requests import requests_for
from initpy.core.network.values import LinkConfig

# The smallest that IPv6 works with (RFC 8200, 5): below it the kernel ends IPv6 on the link.
LEAST_MTU_6 = 1280


def config_of(settings: NetworkSettings | None, link: Link) -> LinkConfig:
    """Return its addresses, routes and MTU; the link has a request."""
    request, lease = link.request, link.lease
    assert request is not None
    config = leased(request, lease) if lease else static(request)
    if not request.mtu and 0 < config.mtu < LEAST_MTU_6 and _has_6(settings, link):
        config = config._replace(mtu=0)
    if ipv6.uses_it(request):
        config = ipv6.config(link, request)
    if settings is not None and settings.routes:
        config = with_routes(config, link.name, settings.routes)
    return without_default(config) if link.further else config


def _has_6(settings: NetworkSettings | None, link: Link) -> bool:
    """True if the link is to have IPv6 as well."""
    return any(each.version == 6 for each in requests_for(settings, link.name, link.mac))
