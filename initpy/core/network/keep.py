"""What the real system is to know of a link, from what the engine knows of it."""

from math import isfinite

from initpy.core.netsettings import NetworkSettings
from initpy.core.network.keepfiles import Kept
from initpy.core.network.link import Link
from initpy.core.network.targets import Targets
from initpy.core.network.virtual import declared, stands_on
from initpy.core.state.context import Context


def kept(context: Context, link: Link) -> Kept:
    """Return the facts of a link that stays up."""
    settings, request, lease = context.settings.network, link.request, link.lease
    settings = settings or NetworkSettings()
    left = link.client.ends_at - context.now if link.client is not None else float("inf")
    dns = [str(each) for each in settings.nameservers]
    dns += [str(each) for each in request.dns] if request is not None else []
    ntp = [str(each) for each in request.ntp] if request is not None else []
    search: tuple[str, ...] = ()
    if lease is not None:
        ntp += lease.ntp
        if settings.peer_dns:
            dns += lease.dns
            search = lease.search or tuple(filter(None, (lease.domain,)))
    if settings.peer_dns:
        dns += link.dns_6
    return Kept(
        name=link.name,
        mac=link.mac,
        addresses=(*link.config.addresses, *link.config.learned),
        learned=link.config.learned,
        made=link.name in declared(settings),
        below=tuple(sorted(stands_on(settings, (link.name,)) - {link.name})),
        routes=link.config.routes,
        mtu=link.config.mtu,
        dns=tuple(dict.fromkeys(dns)),
        search=search,
        ntp=tuple(dict.fromkeys(ntp)),
        hostname=request.hostname if request is not None else "",
        lease=lease,
        seconds=max(left, 0.0) if isfinite(left) else None,
        identifier=request.client_id.hex() if request is not None else "",
        iscsi=link.name in context.technologies.own(Targets).iscsi_ways,
    )
