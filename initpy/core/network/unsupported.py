"""What the command line asks of the network and this initramfs does not do, in words.

It is told at the start of a boot: what remains may still lead to the root.
"""

from collections.abc import Iterator

from initpy.core.netsettings import (
    IscsiRoot,
    LinkMatch,
    LinkRequest,
    Method,
    NbdRoot,
    NetworkSettings,
    NvmeRoot,
    Target,
)
from initpy.core.network.link import uses_dhcp6
from initpy.core.network.virtual import master_of

# What job files can log in to, by the word for it in TARGET.
KINDS: dict[type, str] = {IscsiRoot: "iscsi", NbdRoot: "nbd"}


def unsupported(
    settings: NetworkSettings, able: frozenset[str], dhcp6: bool = False
) -> Iterator[str]:
    """Say what is left out, a line each.

    `able`: the kinds of targets that the image logs in to; `dhcp6`: it has a DHCPv6 client.
    """
    for request in settings.links:
        if uses_dhcp6(request) and not dhcp6:
            told = "the image has no DHCPv6 client (jobs/extra/dhcp6.toml)"
            yield f"ip={request.match}:{request.method.value}: {told}"
        elif not is_supported(request):
            yield f"ip={request.match}:{request.method.value}: this method without an address"
    yield from _left_out(settings)
    for request in settings.links:
        if (master := master_of(settings, request.match.name)) is not None:
            yield (
                f"ip={request.match}:{request.method.value}: it has no address as a member of "
                f"{master.name}"
            )
    for target in settings.targets:
        kind = KINDS.get(type(target), "")
        if kind not in able:
            has = "this image has no job file for it" if kind else "there is no login to it yet"
            yield f"{_words(target)}: {has}"


def _left_out(settings: NetworkSettings) -> Iterator[str]:
    """Say what of several requests for one link does not count, and of one what is not done."""
    first: dict[LinkMatch, LinkRequest] = {}
    for request in settings.links:
        counts = first.setdefault(request.match, request)
        told = f"ip={request.match}:{request.method.value}"
        if counts is not request:
            yield f"{told}: {counts.method.value} counts for it, as the first"
        if request.mac:
            yield f"{told}: its MAC address stays, {request.mac} is not set"


def is_supported(request: LinkRequest) -> bool:
    """True for a request that a link can be given."""
    if request.method is Method.STATIC:
        return request.address is not None
    return request.method is not Method.IBFT


def _words(target: Target) -> str:
    match target:
        case IscsiRoot():
            return f"the iSCSI target {target.target or 'of ' + target.server}"
        case NbdRoot():
            return f"the NBD export {target.export or 'of ' + target.server}"
        case NvmeRoot():
            return f"the NVMe controller {target.address}"
