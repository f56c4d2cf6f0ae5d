"""What a link is to have, by its request and what servers have given it."""

from initpy.core.netsettings import NetworkSettings
from initpy.core.network import ipv6
from initpy.core.network.link import Link, leased, static, with_routes, without_default
from initpy.core.network.values import LinkConfig


def config_of(settings: NetworkSettings | None, link: Link) -> LinkConfig:
    """Return its addresses, routes and MTU; the link has a request."""
    request, lease = link.request, link.lease
    assert request is not None
    config = leased(request, lease) if lease else static(request)
    if ipv6.uses_it(request):
        config = ipv6.config(link, request)
    if settings is not None and settings.routes:
        config = with_routes(config, link.name, settings.routes)
    return without_default(config) if link.further else config
