"""What the command line asks of the network and this initramfs does not do, in words.

It is told at the start of a boot: what remains may still lead to the root.
"""

from collections.abc import Iterator

from initpy.core.netsettings import (
    IscsiRoot,
    LinkRequest,
    Method,
    NbdRoot,
    NetworkSettings,
    NvmeRoot,
    Target,
)
from initpy.core.network.link import uses_dhcp6
from initpy.core.network.virtual import master_of

INFINIBAND = "32"  # ARPHRD_INFINIBAND
# What job files can log in to, by the word for it in TARGET.
KINDS: dict[type, str] = {IscsiRoot: "iscsi", NbdRoot: "nbd", NvmeRoot: "nvme"}


def unsupported(
    settings: NetworkSettings, able: frozenset[str], dhcp6: bool = False
) -> Iterator[str]:
    """Say what is left out, a line each.

    `able`: the kinds of targets that the image logs in to; `dhcp6`: it has a DHCPv6 client.
    """
    for number, request in enumerate(settings.links):
        alone = not any(other.match == request.match for other in settings.links[:number])
        needed = alone or request.method is Method.DHCP6
        if uses_dhcp6(request) and not dhcp6 and needed:
            told = "the image has no DHCPv6 client (jobs/extra/dhcp6.toml)"
            yield f"ip={request.match}:{request.method.value}: {told}"
        elif not is_supported(request) and request.method is not Method.OFF:
            yield f"ip={request.match}:{request.method.value}: this method without an address"
    for request in settings.links:
        if (master := master_of(settings, request.match.name)) is not None:
            yield (
                f"ip={request.match}:{request.method.value}: it has no address as a member of "
                f"{master.name}"
            )
    for target in settings.targets:
        if KINDS[type(target)] not in able:
            yield f"{_words(target)}: this image has no job file for it"


def no_ethernet(kind: str) -> str:
    """Say what a link is that is not of Ethernet, by its type (linux/if_arp.h)."""
    return (
        "it is InfiniBand" if kind == INFINIBAND else f"it is no Ethernet interface (type {kind})"
    )


def is_supported(request: LinkRequest) -> bool:
    """True for a request that a link can be given."""
    if request.method is Method.STATIC:
        return request.address is not None
    return request.method not in (Method.IBFT, Method.NBFT, Method.OFF)


def _words(target: Target) -> str:
    match target:
        case IscsiRoot():
            return f"the iSCSI target {target.target or 'of ' + target.server}"
        case NbdRoot():
            return f"the NBD export {target.export or 'of ' + target.server}"
        case NvmeRoot():
            return f"the NVMe controller {target.server}"
