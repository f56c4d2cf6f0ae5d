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
from initpy.core.network.link import uses_dhcp

# What job files can log in to, by the word for it in TARGET.
KINDS: dict[type, str] = {IscsiRoot: "iscsi", NbdRoot: "nbd"}
SUPPORTED = (Method.DHCP, Method.SINGLE_DHCP, Method.STATIC)


def unsupported(settings: NetworkSettings, able: frozenset[str]) -> Iterator[str]:
    """Say what is left out, a line each. `able`: the kinds of targets that the image logs in to."""
    for request in settings.links:
        if not is_supported(request):
            yield f"ip={request.match}:{request.method.value}: only DHCPv4 and static addresses"
    for kind, each in (
        *(("vlan", each.name) for each in settings.vlans),
        *(("bond", each.name) for each in settings.bonds),
        *(("bridge", each.name) for each in settings.bridges),
    ):
        yield f"{kind}={each}: links are used as the kernel and udev name them"
    for target in settings.targets:
        kind = KINDS.get(type(target), "")
        if kind not in able:
            has = "this image has no job file for it" if kind else "there is no login to it yet"
            yield f"{_words(target)}: {has}"
    if settings.iscsi.firmware:
        yield "rd.iscsi.firmware: the firmware's table is not read yet"


def is_supported(request: LinkRequest) -> bool:
    """True for a request that a link can be given."""
    return uses_dhcp(request) or (request.method is Method.STATIC and request.address is not None)


def _words(target: Target) -> str:
    match target:
        case IscsiRoot():
            return f"the iSCSI target {target.target or 'of ' + target.server}"
        case NbdRoot():
            return f"the NBD export {target.export or 'of ' + target.server}"
        case NvmeRoot():
            return f"the NVMe controller {target.address}"
